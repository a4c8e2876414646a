//! The image server: receives a picture, makes it small, keeps it as files, and tells the site where. It touches no
//! database, and nothing of it is needed for chat.

mod compress;
mod response;
mod store;
mod upload;

use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rocket::fairing::AdHoc;
use rocket::figment::providers::Serialized;
use rocket::http::Status;
use rocket::{Build, Request, Rocket, Route, State, catch, catchers, delete, get, options, routes};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::config::Settings;
use crate::controllers;
use crate::error::Error;
use crate::http::{self, RequestGate, SetupWarnings};
use crate::internal_api::{Outcome, SiteClient};
use crate::limits::Rate;
use crate::metrics::Metrics;
use crate::ticket::{Purpose, Secret};
use response::{Bearer, Client, ImageResponse};
use store::{FileName, FileStore};

/// Pictures decoded at once.
const MAX_DECODERS: usize = 2;
/// How often all pictures that nobody has are looked for, new ones, and again when the site does not answer.
const FULL_SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
const RETRY_DELAY: Duration = Duration::from_secs(5);
/// Pictures received at once, and from one user.
const MAX_RECEIVERS: usize = 24;
const UPLOADS_PER_USER: usize = 4;
/// The memory that the process may ask for, in bytes: two of the largest pictures being decoded, and those that come.
const MAX_MEMORY: u64 = 1_536 << 20;

/// What the image server works with.
struct ImageServer {
    store: Arc<FileStore>,
    site: SiteClient,
    decoders: Arc<Semaphore>,
    receivers: Semaphore,
    /// Taken by who is still listened to after a refusal.
    drains: Semaphore,
    /// The uploads under way, by user; locked for lines.
    uploads: Mutex<HashMap<String, usize>>,
    /// Uploads a minute, by user and by address.
    rate: Rate,
    metrics: Arc<Metrics>,
}

impl ImageServer {
    /// Works on the files, on a thread that may wait for the disk.
    async fn disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&FileStore) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let store = Arc::clone(&self.store);
        spawn_blocking(move || work(&store)).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// The image server, not launched yet.
///
/// # Errors
/// A sentence, when its folder cannot be used.
pub fn build(settings: Settings, secret: Secret) -> anyhow::Result<Rocket<Build>> {
    let images = &settings.images;
    let store = FileStore::open(&images.dir)
        .with_context(|| format!("Cannot use the folder {} for pictures", images.dir.display()))?;
    let site = SiteClient::new(settings.site.internal_url.clone(), secret)?;
    let works = Arc::new(ImageServer {
        store: Arc::new(store),
        site,
        decoders: Arc::new(Semaphore::new(MAX_DECODERS)),
        receivers: Semaphore::new(MAX_RECEIVERS),
        drains: Semaphore::new(MAX_RECEIVERS),
        uploads: Mutex::default(),
        rate: Rate::new(settings.rates.uploads),
        metrics: Arc::new(Metrics::new()),
    });
    let figment = settings.rocket.clone();
    let figment =
        figment.merge(Serialized::global("address", images.address)).merge(Serialized::global("port", images.port));
    let (swept, notices) = (Arc::clone(&works), SetupWarnings::of_images(&settings.var));
    Ok(rocket::custom(figment)
        .manage(settings)
        .manage(notices)
        .manage(Arc::clone(&works.metrics))
        .manage(works)
        .mount("/", routes())
        .register("/", catchers![default_catcher])
        // A picture is public, and the site asks for it at its internal address. Uploads check the host after the ticket.
        .attach(RequestGate(|_| true))
        .attach(AdHoc::on_liftoff("Sweep", |_| Box::pin(async move { drop(tokio::spawn(sweep(swept))) }))))
}

/// Returns all routes of the file server.
pub fn routes() -> Vec<Route> {
    let mut routes = routes![preflight, show, destroy, health, health_for_pages];
    routes.extend(upload::routes());
    routes.extend(controllers::metrics::routes());
    routes
}

/// Whether the site's pages may send pictures from another origin.
#[options("/image")]
fn preflight(caller: Client<'_>) -> ImageResponse {
    match caller.is_misdirected() {
        true => caller.error(&Error::Misdirected),
        false => ImageResponse::preflight(&caller),
    }
}

/// A picture. Its name is the hash of what is in it, so it never changes.
#[get("/image/<name>")]
async fn show(name: &str, caller: Client<'_>, works: &State<Arc<ImageServer>>) -> ImageResponse {
    let Some(name) = FileName::parse(name) else { return ImageResponse::status_only(Status::NotFound) };
    let wanted = name.clone();
    match works.disk(move |store| store.read(&wanted)).await {
        Ok(_) if caller.query_has(name.as_str()) => ImageResponse::not_modified(&name),
        Ok(bytes) => ImageResponse::picture(&name, bytes),
        Err(_) => ImageResponse::status_only(Status::NotFound),
    }
}

/// Forgets a picture that the site says nobody has.
#[delete("/image/<name>")]
async fn destroy(name: &str, bearer: Bearer<'_>, works: &State<Arc<ImageServer>>) -> ImageResponse {
    let Some(name) = FileName::parse(name) else { return ImageResponse::status_only(Status::NotFound) };
    if !works.site.secret().verify(bearer.0, Purpose::DeletePicture, &name.path()) {
        return ImageResponse::status_only(Status::Forbidden);
    }
    match works.disk(move |store| store.remove(&name)).await {
        Ok(()) => ImageResponse::status_only(Status::NoContent),
        Err(error) => {
            log::error!("a picture cannot be removed: {error}");
            ImageResponse::status_only(Status::InternalServerError)
        }
    }
}

/// Whether the image server can do its work.
#[get("/health")]
fn health() -> ImageResponse {
    ImageResponse::json(Status::Ok, &json!({ "images": "ok" }))
}

/// The same for pages: beside the pictures, where a proxy finds it too.
#[get("/image/health")]
fn health_for_pages() -> ImageResponse {
    health()
}

#[catch(default)]
fn default_catcher(status: Status, request: &Request<'_>) -> ImageResponse {
    match http::refusal(request) {
        Some(refusal) => ImageResponse::error_page(request, &refusal.error()),
        None => ImageResponse::status_only(status),
    }
}

/// Looks for pictures that nobody has, at the start and then every hour, and after an upload once the site must know of
/// it: what a crash or a site that could not be reached has left, and what was replaced. Where the site says nothing,
/// nothing is removed, and it is asked again.
async fn sweep(works: Arc<ImageServer>) {
    let (mut asked, mut all) = (Arc::new(BTreeSet::new()), Instant::now() + FULL_SWEEP_INTERVAL);
    loop {
        if Instant::now() >= all {
            (asked, all) = (Arc::default(), Instant::now() + FULL_SWEEP_INTERVAL);
        }
        let known = Arc::clone(&asked);
        let (settled, next) = works.disk(move |store| store.aged(&known)).await.unwrap_or_else(|error| {
            log::error!("Cannot read the folder of pictures: {error}.");
            Default::default()
        });
        let mut pause = next.map_or(SWEEP_INTERVAL, |next| next.min(SWEEP_INTERVAL));
        for name in settled {
            match works.site.is_picture_used(&name.path()).await {
                Outcome::Yes => drop(Arc::make_mut(&mut asked).insert(name)),
                Outcome::No => {
                    if let Err(error) = works.disk(move |store| store.remove(&name)).await {
                        log::error!("a picture cannot be removed: {error}");
                    }
                }
                Outcome::Unavailable => {
                    pause = RETRY_DELAY;
                    break;
                }
            }
        }
        sleep(pause + Duration::from_millis(100)).await;
    }
}

/// Has this process end before it takes memory from the others: it asks for no more than [`MEMORY`], and the kernel
/// chooses it first.
pub(crate) fn limit_memory() {
    let (soft, hard) = rlimit::Resource::DATA.get().unwrap_or((u64::MAX, u64::MAX));
    let confined = rlimit::Resource::DATA.set(soft.min(MAX_MEMORY), hard);
    let chosen = std::fs::write("/proc/self/oom_score_adj", "500");
    for error in [confined.err(), chosen.err()].into_iter().flatten() {
        log::warn!("the image server is not confined: {error}");
    }
}
