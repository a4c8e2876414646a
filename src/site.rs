//! The site: what it is built of, and in which order it starts and stops.

use std::sync::Arc;

use rocket::fairing::AdHoc;
use rocket::{Build, Rocket};

use crate::config::Settings;
use crate::controllers;
use crate::engine::Engine;
use crate::live::Hub;
use crate::models::Database;
use crate::views::Views;

/// Runs the site until it is told to stop: the engine first, if it needs one; then the site; at the end
/// the other way round. `ready` is called with the address once it answers.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn run(settings: Settings, ready: impl FnOnce(&str) + Send + Sync + 'static) -> Result<(), String> {
    let engine = match &settings.database {
        Some(_) => None,
        None => Some(Engine::start(&settings.var).await?),
    };
    let url = match (&settings.database, &engine) {
        (Some(database), _) => database.url.clone(),
        (None, engine) => engine.as_ref().map(|engine| engine.url().to_owned()).unwrap_or_default(),
    };
    let launched = launch(settings, &url, ready).await;
    if let Some(engine) = engine {
        engine.stop().await;
    }
    launched
}

async fn launch(
    settings: Settings,
    database: &str,
    ready: impl FnOnce(&str) + Send + Sync + 'static,
) -> Result<(), String> {
    let db = Database::open(database).await?;
    let told = AdHoc::on_liftoff("Say where", |rocket| {
        let config = rocket.config();
        let address = format!("http://{}:{}", config.address, config.port);
        Box::pin(async move { ready(&address) })
    });
    let launched = build(settings, db)?.attach(told).launch().await;
    launched.map(drop).map_err(|error| {
        let text = error.to_string();
        // The error panics when it is dropped unread; it was read.
        let _ = error.pretty_print();
        text
    })
}

/// The site on a database, not launched yet.
///
/// # Errors
/// A template that cannot be read.
pub fn build(settings: Settings, db: Arc<Database>) -> Result<Rocket<Build>, String> {
    let views = Views::new()?;
    let hub = Hub::new(Arc::clone(&db), views.clone());
    let stopped = Arc::clone(&hub);
    Ok(rocket::custom(settings.rocket.clone())
        .manage(settings)
        .manage(db)
        .manage(views)
        .manage(hub)
        .mount("/", controllers::routes())
        .register("/", controllers::catchers())
        .attach(controllers::shield())
        .attach(AdHoc::on_shutdown("Close the sockets", |_| Box::pin(async move { stopped.stop().await }))))
}
