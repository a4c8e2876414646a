//! The MongoDB-compatible server that the site starts for itself when no database is configured:
//! `mongod` or `secantusd-rs`, from `PATH`, else from the cache folder where `bin/serve` builds it.
//!
//! It runs in a process group of its own, so that Ctrl-C reaches the site first, under a shell that
//! watches a pipe from the site: when the site ends, even by kill -9, the pipe closes and the shell
//! ends the engine. An engine that dies under a running site is started again.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::doc;
use mongodb::options::{ClientOptions, ServerAddress};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// How long an engine may take to answer its first ping: it may have a crash to recover from.
const READY: Duration = Duration::from_secs(60);
/// How long it may take to end before the watching shell, which waits 5 s, has killed it.
const END: Duration = Duration::from_secs(7);
/// How long a folder may still be held by the engine of a site that was killed.
const RELEASE: Duration = Duration::from_secs(10);
/// The pause before an engine that died is started again.
const AGAIN: Duration = Duration::from_millis(500);

/// Runs "$@" until it ends or standard input closes; then asks it to end, and 5 s later makes it.
const WATCH: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- & engine=$!
{ read -r _ <&3; kill -TERM $engine; sleep 5; kill -KILL $engine; } 2>/dev/null & watch=$!
exec 3<&-
wait $engine; status=$?
kill $watch 2>/dev/null
exit $status
"#;

/// A running engine. Ends with [`Engine::stop`], and with this process whatever ends that.
pub struct Engine {
    url: String,
    stop: oneshot::Sender<()>,
    keeper: JoinHandle<()>,
}

impl Engine {
    /// Starts the engine on the data in `var`, on a free loopback port, and waits until it answers a ping.
    ///
    /// # Errors
    /// A sentence for the person at the terminal: no engine on this machine, the folder in use or not
    /// writable, the engine's own last words.
    pub async fn start(var: &Path) -> Result<Self, String> {
        make_private(var)?;
        let plan = Plan::new(Kind::choose(var)?, var).await?;
        let mut running = plan.spawn()?;
        plan.ready(&mut running.shell).await?;

        let (stop, stopped) = oneshot::channel();
        let url = plan.url();
        Ok(Self { url, stop, keeper: tokio::spawn(keep(plan, running, stopped)) })
    }

    /// The connection string to reach it by.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends the engine and waits until it has ended.
    pub async fn stop(self) {
        // Refused only when the keeper is gone already.
        let _ = self.stop.send(());
        let _ = self.keeper.await;
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
             databases.sarangbang.url is not set. bin/serve sets one up."
                .into()
        })
    }

    fn find(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        if self == Self::Secantus {
            let version = include_str!("../bin/engine.version").trim();
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

/// The shell that watches over the engine, and our end of the pipe that it watches.
struct Running {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Plan {
    async fn new((kind, program): (Kind, PathBuf), var: &Path) -> Result<Self, String> {
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| format!("There is no free port on 127.0.0.1: {error}."))?
            .port();
        let path = var.join("engine.log");
        let log = (path.clone(), lock(&path).await?);
        let data = kind.data(var);
        make_private(&data)?;
        Ok(Self { kind, program, data, log, port })
    }

    fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port)
    }

    fn spawn(&self) -> Result<Running, String> {
        let failed = |error: io::Error| format!("The engine {} cannot be started: {error}.", self.program.display());
        let log = &self.log.1;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WATCH, "engine"]).arg(&self.program);
        match self.kind {
            Kind::Mongod => command
                .args(["--bind_ip", "127.0.0.1", "--wiredTigerCacheSizeGB", "0.25", "--quiet", "--dbpath"])
                .arg(&self.data),
            Kind::Secantus => {
                // Named, so that it does not look for one in the current folder and at home.
                let settings = self.data.join("settings.toml");
                File::create(&settings).map_err(failed)?;
                command
                    .arg("--config")
                    .arg(settings)
                    .args(["--host", "127.0.0.1", "--cache-size", "64M", "--log-file-max", "16MB"])
                    .args(["--sync-on-commit", "--log-level", "WARNING", "--storage-path"])
                    .arg(self.data.join("data"))
            }
        };
        let mut shell = command
            .args(["--port", &self.port.to_string()])
            .stdin(Stdio::piped())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log.try_clone().map_err(failed)?)
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        // Taken out, for waiting for a child closes the pipe that it still has.
        let pipe = shell.stdin.take();
        Ok(Running { shell, pipe })
    }

    /// Waits until the engine answers a ping.
    async fn ready(&self, shell: &mut Child) -> Result<(), String> {
        let address = ServerAddress::Tcp { host: "127.0.0.1".into(), port: Some(self.port) };
        let options = ClientOptions::builder()
            .hosts(vec![address])
            .direct_connection(true)
            .server_selection_timeout(Duration::from_millis(500))
            .build();
        let client = Client::with_options(options).map_err(|error| error.to_string())?;
        let patience = Instant::now() + READY;
        while Instant::now() < patience {
            if client.database("admin").run_command(doc! { "ping": 1 }).await.is_ok() {
                client.shutdown().immediate(true).await;
                return Ok(());
            }
            if let Ok(Some(status)) = shell.try_wait() {
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

/// Starts the engine again whenever it dies, until it is told to stop.
async fn keep(plan: Plan, mut running: Running, mut stopped: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            status = running.shell.wait() => {
                log::error!("the engine ended ({status:?}) and is started again; see {}", plan.log.0.display());
            }
            _ = &mut stopped => return end(running).await,
        }
        running = loop {
            tokio::select! {
                () = sleep(AGAIN) => {}
                _ = &mut stopped => return,
            }
            match plan.spawn() {
                Ok(running) => break running,
                Err(error) => log::error!("{error}"),
            }
        };
    }
}

async fn end(mut running: Running) {
    drop(running.pipe.take());
    if timeout(END, running.shell.wait()).await.is_err() {
        log::error!("the engine did not end");
    }
}
