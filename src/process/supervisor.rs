//! Keeps another program running beside the site: the engine, the image server.
//!
//! The program runs in a process group of its own, so that Ctrl-C reaches the site first. A shell starts it and watches a
//! pipe from the site. The pipe closes when the site ends, even by kill -9, and the shell then ends the program.
//! `kill_on_drop` does not cover kill -9, and `PR_SET_PDEATHSIG` needs unsafe code.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// The shell kills the program after 2 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(4);
/// The pause before a restart. It doubles each time that the program ends at once.
const RESTART_DELAY: Duration = Duration::from_millis(500);
const MAX_RESTART_DELAY: Duration = Duration::from_secs(30);

/// Runs "$@" until it ends or standard input closes. Then sends TERM, and KILL 2 s later.
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

/// A running program, by the shell that watches it.
pub(crate) struct Process {
    shell: Child,
    pipe: Option<ChildStdin>,
}

/// Restarts a program until it is stopped. Dropping a supervisor ends the program.
pub(crate) struct Supervisor {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Returns the watching shell's command, which takes a program and its arguments.
pub(crate) fn supervised_command() -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", WATCHDOG_SCRIPT, "watch"]).stdin(Stdio::piped()).process_group(0);
    shell
}

impl Process {
    /// Starts a [`supervised_command`].
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        let mut shell = command.spawn()?;
        // `Child::wait` closes a pipe that the child still owns.
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.shell.try_wait().ok().flatten()
    }

    async fn stop(mut self, name: &str) {
        drop(self.pipe.take());
        if timeout(STOP_TIMEOUT, self.shell.wait()).await.is_err() {
            log::error!("program not stopped: program={name:?}");
        }
    }
}

impl Supervisor {
    /// Supervises a running program; `start` starts it again.
    pub(crate) fn supervise(
        name: &'static str,
        process: Process,
        start: impl Fn() -> io::Result<Process> + Send + 'static,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { stop, task: tokio::spawn(restart_until_stopped(name, process, start, stopped)) }
    }

    /// Ends the program and waits for its end.
    pub(crate) async fn stop(self) {
        // Fails only if the task has ended.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

async fn restart_until_stopped(
    name: &'static str,
    mut process: Process,
    start: impl Fn() -> io::Result<Process>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut delay = RESTART_DELAY;
    loop {
        let started = Instant::now();
        tokio::select! {
            status = process.shell.wait() => {
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                log::error!("program ended, restarting: program={name:?} status={status:?}");
            }
            _ = &mut stopped => return process.stop(name).await,
        }
        if started.elapsed() > MAX_RESTART_DELAY {
            delay = RESTART_DELAY;
        }
        process = loop {
            tokio::select! {
                () = sleep(delay) => delay = (delay * 2).min(MAX_RESTART_DELAY),
                _ = &mut stopped => return,
            }
            match start() {
                Ok(process) => break process,
                Err(error) => log::error!("program not started: program={name:?} error={error}"),
            }
        };
    }
}
