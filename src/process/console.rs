//! Lines on the terminal. A closed terminal or pipe is no error.

use std::io::{Write, stderr, stdout};

/// Prints a line on standard output.
pub fn print(line: &str) {
    let _ = writeln!(stdout(), "{line}");
}

/// Prints a line on standard error.
pub fn print_error(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
