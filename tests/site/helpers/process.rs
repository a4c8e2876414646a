//! The site as people run it: the program, in a process of its own.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::images::free_port;
use super::within_timeout;

/// A running program.
pub struct Process {
    pub child: Child,
    /// As `http://127.0.0.1:40000`.
    pub address: String,
}

impl Process {
    /// Starts the program on the data in a folder, and waits until it says where it is.
    pub async fn start(var: &Path) -> Self {
        Self::run(command(var)).await
    }

    /// The same, of a [`command`] that a test has changed.
    pub async fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line =
            within_timeout("the program to say where it is", lines.next_line()).await.unwrap().expect("it has started");
        let address = line.rsplit(' ').next().unwrap().to_owned();
        Self { child, address }
    }

    /// Sends it a signal, as `TERM`.
    pub fn signal(&self, signal: &str) {
        kill(signal, self.child.id().expect("it runs"));
    }

    /// Waits until it has ended.
    pub async fn ended(mut self) -> std::process::ExitStatus {
        within_timeout("the program to end", self.child.wait()).await.unwrap()
    }
}

/// The program, not started yet.
pub fn command(var: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sarangbang"));
    command
        .current_dir(var)
        .env("ROCKET_PORT", "0")
        .env("ROCKET_IMAGES", format!("{{port={}}}", free_port()))
        .env("ROCKET_VAR", var.join("var"))
        .env_remove("ROCKET_DATABASES")
        .env_remove("ROCKET_CONFIG")
        .kill_on_drop(true);
    command
}

/// Switches off all rates and the limits on sockets of a [`command`], for tests of many requests.
pub fn unlimit(command: &mut Command) -> &mut Command {
    command
        .env("ROCKET_RATES", "{signups=0, rooms=0, chats=0, edits=0, uploads=0}")
        .env("ROCKET_SOCKETS", "{user=0, address=0}")
}

/// Sends a process a signal.
pub fn kill(signal: &str, process: u32) {
    let status = std::process::Command::new("kill").args(["-s", signal, &process.to_string()]).status();
    assert!(status.unwrap().success());
}

/// The processes of the engine, the watching shell among them, that work on the data in a folder.
pub fn engines(var: &Path) -> Vec<u32> {
    let var = var.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap();
    let named = processes.filter_map(|process| process.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let works = |process: &u32| {
        let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(var)
    };
    named.filter(works).collect()
}
