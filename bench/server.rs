//! The servers that are measured, each on a core of its own, and the engine that they store in, beside the load.

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

/// The core of the server; the load, and with it the engine, is on the other.
pub const SERVER: &str = "0";
pub const LOAD: &str = "1";

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    /// This site.
    Site,
    /// The specification's: Express, Mongoose, EJS and Socket.IO.
    Express,
    /// Bare WebSockets, storing nothing.
    Ws,
}

impl Stack {
    /// As the table says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Site => "the site",
            Self::Express => "Express, Socket.IO, Mongoose, EJS",
            Self::Ws => "bare `ws`, nothing stored",
        }
    }
}

/// The engine that the others store in, each in a database of its own. The site starts the same program with the same
/// options for itself.
pub struct Engine {
    port: u16,
    names: Cell<usize>,
    _child: Child,
    _data: TempDir,
}

impl Engine {
    /// Starts `secantusd-rs`, as the site does: every commit is synced before it is acknowledged.
    pub async fn start() -> Self {
        let program = std::env::var("ENGINE").expect("ENGINE: the path of secantusd-rs");
        let (data, port) = (TempDir::new().unwrap(), free_port());
        let settings = data.path().join("settings.toml");
        fs::write(&settings, "").unwrap();
        let mut command = pinned(LOAD, &program);
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

    /// A database that nobody has used.
    pub fn new_database(&self) -> String {
        self.names.set(self.names.get() + 1);
        self.url(&format!("bench{}", self.names.get()))
    }

    fn url(&self, name: &str) -> String {
        format!("mongodb://127.0.0.1:{}/{name}?directConnection=true", self.port)
    }
}

/// A server at work. Dropping it ends it.
pub struct Server {
    pub stack: Stack,
    pub port: u16,
    /// Where it stores.
    pub database: String,
    /// From its start to its first page.
    pub start: Duration,
    child: Child,
    var: TempDir,
}

impl Server {
    /// Starts one on an empty database, and waits until it answers.
    pub async fn start(stack: Stack, engine: &Engine) -> Self {
        if stack != Stack::Site {
            return Self::start_on(stack, engine.new_database()).await;
        }
        let mut site = Self::launch(stack, None).await;
        let port = fs::read_to_string(site.var.path().join("engine.port")).unwrap();
        site.database = format!("mongodb://127.0.0.1:{port}/sarangbang?directConnection=true");
        // Its engine goes to the core of the load, as that of the others.
        let mut parents = vec![site.child.id().unwrap().to_string()];
        while let Some(parent) = parents.pop() {
            let children = std::process::Command::new("pgrep").args(["-P", &parent]).output().unwrap().stdout;
            for child in String::from_utf8(children).unwrap().split_whitespace() {
                let moved = std::process::Command::new("taskset").args(["-acp", LOAD, child]).output().unwrap();
                assert!(moved.status.success());
                parents.push(child.to_owned());
            }
        }
        site
    }

    /// Starts one on a database that is there already.
    pub async fn start_on(stack: Stack, database: String) -> Self {
        Self::launch(stack, Some(database)).await
    }

    async fn launch(stack: Stack, database: Option<String>) -> Self {
        let (var, port) = (TempDir::new().unwrap(), free_port());
        let mut command = match stack {
            Stack::Site => {
                let mut command = pinned(SERVER, std::env::var("SITE").expect("SITE: the path of sarangbang"));
                command.arg("site").env("ROCKET_VAR", var.path()).env("ROCKET_PORT", port.to_string());
                // The load comes from one address, and from few people.
                command.env("ROCKET_RATES", "{signups=0, rooms=0, chats=0, edits=0, uploads=0}");
                command.env("ROCKET_SOCKETS", "{user=0, address=0}");
                if let Some(database) = &database {
                    command.env("ROCKET_DATABASES", format!("{{sarangbang={{url=\"{database}\"}}}}"));
                }
                command
            }
            Stack::Express | Stack::Ws => {
                let script = if stack == Stack::Express { "bench/express/server.js" } else { "bench/ws/server.js" };
                let mut command = pinned(SERVER, "node");
                command.arg(script).env("NODE_ENV", "production").env("PORT", port.to_string());
                command.env("DATABASE", database.as_deref().unwrap_or_default());
                command
            }
        };
        let log = fs::File::create(var.path().join("log")).unwrap();
        let begun = Instant::now();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let page = if stack == Stack::Site { "/user" } else { "/health" };
        let mut http = loop {
            match Http::connect(port).await {
                Ok(http) => break http,
                Err(_) if begun.elapsed() > Duration::from_secs(30) => panic!("{} does not answer", stack.name()),
                Err(_) => sleep(Duration::from_millis(1)).await,
            }
        };
        assert_eq!(http.get(page).await.status, 200);
        Self { stack, port, database: database.unwrap_or_default(), start: begun.elapsed(), child, var }
    }

    /// Processor time that it has taken so far, in seconds.
    pub fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(self.file("stat")).unwrap();
        // The name of the program, in brackets, may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
        // User and system time, in hundredths (proc(5)).
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Resident memory in KiB; its highest since [`Server::forget_peak`].
    pub fn resident(&self) -> usize {
        self.status("VmRSS:")
    }

    /// The highest resident memory in KiB.
    pub fn peak(&self) -> usize {
        self.status("VmHWM:")
    }

    /// Has the peak begin anew.
    pub fn forget_peak(&self) {
        fs::write(self.file("clear_refs"), "5").unwrap();
    }

    fn status(&self, name: &str) -> usize {
        let status = fs::read_to_string(self.file("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id().expect("it runs")))
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
