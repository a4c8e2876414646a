//! How far it is: a bar on a terminal, else a line every now and then.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::process::print_error;

/// How often there is a line.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct Progress {
    what: &'static str,
    bar: ProgressBar,
    last: Instant,
}

impl Progress {
    /// Begins with one kind of thing, of which there are about so many.
    pub(super) fn of(what: &'static str, total: u64) -> Self {
        let style = ProgressStyle::with_template("{msg:>12} {bar:40} {human_pos} of {human_len}, {eta} left");
        let bar = ProgressBar::new(total).with_message(what);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { what, bar, last: Instant::now() }
    }

    pub(super) fn add(&mut self, count: u64) {
        self.bar.inc(count);
        // More may have come meanwhile.
        self.bar.set_length(self.bar.length().max(Some(self.bar.position())).unwrap_or_default());
        if self.bar.is_hidden() && self.last.elapsed() > LINE_INTERVAL {
            self.last = Instant::now();
            let total = self.bar.length().unwrap_or_default();
            print_error(&format!("{}: {} of {total}", self.what, self.bar.position()));
        }
    }

    /// Ends; answers how many there were.
    pub(super) fn end(self) -> u64 {
        let count = self.bar.position();
        match self.bar.is_hidden() {
            true => print_error(&format!("{}: {count}", self.what)),
            false => {
                self.bar.set_length(count);
                self.bar.finish();
            }
        }
        count
    }
}
