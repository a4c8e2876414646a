//! The site: what it is built of, and in which order it starts and stops.

use std::io;
use std::process::Stdio;
use std::sync::Arc;

use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::{Build, Rocket};

use crate::config::Settings;
use crate::controllers;
use crate::http::SetupWarnings;
use crate::images;
use crate::internal_api::ImageClient;
use crate::limits::Limits;
use crate::live::Hub;
use crate::models;
use crate::process::engine::{self, Engine};
use crate::process::{Process, Supervisor, supervised_command};
use crate::store::{Database, Lease};
use crate::ticket::Secret;
use crate::views::Views;
use crate::views::time::Clock;

const OTHER: &str = "Another site is running on this database, and it is a standalone server, which serves one site. \
                     Stop the other one, or make the server a replica set (of one member, if you like).";

/// Which servers this process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servers {
    /// The site and the image server.
    Both,
    /// The site alone.
    Site,
    /// The image server alone.
    Images,
}

/// Runs servers until they are told to stop: the engine first, if the site needs one; at the end the other way
/// round. `ready` is called with the address once the site, or the image server alone, answers.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn run(
    settings: Settings,
    servers: Servers,
    ready: impl FnOnce(&str) + Send + Sync + 'static,
) -> Result<(), String> {
    let (site, address, port) = (&settings.rocket, settings.images.address, settings.images.port);
    let is_shared = key(site, "port") == port.to_string() && key(site, "address") == address.to_string();
    // 0 is any that is free.
    if servers == Servers::Both && port != 0 && is_shared {
        return Err(format!("images.port is {port}, and so is port: each of the two servers takes one of its own."));
    }
    let secret = secret(&settings)?;
    if servers == Servers::Images {
        images::limit_memory();
        return launch(images::build(settings, secret)?, ready).await;
    }
    let engine = match &settings.database {
        Some(_) => None,
        None => Some(Engine::start(&settings.var).await?),
    };
    let ran = async {
        let db = match (&settings.database, &engine) {
            (Some(database), _) => models::open(&database.url).await?,
            (None, engine) => models::open_exclusive(engine.as_ref().map(Engine::url).unwrap_or_default()).await?,
        };
        // An engine of our own is locked by its folder.
        let lease = match settings.database.is_some() && !db.is_shared() {
            true => Some(Arc::new(Lease::acquire(&db).await?.ok_or(OTHER)?)),
            false => None,
        };
        let mut site = build(settings.clone(), db, secret.clone())?;
        if let Some(lease) = lease.clone() {
            site = site.attach(held(lease));
        }
        // A process of its own: what a picture does to it, it does not do to the chat.
        let images = match servers == Servers::Both {
            true => Some(Supervisor::supervise("the image server", image_server()?, || {
                image_server().map_err(io::Error::other)
            })),
            false => None,
        };
        let launched = launch(site, ready).await;
        if let Some(images) = images {
            images.stop().await;
        }
        if let Some(lease) = lease {
            lease.release().await;
        }
        launched
    };
    let ran = ran.await;
    if let Some(engine) = engine {
        engine.stop().await;
    }
    ran
}

/// Has the site stop when another one has taken its lease.
fn held(lease: Arc<Lease>) -> AdHoc {
    AdHoc::on_liftoff("Hold the lease", |rocket| {
        let shutdown = rocket.shutdown();
        tokio::spawn(async move {
            lease.renew().await;
            log::error!("Another site has taken over this database, and this one stops.");
            shutdown.notify();
        });
        Box::pin(async {})
    })
}

/// This program again, as the image server, with the same settings.
fn image_server() -> Result<Process, String> {
    let start = || {
        let mut command = supervised_command();
        command.arg(std::env::current_exe()?).arg("images").stdout(Stdio::null());
        Process::start(command)
    };
    start().map_err(|error| format!("The image server cannot be started: {error}."))
}

/// The configured secret, else the one that is kept in `var`.
fn secret(settings: &Settings) -> Result<Secret, String> {
    match &settings.images.secret {
        Some(secret) => Secret::from_config(secret),
        None => {
            engine::make_private(&settings.var)?;
            Secret::load_or_create(&settings.var.join("secret"))
        }
    }
}

async fn launch(server: Rocket<Build>, ready: impl FnOnce(&str) + Send + Sync + 'static) -> Result<(), String> {
    let figment = server.figment();
    let at = format!("{}:{}", key(figment, "address"), key(figment, "port"));
    let told = AdHoc::on_liftoff("Say where", |rocket| {
        let address = std::net::SocketAddr::new(rocket.config().address, rocket.config().port);
        Box::pin(async move { ready(&format!("http://{address}")) })
    });
    server.attach(told).launch().await.map(drop).map_err(|error| {
        let text = match error.kind() {
            rocket::error::ErrorKind::Bind(cause) => {
                format!("{at} cannot be listened on: {cause}. Set another port or address.")
            }
            _ => error.to_string(),
        };
        // The error panics when it is dropped unread; it was read.
        let _ = error.pretty_print();
        text
    })
}

fn key(figment: &Figment, name: &str) -> String {
    figment
        .find_value(name)
        .ok()
        .and_then(|value| value.deserialize::<String>().ok().or_else(|| Some(value.to_u128()?.to_string())))
        .unwrap_or_default()
}

/// The site on a database, not launched yet.
///
/// # Errors
/// A template that cannot be read.
pub fn build(settings: Settings, db: Arc<Database>, secret: Secret) -> Result<Rocket<Build>, String> {
    let views = Views::new(Clock::new(settings.site.zone.clone()))?;
    db.budget().set_limit(settings.cache);
    let cookies = controllers::CookieNames::new(db.site_id());
    let notices = SetupWarnings::of_site(&settings.var);
    let images = ImageClient::new(settings.images.internal_url.clone(), secret)?;
    let hub = Hub::new(Arc::clone(&db), views.clone());
    let (stopped, closed) = (Arc::clone(&hub), Arc::clone(&db));
    let watches = Arc::clone(&hub);
    let follows = (settings.database.is_some() && db.is_shared()).then(|| Arc::clone(&hub));
    let access_log = settings.access_log;
    let limits = Limits::new(&settings.rates, settings.sockets);
    Ok(rocket::custom(settings.rocket.clone())
        .manage(settings)
        .manage(Arc::clone(db.metrics()))
        .manage(db)
        .manage(views)
        .manage(hub)
        .manage(images)
        .manage(cookies)
        .manage(notices)
        .manage(limits)
        .manage(controllers::LargeForms::default())
        .mount("/", controllers::routes())
        .register("/", controllers::catchers())
        .attach(controllers::gate())
        .attach(controllers::AccessLogger(access_log))
        .attach(controllers::shield())
        .attach(controllers::content_security())
        .attach(controllers::trailing_cookie())
        .attach(AdHoc::on_liftoff("Follow the other sites, watch the database", |_| {
            Box::pin(async move {
                tokio::spawn(watches.monitor());
                follows.map(|hub| tokio::spawn(hub.run_cluster()));
            })
        }))
        .attach(AdHoc::on_shutdown("Close the sockets and the logs", |_| {
            Box::pin(async move {
                stopped.stop().await;
                models::close(&closed).await;
            })
        })))
}
