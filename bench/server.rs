//! The measured servers on one core, and their database engine on the core of the load.

use std::cell::Cell;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::http::Http;

/// The core of the measured server.
const SERVER_CORE: &str = "0";
/// The core of the load and the engine.
const LOAD_CORE: &str = "1";

/// A measured stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    Site,
    /// Express, Mongoose, EJS and Socket.IO.
    Express,
    /// Bare WebSockets without storage.
    Ws,
}

impl Stack {
    /// Returns the name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Site => "the site",
            Self::Express => "Express, Socket.IO, Mongoose, EJS",
            Self::Ws => "bare `ws`, nothing stored",
        }
    }
}

/// The database engine of the other stacks. The site starts the same program with the same options.
pub struct Engine {
    port: u16,
    names: Cell<usize>,
    _child: Child,
    _data: TempDir,
}

impl Engine {
    /// Starts `secantusd-rs` with the site's options: it syncs each commit before acknowledging it.
    pub async fn start() -> Self {
        let program = std::env::var("ENGINE").expect("ENGINE: the path of secantusd-rs");
        let (data, port) = (TempDir::new().unwrap(), free_port());
        let settings = data.path().join("settings.toml");
        fs::write(&settings, "").unwrap();
        let mut command = pinned(LOAD_CORE, &program);
        command.arg("--config").arg(settings).args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--cache-size", "64M", "--log-file-max", "16MB", "--sync-on-commit", "--log-level", "WARNING"]);
        let child = command.arg("--storage-path").arg(data.path().join("data")).stdout(Stdio::null()).spawn().unwrap();
        let engine = Self { port, names: Cell::new(0), _child: child, _data: data };
        let client = mongodb::Client::with_uri_str(engine.url("admin")).await.unwrap();
        let admin = client.database("admin");
        while admin.run_command(mongodb::bson::doc! { "ping": 1 }).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
        engine
    }

    /// Returns the URL of an unused database.
    pub fn new_database(&self) -> String {
        self.names.set(self.names.get() + 1);
        self.url(&format!("bench{}", self.names.get()))
    }

    fn url(&self, name: &str) -> String {
        format!("mongodb://127.0.0.1:{}/{name}?directConnection=true", self.port)
    }
}

/// A running server. Dropping it ends the process.
pub struct Server {
    pub stack: Stack,
    pub port: u16,
    /// The URL of the database.
    pub database: String,
    /// The time from start to the first page.
    pub start: Duration,
    child: Child,
    var: TempDir,
}

impl Server {
    /// Starts a server on an empty database and waits until it answers.
    pub async fn start(stack: Stack, engine: &Engine) -> Self {
        if stack != Stack::Site {
            return Self::start_on(stack, engine.new_database()).await;
        }
        let mut site = Self::launch(stack, None).await;
        let port = fs::read_to_string(site.var.path().join("engine.port")).unwrap();
        site.database = format!("mongodb://127.0.0.1:{port}/sarangbang?directConnection=true");
        // Moves the site's own engine to the core of the load.
        let mut parents = vec![site.child.id().unwrap().to_string()];
        while let Some(parent) = parents.pop() {
            let children = std::process::Command::new("pgrep").args(["-P", &parent]).output().unwrap().stdout;
            for child in String::from_utf8(children).unwrap().split_whitespace() {
                let moved = std::process::Command::new("taskset").args(["-acp", LOAD_CORE, child]).output().unwrap();
                assert!(moved.status.success());
                parents.push(child.to_owned());
            }
        }
        site
    }

    /// Starts a server on an existing database.
    pub async fn start_on(stack: Stack, database: String) -> Self {
        Self::launch(stack, Some(database)).await
    }

    async fn launch(stack: Stack, database: Option<String>) -> Self {
        let (var, port) = (TempDir::new().unwrap(), free_port());
        let mut command = match stack {
            Stack::Site => {
                let mut command = pinned(SERVER_CORE, std::env::var("SITE").expect("SITE: the path of sarangbang"));
                command.arg("site").env("ROCKET_VAR", var.path()).env("ROCKET_PORT", port.to_string());
                // The load comes from one address and few users.
                command.env("ROCKET_RATES", "{signups=0, rooms=0, chats=0, edits=0, uploads=0}");
                command.env("ROCKET_SOCKETS", "{user=0, address=0}");
                if let Some(database) = &database {
                    command.env("ROCKET_DATABASES", format!("{{sarangbang={{url=\"{database}\"}}}}"));
                }
                command
            }
            Stack::Express | Stack::Ws => {
                let script = if stack == Stack::Express { "bench/express/server.js" } else { "bench/ws/server.js" };
                let mut command = pinned(SERVER_CORE, "node");
                command.arg(script).env("NODE_ENV", "production").env("PORT", port.to_string());
                command.env("DATABASE", database.as_deref().unwrap_or_default());
                command
            }
        };
        let log = fs::File::create(var.path().join("log")).unwrap();
        let started = Instant::now();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let page = if stack == Stack::Site { "/user" } else { "/health" };
        let mut http = loop {
            match Http::connect(port).await {
                Ok(http) => break http,
                Err(_) if started.elapsed() > Duration::from_secs(30) => panic!("{} does not answer", stack.name()),
                Err(_) => sleep(Duration::from_millis(1)).await,
            }
        };
        assert_eq!(http.get(page).await.status, 200);
        Self { stack, port, database: database.unwrap_or_default(), start: started.elapsed(), child, var }
    }

    /// Returns the CPU time so far, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(self.file("stat")).unwrap();
        // The program name before `) ` may contain spaces.
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
        // User and system time in hundredths of a second (proc(5)).
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Returns the resident memory in KiB.
    pub fn resident(&self) -> usize {
        self.status("VmRSS:")
    }

    /// Returns the highest resident memory since [`Server::reset_peak`], in KiB.
    pub fn peak(&self) -> usize {
        self.status("VmHWM:")
    }

    /// Resets the peak of the resident memory.
    pub fn reset_peak(&self) {
        fs::write(self.file("clear_refs"), "5").unwrap();
    }

    fn status(&self, name: &str) -> usize {
        let status = fs::read_to_string(self.file("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id().expect("the process runs")))
    }
}

fn pinned(core: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program).kill_on_drop(true);
    command
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
