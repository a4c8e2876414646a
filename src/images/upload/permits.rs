//! Bounds uploads at once, of one person and in all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::error::UploadError;
use crate::error::Error;
use crate::images::ImageServer;
use crate::images::limits::UPLOADS_PER_USER;

const RECEIVER_TIMEOUT: Duration = Duration::from_secs(5);
/// The `Retry-After` of a person with too many uploads at once.
const BUSY_RETRY: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(in crate::images) struct UploadCounts(Mutex<HashMap<String, usize>>);

struct UserUploadGuard<'a> {
    counts: &'a UploadCounts,
    user: String,
}

/// The permits of an upload. Hold them until the upload is stored.
pub(super) struct UploadPermits<'a> {
    _user: UserUploadGuard<'a>,
    _receiver: SemaphorePermit<'a>,
}

impl UploadCounts {
    fn begin(&self, user: &str) -> Option<UserUploadGuard<'_>> {
        let mut counts = self.0.lock();
        let count = counts.entry(user.to_owned()).or_default();
        if *count >= UPLOADS_PER_USER {
            return None;
        }
        *count += 1;
        Some(UserUploadGuard { counts: self, user: user.to_owned() })
    }
}

impl Drop for UserUploadGuard<'_> {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock();
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

/// Counts an upload and waits for its turn.
pub(super) async fn acquire_permits<'a>(
    server: &'a ImageServer,
    user: &str,
    address: IpAddr,
) -> Result<UploadPermits<'a>, UploadError> {
    server.rate.check(user, address).map_err(|error| match error {
        Error::RateLimited { retry_after } => UploadError::RateLimited(retry_after),
        _ => UploadError::Unavailable,
    })?;
    let _user = server.uploads.begin(user).ok_or(UploadError::RateLimited(BUSY_RETRY))?;
    match timeout(RECEIVER_TIMEOUT, server.receivers.acquire()).await {
        Ok(Ok(_receiver)) => Ok(UploadPermits { _user, _receiver }),
        _ => Err(UploadError::Unavailable),
    }
}
