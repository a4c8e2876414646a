//! Who goes first when there are not enough cores: people who talk, before passwords and pictures that are worked on.

use rustix::process::{getpriority_process, setpriority_process};

/// The niceness (setpriority(2)) of work that may take its time: about a tenth of a core, where others want all of it.
const BACKGROUND_NICENESS: i32 = 10;

/// Has this thread, and those that it starts, give way from now on. There is no way back.
pub(crate) fn lower_thread_priority() {
    // Of no process but the thread that asks: so Linux reads it.
    if getpriority_process(None).is_ok_and(|now| now < BACKGROUND_NICENESS)
        && let Err(error) = setpriority_process(None, BACKGROUND_NICENESS)
    {
        log::debug!("a thread does not give way: {error}");
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
