//! A whole site in the test's own process, on a free port and a database of its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{OnceLock, mpsc};

use rocket::fairing::AdHoc;
use rocket::figment::providers::Serialized;
use rocket::figment::{Figment, Provider};
use rocket::{Ignite, Rocket, Shutdown};
use sarangbang::config::{Settings, defaults};
use sarangbang::process::Engine;
use sarangbang::site::{SiteBuilder, follow_cluster};
use sarangbang::ticket::Secret;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::person::Person;
use super::soon;

/// A running site.
pub struct Site {
    /// As `http://127.0.0.1:40000`.
    pub address: String,
    /// Where its data is.
    pub database: String,
    shutdown: Shutdown,
    running: JoinHandle<Result<Rocket<Ignite>, rocket::Error>>,
}

impl Site {
    /// A site that nobody has been to.
    pub async fn start() -> Self {
        Self::alone(("ident", "Sarangbang")).await
    }

    /// The same with a setting.
    pub async fn alone((key, value): (&str, impl Serialize)) -> Self {
        Self::configured(Serialized::default(key, value)).await
    }

    /// The same with several settings.
    pub async fn configured(settings: impl Provider) -> Self {
        let database = new_database();
        let site = SiteBuilder::new(test_settings(settings).with_engine(&database), secret()).unwrap();
        Self::launch(site, &database).await
    }

    /// A site on data that may be there already.
    pub async fn on(database: &str) -> Self {
        Self::with(database, ("ident", "Sarangbang")).await
    }

    /// The same, which follows the other sites on it.
    pub async fn following(database: &str) -> Self {
        let settings = test_settings(Serialized::default("databases.sarangbang.url", database));
        let site = SiteBuilder::new(settings, secret()).unwrap().attach(follow_cluster());
        Self::launch(site, database).await
    }

    /// A site with a setting, on a database that others may share.
    pub async fn with(database: &str, (key, value): (&str, impl Serialize)) -> Self {
        let url = Figment::from(Serialized::default("databases.sarangbang.url", database));
        let settings = test_settings(url.merge(Serialized::default(key, value)));
        Self::launch(SiteBuilder::new(settings, secret()).unwrap(), database).await
    }

    async fn launch(site: SiteBuilder, database: &str) -> Self {
        let (told, port) = oneshot::channel();
        let tell = AdHoc::on_liftoff("Tell the port", |rocket| {
            let _ = told.send(rocket.config().port);
            Box::pin(async {})
        });
        let rocket = site.attach(tell).ignite().await.unwrap();
        let shutdown = rocket.shutdown();
        let running = tokio::spawn(rocket.launch());
        let port = soon("the site to answer", port).await.unwrap();
        let address = format!("http://127.0.0.1:{port}");
        Self { address, database: database.to_owned(), shutdown, running }
    }

    /// Somebody who has signed up.
    pub async fn person(&self, name: &str) -> Person {
        let person = self.visitor();
        person.sign_up(name).await;
        person
    }

    /// Somebody who has not.
    pub fn visitor(&self) -> Person {
        Person::new(&self.address)
    }

    /// Stops it in order.
    pub async fn stop(self) {
        self.shutdown.notify();
        soon("the site to stop", self.running).await.unwrap().unwrap();
    }
}

fn test_settings(settings: impl Provider) -> Settings {
    let figment = defaults()
        .merge(Serialized::default("port", 0))
        .merge(Serialized::default("shutdown.ctrlc", false))
        .merge(Serialized::default("shutdown.signals", Vec::<String>::new()))
        .merge(settings);
    Settings::from(figment).unwrap()
}

/// The settings that switch all rates and the limits on sockets off, for tests of many requests.
pub fn unlimited() -> Figment {
    let off = ["signups", "rooms", "chats", "edits", "uploads"].map(|rate| (rate, 0));
    Figment::from(Serialized::default("rates", HashMap::from(off)))
        .merge(Serialized::default("sockets", HashMap::from([("user", 0), ("address", 0)])))
}

/// What the servers of the tests share.
pub fn secret() -> Secret {
    Secret::from_config("the secret of the tests").unwrap()
}

/// The address of an empty database on the engine that all tests share.
pub fn new_database() -> String {
    static ENGINE: OnceLock<String> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let engine = ENGINE.get_or_init(|| {
        let folder = folder("engine");
        let (told, url) = mpsc::channel();
        // Runs for as long as the process does, which then closes the pipe that the engine waits on.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let engine = Engine::start(&folder).await.unwrap();
                told.send(engine.url().to_owned()).unwrap();
                std::future::pending::<()>().await;
                drop(engine);
            });
        });
        url.recv().unwrap()
    });
    database_on(engine, COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The address of a numbered database on an engine.
pub fn database_on(engine: &str, number: u32) -> String {
    engine.replace("/?", &format!("/test_{number}?"))
}

/// An empty folder of this name, in the target folder.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
