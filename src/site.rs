//! The site's Rocket instance: state, fairings, routes.

use std::sync::Arc;

use anyhow::{Error, Result};
use rocket::fairing::AdHoc;
use rocket::{Build, Rocket};

use crate::config::Settings;
use crate::controllers;
use crate::http::SetupWarnings;
use crate::internal_api::ImageClient;
use crate::limits::Limits;
use crate::live::Hub;
use crate::models::Database;
use crate::ticket::Secret;
use crate::views::Views;
use crate::views::time::Clock;

/// Builds the site on a database.
pub fn build(settings: Settings, db: Arc<Database>, secret: Secret) -> Result<Rocket<Build>> {
    let views = Views::new(Clock::new(settings.site.zone.clone())).map_err(Error::msg)?;
    db.budget().set_limit(settings.cache);
    let hub = Hub::new(Arc::clone(&db), views.clone());
    let follows_others = settings.database.is_some() && db.is_shared();
    Ok(rocket::custom(settings.rocket.clone())
        .manage(controllers::CookieNames::new(db.site_id()))
        .manage(SetupWarnings::of_site(&settings.var))
        .manage(ImageClient::new(settings.images.internal_url.clone(), secret)?)
        .manage(Limits::new(&settings.rates, settings.sockets))
        .manage(controllers::LargeForms::default())
        .manage(views)
        .manage(Arc::clone(&db))
        .manage(Arc::clone(&hub))
        .mount("/", controllers::routes())
        .register("/", controllers::catchers())
        .attach(controllers::gate())
        .attach(controllers::Access(settings.access_log))
        .attach(controllers::shield())
        .attach(controllers::content_security())
        .attach(controllers::last_cookie())
        .attach(start(Arc::clone(&hub), follows_others))
        .attach(stop(hub, db))
        .manage(settings))
}

fn start(hub: Arc<Hub>, follows_others: bool) -> AdHoc {
    AdHoc::on_liftoff("Follow the other instances, watch the database", move |_| {
        Box::pin(async move {
            tokio::spawn(Arc::clone(&hub).monitor());
            if follows_others {
                tokio::spawn(hub.run_cluster());
            }
        })
    })
}

fn stop(hub: Arc<Hub>, db: Arc<Database>) -> AdHoc {
    AdHoc::on_shutdown("Close the sockets and the logs", |_| {
        Box::pin(async move {
            hub.stop().await;
            db.close().await;
        })
    })
}
