//! Which processes run, and the order in which they start and stop: engine, database, site, image server.

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Error, Result, anyhow, bail};
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::{Build, Rocket};

use crate::config::Settings;
use crate::models::{Database, Lease};
use crate::process::{Engine, Process, Supervisor, create_private_dir, supervised_command};
use crate::ticket::Secret;
use crate::{images, site};

/// The servers that this process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servers {
    /// The site and the image server.
    Both,
    /// The site only.
    Site,
    /// The image server only.
    Images,
}

/// Runs servers until a signal stops them. Calls `ready` with the address of the site, or of a lone image server, once
/// it answers.
pub async fn run(settings: Settings, servers: Servers, ready: impl FnOnce(&str) + Send + Sync + 'static) -> Result<()> {
    if servers == Servers::Both {
        check_ports(&settings)?;
    }
    let secret = load_secret(&settings)?;
    if servers == Servers::Images {
        images::limit_memory();
        return launch(images::build(settings, secret)?, ready).await;
    }
    let engine = match &settings.database {
        Some(_) => None,
        None => Some(Engine::start(&settings.var).await?),
    };
    let result = run_on_database(settings, secret, engine.as_ref(), servers, ready).await;
    if let Some(engine) = engine {
        engine.stop().await;
    }
    result
}

async fn run_on_database(
    settings: Settings,
    secret: Secret,
    engine: Option<&Engine>,
    servers: Servers,
    ready: impl FnOnce(&str) + Send + Sync + 'static,
) -> Result<()> {
    let db = match (&settings.database, engine) {
        (Some(database), _) => Database::open(&database.url).await,
        (None, engine) => Database::open_own(engine.map(Engine::url).unwrap_or_default()).await,
    };
    let db = db.map_err(Error::msg)?;
    // The engine's folder is locked, so the engine needs no lease.
    let lease = if settings.database.is_some() && !db.is_shared() { Some(acquire_lease(&db).await?) } else { None };
    let mut site = site::build(settings, db, secret)?;
    if let Some(lease) = lease.clone() {
        site = site.attach(hold_lease(lease));
    }
    // A separate process, so that no picture can take memory from the chat.
    let images = if servers == Servers::Both {
        let restart = || start_image_server().map_err(io::Error::other);
        Some(Supervisor::supervise("the image server", start_image_server()?, restart))
    } else {
        None
    };
    let result = launch(site, ready).await;
    if let Some(images) = images {
        images.stop().await;
    }
    if let Some(lease) = lease {
        lease.release().await;
    }
    result
}

fn check_ports(settings: &Settings) -> Result<()> {
    let (site, address, port) = (&settings.rocket, settings.images.address, settings.images.port);
    let is_same =
        figment_value(site, "port") == port.to_string() && figment_value(site, "address") == address.to_string();
    // Port 0 is any free port.
    if port != 0 && is_same {
        bail!("Cannot start both servers: images.port and port are both {port}. Use different ports.");
    }
    Ok(())
}

/// Returns the configured secret, else the one in `var`.
fn load_secret(settings: &Settings) -> Result<Secret> {
    match &settings.images.secret {
        Some(secret) => Secret::from_config(secret),
        None => {
            create_private_dir(&settings.var)?;
            Secret::load_or_create(&settings.var.join("secret"))
        }
    }
}

async fn acquire_lease(db: &Arc<Database>) -> Result<Arc<Lease>> {
    let lease = Lease::take(db).await.map_err(Error::msg)?;
    lease.map(Arc::new).ok_or_else(|| {
        anyhow!(
            "Cannot use this database: another site uses it, and a standalone server serves one site. Stop the other \
             site, or make the server a replica set, for example of one member."
        )
    })
}

/// Renews the lease, and stops the site when another site has acquired it.
fn hold_lease(lease: Arc<Lease>) -> AdHoc {
    AdHoc::on_liftoff("Hold the lease", |rocket| {
        let shutdown = rocket.shutdown();
        tokio::spawn(async move {
            lease.hold().await;
            log::error!("lease lost to another site, stopping");
            shutdown.notify();
        });
        Box::pin(async {})
    })
}

/// Starts this program again as the image server, with the same settings.
fn start_image_server() -> Result<Process> {
    let start = || {
        let mut command = supervised_command();
        command.arg(std::env::current_exe()?).arg("images").stdout(Stdio::null());
        Process::start(command)
    };
    start().context("Cannot start the image server")
}

async fn launch(server: Rocket<Build>, ready: impl FnOnce(&str) + Send + Sync + 'static) -> Result<()> {
    let figment = server.figment();
    let address = format!("{}:{}", figment_value(figment, "address"), figment_value(figment, "port"));
    let report_ready = AdHoc::on_liftoff("Report the address", |rocket| {
        let address = SocketAddr::new(rocket.config().address, rocket.config().port);
        Box::pin(async move { ready(&format!("http://{address}")) })
    });
    server.attach(report_ready).launch().await.map(drop).map_err(|error| {
        let message = match error.kind() {
            ErrorKind::Bind(cause) => {
                anyhow!("Cannot listen on {address}: {cause}. Set another port or address.")
            }
            _ => anyhow!("Cannot start the server: {error}"),
        };
        // Rocket's error panics when it is dropped without being printed.
        let _ = error.pretty_print();
        message
    })
}

fn figment_value(figment: &Figment, key: &str) -> String {
    figment
        .find_value(key)
        .ok()
        .and_then(|value| value.deserialize::<String>().ok().or_else(|| Some(value.to_u128()?.to_string())))
        .unwrap_or_default()
}
