//! Uploads: check the ticket, receive the files, store them, and report them to the site.

mod attach;
mod decode;
mod error;
mod pending_chat;
mod permits;
mod profile;
mod receive;
mod reply;

use std::time::Duration;

use rocket::Route;
use rocket::data::DataStream;
use tokio::io::{copy, sink};
use tokio::time::timeout;

use super::ImageServer;
pub(super) use permits::UploadCounts;

/// The bytes that the server reads, and discards, after a failure: a browser shows an error only after it has sent all.
const MAX_DRAIN: u64 = 64 << 20;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn routes() -> Vec<Route> {
    [profile::routes(), attach::routes()].concat()
}

async fn drain(stream: &mut DataStream<'_>, server: &ImageServer) {
    if let Ok(_permit) = server.drains.try_acquire() {
        let mut rest = tokio::io::AsyncReadExt::take(stream, MAX_DRAIN);
        let _ = timeout(DRAIN_TIMEOUT, copy(&mut rest, &mut sink())).await;
    }
}
