//! The file server: receives pictures and files, makes pictures smaller, stores and serves them.
//!
//! It does not use the database. Chat works without it.

mod download;
mod kind;
mod limits;
mod picture;
mod response;
mod routes;
mod store;
mod sweep;
mod upload;

use std::io;
use std::sync::Arc;

use anyhow::Context;
use rocket::fairing::AdHoc;
use rocket::figment::providers::Serialized;
use rocket::{Build, Rocket, catchers};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::config::{FilesConfig, Settings};
use crate::http::{RequestGate, SetupWarnings};
use crate::internal_api::SiteClient;
use crate::limits::Rate;
use crate::metrics::Metrics;
use crate::ticket::Secret;
use limits::MAX_RECEIVERS;
pub(crate) use limits::limit_memory;
use routes::default_catcher;
pub use routes::routes;
use store::{DiskSpace, FileStore};
use sweep::NewItems;
use upload::UploadCounts;

struct ImageServer {
    store: Arc<FileStore>,
    site: SiteClient,
    sizes: FilesConfig,
    decoders: Arc<Semaphore>,
    receivers: Semaphore,
    /// Permits to read and discard the rest of a refused upload.
    drains: Semaphore,
    uploads: UploadCounts,
    new_items: NewItems,
    /// Uploads per minute, by user and by address.
    rate: Rate,
    metrics: Arc<Metrics>,
}

impl ImageServer {
    /// Runs `work` on a thread that may block on the disk.
    async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&FileStore) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let store = Arc::clone(&self.store);
        spawn_blocking(move || work(&store)).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Returns the space of the disk, and records it.
    async fn measure_space(&self) -> Option<DiskSpace> {
        let space = self.with_store(FileStore::space).await;
        let space = space.inspect_err(|error| log::error!("space of the disk unknown: error={error}")).ok()?;
        self.metrics.free_bytes.set(i64::try_from(space.free).unwrap_or(i64::MAX));
        Some(space)
    }
}

/// Builds the file server, without launching it.
pub fn build(settings: Settings, secret: Secret) -> anyhow::Result<Rocket<Build>> {
    let images = &settings.images;
    let store = FileStore::open(&images.dir, settings.files.min_free_percent)
        .with_context(|| format!("Cannot use the folder {} for pictures", images.dir.display()))?;
    let server = Arc::new(ImageServer {
        store: Arc::new(store),
        site: SiteClient::new(settings.site.internal_url.clone(), secret)?,
        sizes: settings.files,
        decoders: Arc::new(Semaphore::new(limits::max_decoders())),
        receivers: Semaphore::new(MAX_RECEIVERS),
        drains: Semaphore::new(MAX_RECEIVERS),
        uploads: UploadCounts::default(),
        new_items: NewItems::default(),
        rate: Rate::new(settings.rates.uploads),
        metrics: Arc::new(Metrics::new()),
    });
    let figment = settings.rocket.clone();
    let figment =
        figment.merge(Serialized::global("address", images.address)).merge(Serialized::global("port", images.port));
    let (swept, warnings) = (Arc::clone(&server), SetupWarnings::for_image_server(&settings.var));
    Ok(rocket::custom(figment)
        .manage(settings)
        .manage(warnings)
        .manage(Arc::clone(&server.metrics))
        .manage(server)
        .mount("/", routes())
        .register("/", catchers![default_catcher])
        // Pictures are public, and the site requests them by an internal address. Uploads check the host themselves.
        .attach(RequestGate(|_| true))
        .attach(AdHoc::on_liftoff("Sweep", |_| Box::pin(async move { drop(tokio::spawn(sweep::sweep(swept))) }))))
}
