//! Words for the person at the terminal. Where nobody reads them any more, the work goes on.

use std::io::{Write, stderr, stdout};

/// Says a line on standard output.
pub fn print(line: &str) {
    let _ = writeln!(stdout(), "{line}");
}

/// Says a line on standard error.
pub fn print_error(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
