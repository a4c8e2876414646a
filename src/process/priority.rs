//! Priority of threads: requests run before password hashing and image decoding.

use std::num::NonZero;
use std::thread::available_parallelism;

use rustix::process::{getpriority_process, setpriority_process};
use rustix::system::sysinfo;
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

/// Makes this thread give way to all others, permanently.
///
/// On an overloaded machine it would never run, so it only gets a low priority.
pub(crate) fn give_way() {
    if is_overloaded() || !run_when_idle() {
        lower_thread_priority();
    }
}

/// Returns whether more threads than cores have wanted to run during the last minute.
fn is_overloaded() -> bool {
    let cores = available_parallelism().map_or(1, NonZero::get);
    // The kernel counts in units of 1/65,536.
    usize::try_from(sysinfo().loads[0] >> 16).is_ok_and(|load| load > cores)
}

/// Lets this thread run only while no other thread wants its core (SCHED_IDLE; see sched(7)).
fn run_when_idle() -> bool {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    set.inspect_err(|error| log::debug!("scheduling policy not changed: error={error:?}")).is_ok()
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
            assert!(run_when_idle());
            policy()
        });
        assert_eq!(patient.join().unwrap(), idle);
        assert_eq!(policy(), before);
    }
}
