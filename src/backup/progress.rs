//! Progress: a bar on a terminal, otherwise a line from time to time.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::process::print_error;

const LINE_INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct Progress {
    what: &'static str,
    bar: ProgressBar,
    last_line: Instant,
}

impl Progress {
    pub(super) fn new(what: &'static str, expected: u64) -> Self {
        let style = ProgressStyle::with_template("{msg:>12} {bar:40} {human_pos} of {human_len}, {eta} left");
        let bar = ProgressBar::new(expected).with_message(what);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { what, bar, last_line: Instant::now() }
    }

    pub(super) fn add(&mut self, count: u64) {
        self.bar.inc(count);
        // The number grows while the site runs.
        self.bar.set_length(self.bar.length().max(Some(self.bar.position())).unwrap_or_default());
        if self.bar.is_hidden() && self.last_line.elapsed() > LINE_INTERVAL {
            self.last_line = Instant::now();
            let expected = self.bar.length().unwrap_or_default();
            print_error(&format!("{}: {} of {expected}", self.what, self.bar.position()));
        }
    }

    /// Returns the final count.
    pub(super) fn finish(self) -> u64 {
        let count = self.bar.position();
        if self.bar.is_hidden() {
            print_error(&format!("{}: {count}", self.what));
        } else {
            self.bar.set_length(count);
            self.bar.finish();
        }
        count
    }
}
