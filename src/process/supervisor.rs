//! Keeping another program running beside the site: the engine, the image server.
//!
//! It runs in a process group of its own, so that Ctrl-C reaches the site first, under a shell that watches a pipe
//! from the site: when the site ends, even by kill -9, the pipe closes and the shell ends the program. One that dies
//! under a running site is started again.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// How long a program may take to end before the watching shell, which waits 2 s, has killed it.
const STOP_TIMEOUT: Duration = Duration::from_secs(4);
/// The pause before a program that died is started again; doubled each time that it dies at once.
const RESTART_DELAY: Duration = Duration::from_millis(500);
const MAX_RESTART_DELAY: Duration = Duration::from_secs(30);

/// Runs "$@" until it ends or standard input closes; then asks it to end, and 2 s later makes it.
const WATCHDOG_SCRIPT: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- & program=$!
{ read -r _ <&3; kill -TERM $program; sleep 2; kill -KILL $program; } >/dev/null 2>&1 & watch=$!
exec 3<&-
wait $program; status=$?
kill $watch 2>/dev/null
wait $watch 2>/dev/null
exit $status
"#;

/// A running program: the shell that watches over it, and our end of the pipe.
pub(crate) struct Process {
    shell: Child,
    pipe: Option<ChildStdin>,
}

/// What keeps a program running. Dropping it ends the program.
pub(crate) struct Supervisor {
    stop: oneshot::Sender<()>,
    keeping: JoinHandle<()>,
}

/// The watching shell, to be given a program and its arguments.
pub(crate) fn supervised_command() -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", WATCHDOG_SCRIPT, "watch"]).stdin(Stdio::piped()).process_group(0);
    shell
}

impl Process {
    /// Starts a [`watched`] command.
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        let mut shell = command.spawn()?;
        // Taken out, for waiting for a child closes the pipe that it still has.
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.shell.try_wait().ok().flatten()
    }

    async fn end(mut self, what: &str) {
        drop(self.pipe.take());
        if timeout(STOP_TIMEOUT, self.shell.wait()).await.is_err() {
            log::error!("{what} did not end");
        }
    }
}

impl Supervisor {
    /// Keeps a program running that was started once, by starting it the same way again.
    pub(crate) fn supervise(
        what: &'static str,
        running: Process,
        start: impl Fn() -> io::Result<Process> + Send + 'static,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { stop, keeping: tokio::spawn(supervise(what, running, start, stopped)) }
    }

    /// Ends the program and waits until it has ended.
    pub(crate) async fn stop(self) {
        // Refused only when the task is gone already.
        let _ = self.stop.send(());
        let _ = self.keeping.await;
    }
}

async fn supervise(
    what: &'static str,
    mut running: Process,
    start: impl Fn() -> io::Result<Process>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut pause = RESTART_DELAY;
    loop {
        let started = Instant::now();
        tokio::select! {
            status = running.shell.wait() => {
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                log::error!("{what} ended ({status}) and is started again");
            }
            _ = &mut stopped => return running.end(what).await,
        }
        if started.elapsed() > MAX_RESTART_DELAY {
            pause = RESTART_DELAY;
        }
        running = loop {
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(MAX_RESTART_DELAY),
                _ = &mut stopped => return,
            }
            match start() {
                Ok(running) => break running,
                Err(error) => log::error!("{what} cannot be started: {error}"),
            }
        };
    }
}
