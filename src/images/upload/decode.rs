use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::error::UploadError;
use crate::images::ImageServer;
use crate::images::picture::DecodeError;
use crate::process::lower_thread_priority;

/// Runs a decoder on a thread of its own with a low priority. Waits for its turn and for its result.
pub(super) async fn decode<T: Send + 'static>(
    server: &ImageServer,
    wait: Duration,
    work: impl FnOnce() -> Result<T, DecodeError> + Send + 'static,
) -> Result<T, UploadError> {
    let end = Instant::now() + wait;
    let permit = timeout(wait / 2, Arc::clone(&server.decoders).acquire_owned()).await;
    let Ok(Ok(permit)) = permit else { return Err(UploadError::Unavailable) };
    let (sender, result) = oneshot::channel();
    let run = move || {
        // The thread holds the permit until the end, also after the timeout.
        let _permit = permit;
        lower_thread_priority();
        let _ = sender.send(work());
    };
    if thread::Builder::new().name("decoder".into()).spawn(run).is_err() {
        return Err(UploadError::Unavailable);
    }
    match timeout_at(end, result).await {
        Ok(result) => result.unwrap_or(Err(DecodeError::Damaged)).map_err(UploadError::Decode),
        Err(_) => Err(UploadError::Unavailable),
    }
}
