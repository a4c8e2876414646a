//! Priority of threads: requests run before password hashing and image decoding.

use rustix::process::{getpriority_process, setpriority_process};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

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

/// Makes this thread run only while no other thread wants its core, permanently (SCHED_IDLE; see sched(7)).
pub(crate) fn give_way() {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy) {
        log::debug!("scheduling policy not changed: error={error:?}");
        lower_thread_priority();
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

    #[test]
    fn a_decoder_waits_for_all_others() {
        let policy = || thread_priority::thread_schedule_policy().unwrap();
        let (before, idle) = (policy(), ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle));
        let patient = std::thread::spawn(move || {
            give_way();
            policy()
        });
        assert_eq!(patient.join().unwrap(), idle);
        assert_eq!(policy(), before);
    }
}
