//! Child processes, thread priority and the terminal.

mod console;
pub mod engine;
mod priority;
mod supervisor;

pub use console::{print, print_error};
pub use engine::Engine;
pub(crate) use engine::create_private_dir;
pub(crate) use priority::lower_thread_priority;
pub(crate) use supervisor::{Process, Supervisor, supervised_command};
