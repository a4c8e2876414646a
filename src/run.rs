//! Which processes run, and the order in which they start and stop: engine, database, site, image server.

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context, Result, anyhow, bail};
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::{Config, Ignite, Rocket};

use crate::config::Settings;
use crate::process::{Engine, Process, Supervisor, create_private_dir, supervised_command};
use crate::site::SiteBuilder;
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
        let images = images::build(settings, secret)?.attach(report_ready(ready)).ignite().await;
        return launch(images.map_err(|error| anyhow!("Cannot start the image server: {error}"))?).await;
    }
    let engine = if settings.needs_engine() { Some(Engine::start(&settings.var).await?) } else { None };
    let settings = match &engine {
        Some(engine) => settings.with_engine(engine.url()),
        None => settings,
    };
    let result = run_site(settings, secret, servers, ready).await;
    if let Some(engine) = engine {
        engine.stop().await;
    }
    result
}

async fn run_site(
    settings: Settings,
    secret: Secret,
    servers: Servers,
    ready: impl FnOnce(&str) + Send + Sync + 'static,
) -> Result<()> {
    let site = SiteBuilder::new(settings, secret)?.attach(site::follow_cluster()).attach(report_ready(ready));
    let site = site.ignite().await?;
    let pool = site::database_pool(&site);
    // A separate process, so that no picture can take memory from the chat.
    let images = if servers == Servers::Both { Some(supervise_image_server()?) } else { None };
    let result = launch(site).await;
    if let Some(images) = images {
        images.stop().await;
    }
    if let Some(pool) = pool {
        pool.release_lease().await;
    }
    result
}

fn check_ports(settings: &Settings) -> Result<()> {
    let (address, port) = (settings.images.address, settings.images.port);
    // Port 0 is any free port.
    let is_same = |site: &Config| port != 0 && (site.address, site.port) == (address, port);
    if Config::try_from(&settings.rocket).is_ok_and(|site| is_same(&site)) {
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

fn supervise_image_server() -> Result<Supervisor> {
    let restart = || start_image_server().map_err(io::Error::other);
    Ok(Supervisor::supervise("the image server", start_image_server()?, restart))
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

fn report_ready(ready: impl FnOnce(&str) + Send + Sync + 'static) -> AdHoc {
    AdHoc::on_liftoff("Report the address", |rocket| {
        let address = SocketAddr::new(rocket.config().address, rocket.config().port);
        Box::pin(async move { ready(&format!("http://{address}")) })
    })
}

async fn launch(server: Rocket<Ignite>) -> Result<()> {
    let address = SocketAddr::new(server.config().address, server.config().port);
    server.launch().await.map(drop).map_err(|error| match error.kind() {
        ErrorKind::Bind(cause) => anyhow!("Cannot listen on {address}: {cause}. Set another port or address."),
        kind => anyhow!("Cannot run the server: {kind}"),
    })
}
