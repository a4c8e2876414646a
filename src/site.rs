//! The site's Rocket instance: state, fairings, routes.

use std::sync::Arc;

use anyhow::{Error, Result, anyhow};
use parking_lot::Mutex;
use rocket::fairing::{AdHoc, Fairing};
use rocket::figment::providers::Serialized;
use rocket::{Build, Ignite, Phase, Rocket};
use rocket_db_pools::{Database as _, Pool};

use crate::config::Settings;
use crate::controllers::{self, CookieNames};
use crate::http::SetupWarnings;
use crate::internal_api::{ImageClient, Outcome};
use crate::limits::Limits;
use crate::live::Hub;
use crate::models;
use crate::store::{Database, DatabasePool, SiteDatabase};
use crate::ticket::Secret;
use crate::views::Views;
use crate::views::time::Clock;

/// A site that has not connected to its database yet.
pub struct SiteBuilder {
    rocket: Rocket<Build>,
    failure: Failure,
}

/// Why a fairing has failed: Rocket reports only which one.
type Failure = Arc<Mutex<Option<Error>>>;

impl SiteBuilder {
    /// Configures the site. `settings` must contain a database, which [`Settings::with_engine`] sets.
    pub fn new(settings: Settings, secret: Secret) -> Result<Self> {
        let views = Views::new(Clock::new(settings.site.zone.clone())).map_err(Error::msg)?;
        let figment = match &settings.database {
            Some(database) => settings.rocket.clone().merge(Serialized::global("databases.sarangbang", database)),
            None => settings.rocket.clone(),
        };
        let failure = Failure::default();
        let rocket = rocket::custom(figment)
            .manage(SetupWarnings::for_site(&settings.var))
            .manage(ImageClient::new(settings.images.internal_url.clone(), secret)?)
            .manage(Limits::new(&settings.rates, settings.sockets))
            .manage(controllers::LargeForms::default())
            .mount("/", controllers::routes())
            .register("/", controllers::catchers())
            .attach(controllers::gate())
            .attach(controllers::AccessLogger(settings.access_log))
            .attach(controllers::shield())
            .attach(controllers::content_security())
            .attach(controllers::trailing_cookies())
            .attach(SiteDatabase::init())
            .attach(prepare_models(views.clone(), settings.cache, Arc::clone(&failure)))
            .attach(monitor())
            .attach(sweep_files())
            .attach(stop())
            .manage(views)
            .manage(settings);
        Ok(Self { rocket, failure })
    }

    /// Attaches a fairing after those of the site.
    #[must_use]
    pub fn attach(self, fairing: impl Fairing) -> Self {
        Self { rocket: self.rocket.attach(fairing), ..self }
    }

    /// Connects to the database and prepares the site for requests.
    pub async fn ignite(self) -> Result<Rocket<Ignite>> {
        let Self { rocket, failure } = self;
        rocket.ignite().await.map_err(|error| {
            // Rocket's error panics when it is dropped unread.
            let text = error.to_string();
            failure.lock().take().unwrap_or_else(|| anyhow!("Cannot start the site: {text}"))
        })
    }
}

/// Returns the pool of a site that was ignited.
pub(crate) fn database_pool<P: Phase>(rocket: &Rocket<P>) -> Option<DatabasePool> {
    SiteDatabase::fetch(rocket).map(|database| (**database).clone())
}

/// Prepares the models, then manages all that needs the database.
fn prepare_models(views: Views, cache: u64, failure: Failure) -> AdHoc {
    AdHoc::try_on_ignite("Prepare the models", move |rocket| {
        Box::pin(async move {
            match prepared_database(&rocket).await {
                Ok(db) => {
                    db.budget().set_limit(cache);
                    let hub = Hub::new(Arc::clone(&db), views);
                    Ok(rocket.manage(CookieNames::new(db.site_id())).manage(Arc::clone(db.metrics())).manage(hub))
                }
                Err(error) => {
                    *failure.lock() = Some(error);
                    Err(rocket)
                }
            }
        })
    })
}

async fn prepared_database(rocket: &Rocket<Build>) -> Result<Arc<Database>> {
    let pool = database_pool(rocket).ok_or_else(|| anyhow!("Cannot start the site: it has no database"))?;
    let db = pool.get().await?;
    if let Err(error) = models::prepare(&db).await {
        pool.release_lease().await;
        return Err(Error::msg(error));
    }
    Ok(db)
}

/// Follows the change stream of a database that several instances share.
pub fn follow_cluster() -> AdHoc {
    AdHoc::on_liftoff("Follow the other instances", |rocket| {
        Box::pin(async move {
            if let Some(hub) = rocket.state::<Arc<Hub>>().filter(|hub| hub.db.is_shared()) {
                tokio::spawn(Arc::clone(hub).run_cluster());
            }
        })
    })
}

/// Watches the database, and stops the site when another instance has taken the lease over.
fn monitor() -> AdHoc {
    AdHoc::on_liftoff("Watch the database", |rocket| {
        Box::pin(async move {
            let (hub, pool, shutdown) = (rocket.state::<Arc<Hub>>(), database_pool(rocket), rocket.shutdown());
            if let Some((hub, pool)) = hub.zip(pool) {
                tokio::spawn(Arc::clone(hub).monitor());
                tokio::spawn(async move {
                    pool.lease_lost().await;
                    log::error!("lease lost to another site, stopping");
                    shutdown.notify();
                });
            }
        })
    })
}

/// Deletes the files that no chat has any more.
fn sweep_files() -> AdHoc {
    AdHoc::on_liftoff("Delete files", |rocket| {
        Box::pin(async move {
            let (hub, images): (Option<&Arc<Hub>>, Option<&ImageClient>) = (rocket.state(), rocket.state());
            if let Some((hub, images)) = hub.zip(images) {
                let (hub, images) = (Arc::clone(hub), images.clone());
                tokio::spawn(async move {
                    let images = &images;
                    let delete = |name| async move { images.delete_file(&name).await == Outcome::Yes };
                    tokio::select! {
                        () = models::chat::sweep_files(&hub.db, delete) => {}
                        () = hub.shutdown() => {}
                    }
                });
            }
        })
    })
}

fn stop() -> AdHoc {
    AdHoc::on_shutdown("Close the sockets and the logs", |rocket| {
        Box::pin(async move {
            if let Some(hub) = rocket.state::<Arc<Hub>>() {
                hub.stop().await;
                models::close(&hub.db).await;
            }
        })
    })
}
