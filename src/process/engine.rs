//! The MongoDB-compatible server that the site starts for itself when no database is configured: `mongod` or
//! `secantusd-rs`, from `PATH`, else from the cache folder of `bin/serve`.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use mongodb::Client;
use mongodb::bson::doc;
use mongodb::options::{ClientOptions, ServerAddress};
use tokio::time::{Instant, sleep};

use crate::file::write_atomically;
use crate::process::{Process, Supervisor, supervised_command};

/// An engine may have to recover from a crash before it answers.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(60);
/// The engine of a killed site holds the lock until it has ended.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Files in `var`. The engine's log is locked while the engine runs.
const LOG_FILE: &str = "engine.log";
const PORT_FILE: &str = "engine.port";

/// A running engine. It ends with [`Engine::stop`], and whenever this process ends.
pub struct Engine {
    url: String,
    /// `None`: another process started it.
    supervisor: Option<Supervisor>,
}

impl Engine {
    /// Starts an engine on the data in `var`, on a free loopback port, and waits until it answers.
    pub async fn start(var: &Path) -> Result<Self> {
        create_private_dir(var)?;
        let spec = Arc::new(LaunchSpec::new(EngineKind::detect(var)?, var).await?);
        let mut process = spec.start().with_context(|| format!("Cannot start {}", spec.program.display()))?;
        spec.wait_until_ready(&mut process).await?;
        write_port_file(var, spec.port)?;
        let url = url(spec.port);
        let supervisor = Supervisor::supervise("the engine", process, move || spec.start());
        Ok(Self { url, supervisor: Some(supervisor) })
    }

    /// Attaches to the engine that runs on the data in `var`, or starts one. Fails if there is no data.
    pub async fn attach(var: &Path) -> Result<Self> {
        if !EngineKind::ALL.iter().any(|kind| kind.data(var).exists()) {
            bail!(
                "Cannot find a database: there is no data in {}. Set var, or databases.sarangbang.url.",
                var.display()
            );
        }
        let end = Instant::now() + STARTUP_TIMEOUT;
        while is_locked(var)? {
            let port = fs::read_to_string(var.join(PORT_FILE)).ok().and_then(|port| port.parse().ok());
            if let Some(port) = port
                && answers(&client(port)?).await
            {
                return Ok(Self { url: url(port), supervisor: None });
            }
            if Instant::now() > end {
                bail!(
                    "Cannot reach the engine on the data in {}: it does not answer. Restart the site.",
                    var.display()
                );
            }
            sleep(POLL_INTERVAL).await;
        }
        Self::start(var).await
    }

    /// Returns the program that [`Engine::start`] would start.
    pub fn program(var: &Path) -> Result<PathBuf> {
        EngineKind::detect(var).map(|(_, program)| program)
    }

    /// Returns its connection string.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the engine if this process started it.
    pub async fn stop(self) {
        if let Some(supervisor) = self.supervisor {
            supervisor.stop().await;
        }
    }
}

/// Creates a folder that only this user may enter: the engine requires no password.
pub(crate) fn create_private_dir(folder: &Path) -> Result<()> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    created.with_context(|| format!("Cannot create the folder {}", folder.display()))
}

/// Opens and locks the engine's log. The engine inherits the open file, so the lock lasts as long as the engine, even if
/// the site is killed.
async fn lock(path: &Path) -> Result<File> {
    let cannot_write = || format!("Cannot write {}", path.display());
    let log = File::options().create(true).append(true).open(path).with_context(cannot_write)?;
    let end = Instant::now() + LOCK_TIMEOUT;
    loop {
        match log.try_lock() {
            Ok(()) => return Ok(log),
            Err(TryLockError::Error(error)) => return Err(error).with_context(cannot_write),
            Err(TryLockError::WouldBlock) if Instant::now() < end => sleep(POLL_INTERVAL).await,
            Err(TryLockError::WouldBlock) => bail!(
                "Cannot lock {}: it is in use by another Sarangbang. Stop that one, or set var to another folder.",
                path.display()
            ),
        }
    }
}

/// Returns whether an engine runs, starts or ends on the data in `var`.
fn is_locked(var: &Path) -> Result<bool> {
    let path = var.join(LOG_FILE);
    let locked = match File::options().append(true).open(&path).map(|log| log.try_lock()) {
        Ok(Ok(())) => Ok(false),
        Ok(Err(TryLockError::WouldBlock)) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Ok(Err(TryLockError::Error(error))) | Err(error) => Err(error),
    };
    locked.with_context(|| format!("Cannot write {}", path.display()))
}

/// Tells other processes the engine's port. The file is valid only while the log is locked.
fn write_port_file(var: &Path, port: u16) -> Result<()> {
    let path = var.join(PORT_FILE);
    let written = write_atomically(&path, port.to_string().as_bytes(), 0o644);
    written.with_context(|| format!("Cannot write {}", path.display()))
}

fn url(port: u16) -> String {
    format!("mongodb://127.0.0.1:{port}/?directConnection=true")
}

fn client(port: u16) -> Result<Client> {
    let address = ServerAddress::Tcp { host: "127.0.0.1".into(), port: Some(port) };
    let options = ClientOptions::builder()
        .hosts(vec![address])
        .direct_connection(true)
        .server_selection_timeout(Duration::from_millis(500))
        .build();
    Client::with_options(options).context("Cannot set up the database driver")
}

async fn answers(client: &Client) -> bool {
    client.database("admin").run_command(doc! { "ping": 1 }).await.is_ok()
}

#[derive(Clone, Copy, PartialEq)]
enum EngineKind {
    Mongod,
    Secantus,
}

impl EngineKind {
    const ALL: [Self; 2] = [Self::Mongod, Self::Secantus];

    fn program(self) -> &'static str {
        match self {
            Self::Mongod => "mongod",
            Self::Secantus => "secantusd-rs",
        }
    }

    /// Returns the folder of its data. Neither engine reads the other's files.
    fn data(self, var: &Path) -> PathBuf {
        var.join(self.program())
    }

    /// Detects the engine whose data exists, else the first that is installed.
    fn detect(var: &Path) -> Result<(Self, PathBuf)> {
        if let Some(kind) = Self::ALL.into_iter().find(|kind| kind.data(var).exists()) {
            let program = kind.find().ok_or_else(|| {
                anyhow!(
                    "Cannot start an engine: {} contains data of {}, which is not installed. Install it, or set \
                     databases.sarangbang.url.",
                    var.display(),
                    kind.program()
                )
            })?;
            return Ok((kind, program));
        }
        Self::ALL.into_iter().find_map(|kind| Some((kind, kind.find()?))).ok_or_else(|| {
            anyhow!(
                "Cannot find a database: neither mongod nor secantusd-rs is installed, and databases.sarangbang.url is \
                 not set. Set it, or use bin/serve, which sets up an engine."
            )
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

/// How to start an engine; the same at each restart.
struct LaunchSpec {
    kind: EngineKind,
    program: PathBuf,
    data: PathBuf,
    log_path: PathBuf,
    log: File,
    port: u16,
}

impl LaunchSpec {
    async fn new((kind, program): (EngineKind, PathBuf), var: &Path) -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .context("Cannot find a free port on 127.0.0.1")?
            .port();
        let log_path = var.join(LOG_FILE);
        let log = lock(&log_path).await?;
        // The port of the previous engine.
        let _ = fs::remove_file(var.join(PORT_FILE));
        let data = kind.data(var);
        create_private_dir(&data)?;
        Ok(Self { kind, program, data, log_path, log, port })
    }

    fn start(&self) -> io::Result<Process> {
        let mut command = supervised_command();
        command.arg(&self.program);
        match self.kind {
            EngineKind::Mongod => command
                .args(["--bind_ip", "127.0.0.1", "--wiredTigerCacheSizeGB", "0.25", "--quiet", "--dbpath"])
                .arg(&self.data),
            EngineKind::Secantus => {
                // Without this file it would search the current folder and the home folder for one.
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
        command.args(["--port", &self.port.to_string()]);
        command.stdout(self.log.try_clone()?).stderr(self.log.try_clone()?);
        Process::start(command)
    }

    async fn wait_until_ready(&self, process: &mut Process) -> Result<()> {
        let client = client(self.port)?;
        let end = Instant::now() + STARTUP_TIMEOUT;
        while Instant::now() < end {
            if answers(&client).await {
                client.shutdown().immediate(true).await;
                return Ok(());
            }
            if let Some(status) = process.exit_status() {
                bail!("Cannot start the engine: it ended ({status}). {}", self.log_tail());
            }
            sleep(POLL_INTERVAL).await;
        }
        bail!("Cannot start the engine: no answer within {} s. {}", STARTUP_TIMEOUT.as_secs(), self.log_tail());
    }

    fn log_tail(&self) -> String {
        let log = fs::read(&self.log_path).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        let end = lines[lines.len().saturating_sub(5)..].join("\n  ");
        format!("The end of {}:\n  {end}", self.log_path.display())
    }
}
