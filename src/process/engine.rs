//! The MongoDB-compatible server that the site starts for itself when no database is configured:
//! `mongod` or `secantusd-rs`, from `PATH`, else from the cache folder where `bin/serve` builds it.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::doc;
use mongodb::options::{ClientOptions, ServerAddress};
use tokio::time::{Instant, sleep};

use crate::process::{Process, Supervisor, supervised_command};

/// How long an engine may take to answer its first ping: it may have a crash to recover from.
const READY: Duration = Duration::from_secs(60);
/// How long a folder may still be held by the engine of a site that was killed.
const RELEASE: Duration = Duration::from_secs(10);
/// Its log in `var`, locked while it runs, and its port.
const LOG: &str = "engine.log";
const PORT: &str = "engine.port";

/// A running engine. Ends with [`Engine::stop`], and with this process whatever ends that.
pub struct Engine {
    url: String,
    /// None: it is another process that keeps it.
    keeper: Option<Supervisor>,
}

impl Engine {
    /// Starts the engine on the data in `var`, on a free loopback port, and waits until it answers a ping.
    ///
    /// # Errors
    /// A sentence for the person at the terminal: no engine on this machine, the folder in use or not
    /// writable, the engine's own last words.
    pub async fn start(var: &Path) -> Result<Self, String> {
        make_private(var)?;
        let plan = Arc::new(Plan::new(Kind::choose(var)?, var).await?);
        let mut running = plan
            .start()
            .map_err(|error| format!("The engine {} cannot be started: {error}.", plan.program.display()))?;
        plan.ready(&mut running).await?;
        tell_port(var, plan.port)?;
        let again = Arc::clone(&plan);
        let keeper = Supervisor::supervise("the engine", running, move || again.start());
        Ok(Self { url: url(plan.port), keeper: Some(keeper) })
    }

    /// The engine that runs on the data in `var` already, else one that is started on it. What this does not start it
    /// does not stop.
    ///
    /// # Errors
    /// As [`Engine::start`]; also when there is no data.
    pub async fn join(var: &Path) -> Result<Self, String> {
        if !Kind::ALL.iter().any(|kind| kind.data(var).exists()) {
            return Err(format!("There is no data in {}.", var.display()));
        }
        let patience = Instant::now() + READY;
        while is_locked(var)? {
            let port = fs::read_to_string(var.join(PORT)).ok().and_then(|port| port.parse().ok());
            if let Some(port) = port
                && answers(&client(port)?).await
            {
                return Ok(Self { url: url(port), keeper: None });
            }
            if Instant::now() > patience {
                return Err(format!("The engine that runs on the data in {} does not answer.", var.display()));
            }
            // It starts, or ends.
            sleep(Duration::from_millis(50)).await;
        }
        Self::start(var).await
    }

    /// The program that would be started on the data in `var`.
    ///
    /// # Errors
    /// A sentence for the person at the terminal: no engine on this machine, or not the one whose data is there.
    pub fn program(var: &Path) -> Result<PathBuf, String> {
        Kind::choose(var).map(|(_, program)| program)
    }

    /// The connection string to reach it by.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends the engine and waits until it has ended.
    pub async fn stop(self) {
        if let Some(keeper) = self.keeper {
            keeper.stop().await;
        }
    }
}

/// Makes a folder that only this user enters: the engine asks nobody for a password.
pub(crate) fn make_private(folder: &Path) -> Result<(), String> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| format!("The folder {} cannot be made: {error}.", folder.display()))
}

/// Opens the engine's log and locks it. The engine writes to this same opened file, so the lock holds for
/// as long as it runs, also after the site was killed: one engine a folder.
async fn lock(path: &Path) -> Result<File, String> {
    let failed = |error| format!("{} cannot be written: {error}.", path.display());
    let log = File::options().create(true).append(true).open(path).map_err(failed)?;
    let patience = Instant::now() + RELEASE;
    loop {
        match log.try_lock() {
            Ok(()) => return Ok(log),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) if Instant::now() < patience => sleep(Duration::from_millis(50)).await,
            Err(TryLockError::WouldBlock) => {
                return Err(format!(
                    "{} is in use by another Sarangbang. Stop that one, or set var to another folder.",
                    path.display()
                ));
            }
        }
    }
}

/// Whether an engine runs on the data in `var`, or is about to.
fn is_locked(var: &Path) -> Result<bool, String> {
    let path = var.join(LOG);
    match File::options().append(true).open(&path).map(|log| log.try_lock()) {
        Ok(Ok(())) => Ok(false),
        Ok(Err(TryLockError::WouldBlock)) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Ok(Err(TryLockError::Error(error))) | Err(error) => {
            Err(format!("{} cannot be written: {error}.", path.display()))
        }
    }
}

/// Writes down where the engine is, for whoever joins it. To be believed while its log is locked.
fn tell_port(var: &Path, port: u16) -> Result<(), String> {
    let (path, part) = (var.join(PORT), var.join(format!("{PORT}.part")));
    fs::write(&part, port.to_string())
        .and_then(|()| fs::rename(part, &path))
        .map_err(|error| format!("{} cannot be written: {error}.", path.display()))
}

fn url(port: u16) -> String {
    format!("mongodb://127.0.0.1:{port}/?directConnection=true")
}

fn client(port: u16) -> Result<Client, String> {
    let address = ServerAddress::Tcp { host: "127.0.0.1".into(), port: Some(port) };
    let options = ClientOptions::builder()
        .hosts(vec![address])
        .direct_connection(true)
        .server_selection_timeout(Duration::from_millis(500))
        .build();
    Client::with_options(options).map_err(|error| error.to_string())
}

async fn answers(client: &Client) -> bool {
    client.database("admin").run_command(doc! { "ping": 1 }).await.is_ok()
}

/// The servers that we know how to start.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Mongod,
    Secantus,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Mongod, Self::Secantus];

    fn program(self) -> &'static str {
        match self {
            Self::Mongod => "mongod",
            Self::Secantus => "secantusd-rs",
        }
    }

    /// Where its data is; one folder a kind, for neither reads the other's.
    fn data(self, var: &Path) -> PathBuf {
        var.join(self.program())
    }

    /// The kind whose data is here already, else the first that is installed.
    fn choose(var: &Path) -> Result<(Self, PathBuf), String> {
        if let Some(kind) = Self::ALL.into_iter().find(|kind| kind.data(var).exists()) {
            let program = kind.find().ok_or_else(|| {
                format!("{} holds the data of {}, which is not on this machine.", var.display(), kind.program())
            })?;
            return Ok((kind, program));
        }
        Self::ALL.into_iter().find_map(|kind| Some((kind, kind.find()?))).ok_or_else(|| {
            "There is no database: neither mongod nor secantusd-rs is on this machine, and \
             databases.sarangbang.url is not set. Set it, or use bin/serve, which sets one up."
                .into()
        })
    }

    fn find(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        if self == Self::Secantus {
            let version = include_str!("../../bin/engine.version").trim();
            let cache = std::env::var_os("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
            folders.extend(cache.map(|cache| cache.join(format!("sarangbang/engine-{version}/bin"))));
        }
        folders.into_iter().map(|folder| folder.join(self.program())).find(|program| program.is_file())
    }
}

/// How this engine is started, each time the same.
struct Plan {
    kind: Kind,
    program: PathBuf,
    data: PathBuf,
    log: (PathBuf, File),
    port: u16,
}

impl Plan {
    async fn new((kind, program): (Kind, PathBuf), var: &Path) -> Result<Self, String> {
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| format!("There is no free port on 127.0.0.1: {error}."))?
            .port();
        let path = var.join(LOG);
        let log = (path.clone(), lock(&path).await?);
        // Where the one before was.
        let _ = fs::remove_file(var.join(PORT));
        let data = kind.data(var);
        make_private(&data)?;
        Ok(Self { kind, program, data, log, port })
    }

    fn start(&self) -> io::Result<Process> {
        let mut command = supervised_command();
        command.arg(&self.program);
        match self.kind {
            Kind::Mongod => command
                .args(["--bind_ip", "127.0.0.1", "--wiredTigerCacheSizeGB", "0.25", "--quiet", "--dbpath"])
                .arg(&self.data),
            Kind::Secantus => {
                // Named, so that it does not look for one in the current folder and at home.
                let settings = self.data.join("settings.toml");
                File::create(&settings)?;
                command
                    .arg("--config")
                    .arg(settings)
                    .args(["--host", "127.0.0.1", "--cache-size", "64M", "--log-file-max", "16MB"])
                    .args(["--sync-on-commit", "--log-level", "WARNING", "--storage-path"])
                    .arg(self.data.join("data"))
            }
        };
        let log = &self.log.1;
        command.args(["--port", &self.port.to_string()]).stdout(log.try_clone()?).stderr(log.try_clone()?);
        Process::start(command)
    }

    /// Waits until the engine answers a ping.
    async fn ready(&self, running: &mut Process) -> Result<(), String> {
        let client = client(self.port)?;
        let patience = Instant::now() + READY;
        while Instant::now() < patience {
            if answers(&client).await {
                client.shutdown().immediate(true).await;
                return Ok(());
            }
            if let Some(status) = running.ended() {
                return Err(format!("The engine ended as it started ({status}). {}", self.last_words()));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Err(format!("The engine did not answer within {} s. {}", READY.as_secs(), self.last_words()))
    }

    /// The end of its log, where it says why.
    fn last_words(&self) -> String {
        let log = fs::read(&self.log.0).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        let end = lines[lines.len().saturating_sub(5)..].join("\n  ");
        format!("The end of {}:\n  {end}", self.log.0.display())
    }
}
