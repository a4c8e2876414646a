//! Priority of threads: requests run before password hashing and image decoding.

use rustix::process::{getpriority_process, setpriority_process};

/// About a tenth of a core while other threads want all of it; see setpriority(2).
const BACKGROUND_NICENESS: i32 = 10;

/// Lowers the priority of this thread, and of threads that it starts, permanently.
pub(crate) fn lower_thread_priority() {
    // On Linux `None` means the calling thread, not the process.
    if getpriority_process(None).is_ok_and(|now| now < BACKGROUND_NICENESS)
        && let Err(error) = setpriority_process(None, BACKGROUND_NICENESS)
    {
        log::debug!("thread priority not lowered: error={error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_thread_that_asks_gives_way() {
        let before = getpriority_process(None).unwrap();
        let patient = std::thread::spawn(|| {
            lower_thread_priority();
            lower_thread_priority();
            getpriority_process(None).unwrap()
        });
        assert_eq!(patient.join().unwrap(), before.max(BACKGROUND_NICENESS));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
