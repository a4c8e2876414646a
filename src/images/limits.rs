use std::thread::available_parallelism;
use std::time::Duration;

pub(super) const MAX_RECEIVERS: usize = 64;
pub(super) const UPLOADS_PER_USER: usize = 4;
/// In bytes.
pub(super) const MAX_PROFILE_PICTURE: u64 = 8 << 20;
/// The share of a second that an upload may trickle: so many bytes must arrive in each [`PROGRESS_INTERVAL`].
pub(super) const MIN_PROGRESS: u64 = 32 << 10;
pub(super) const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);
/// In bytes: two of the largest pictures being decoded, and the buffers of all receivers.
const MAX_MEMORY: u64 = 1_536 << 20;

/// Returns how many pictures may be decoded at once: one core stays free for chat.
pub(super) fn max_decoders() -> usize {
    available_parallelism().map_or(1, |cores| cores.get() / 2).clamp(1, 2)
}

/// Limits the memory of this process, and makes the kernel kill it before the database.
pub(crate) fn limit_memory() {
    let (soft, hard) = rlimit::Resource::DATA.get().unwrap_or((u64::MAX, u64::MAX));
    let limited = rlimit::Resource::DATA.set(soft.min(MAX_MEMORY), hard);
    let preferred = std::fs::write("/proc/self/oom_score_adj", "500");
    for error in [limited.err(), preferred.err()].into_iter().flatten() {
        log::warn!("memory of the image server not limited: error={error}");
    }
}
