pub(super) const MAX_DECODERS: usize = 2;
pub(super) const MAX_RECEIVERS: usize = 24;
pub(super) const UPLOADS_PER_USER: usize = 4;
/// In bytes: two of the largest pictures being decoded, and all received ones.
const MAX_MEMORY: u64 = 1_536 << 20;

/// Limits the memory of this process, and makes the kernel kill it before the database.
pub(crate) fn limit_memory() {
    let (soft, hard) = rlimit::Resource::DATA.get().unwrap_or((u64::MAX, u64::MAX));
    let limited = rlimit::Resource::DATA.set(soft.min(MAX_MEMORY), hard);
    let preferred = std::fs::write("/proc/self/oom_score_adj", "500");
    for error in [limited.err(), preferred.err()].into_iter().flatten() {
        log::warn!("memory of the image server not limited: error={error}");
    }
}
