//! An upload: checks the ticket, receives the picture, stores it, and reports its path to the site.

mod error;
mod form;

use std::sync::Arc;
use std::time::Duration;

use rocket::data::{Data, DataStream, ToByteUnit};
use rocket::http::{ContentType, Status};
use rocket::{Route, State, post, routes};
use serde_json::json;
use tokio::io::{copy, sink};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::ImageServer;
use super::compress::{self, DecodeError};
use super::response::{Client, ImageResponse};
use crate::error::Error;
use crate::internal_api::Outcome;
use crate::process::lower_thread_priority;
use error::UploadError;
pub(super) use form::UploadCounts;
use form::{ReceivedUpload, read_form};

/// The bytes that the server reads, and discards after a failure: a browser shows an error only after it has sent all.
const MAX_BODY: u64 = 64 << 20;
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// From the end of the upload; half of it may be spent waiting for a decoder.
const PROCESSING_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) fn routes() -> Vec<Route> {
    routes![create]
}

/// Stores a picture and sets it as the user's picture.
#[post("/image", data = "<data>")]
async fn create(
    data: Data<'_>,
    content_type: Option<&ContentType>,
    client: Client<'_>,
    server: &State<Arc<ImageServer>>,
) -> ImageResponse {
    if let Err(error) = client.check() {
        drain(&mut data.open(MAX_BODY.bytes()), server).await;
        return client.error(&error);
    }
    let started = Instant::now();
    let result = process(data, content_type, client, server).await;
    let code = result.as_ref().map_or_else(|error| error.code(), |_| "stored");
    server.metrics.image_jobs.with_label_values(&[code]).observe(started.elapsed().as_secs_f64());
    match result {
        Ok(path) => ImageResponse::outcome(&client, Status::Created, code, &json!({ "path": path })),
        Err(error) => error_response(&client, error),
    }
}

fn error_response(client: &Client<'_>, error: UploadError) -> ImageResponse {
    if matches!(error, UploadError::Misdirected) {
        return client.error(&Error::Misdirected);
    }
    let view = json!({ "error": { "code": error.code(), "message": error.code(), "fields": {} } });
    ImageResponse::outcome(client, error.status(), error.code(), &view).with_retry_after(error.retry_after())
}

async fn process(
    data: Data<'_>,
    content_type: Option<&ContentType>,
    client: Client<'_>,
    server: &Arc<ImageServer>,
) -> Result<String, UploadError> {
    let mut stream = data.open(MAX_BODY.bytes());
    let upload = timeout(UPLOAD_TIMEOUT, read_form(&mut stream, content_type, client, server)).await;
    let upload = upload.unwrap_or(Err(UploadError::TooSlow));
    if upload.as_ref().is_err_and(|error| !matches!(error, UploadError::TooSlow)) {
        drain(&mut stream, server).await;
    }
    // The permits last until the picture is no longer in memory.
    let ReceivedUpload { user, picture, permits: _permits } = upload?;
    let path = timeout(PROCESSING_TIMEOUT, compress_and_store(picture, server)).await;
    let path = path.unwrap_or(Err(UploadError::Unavailable))?;
    match server.site.set_picture(&user, &path).await {
        Outcome::Yes => Ok(path),
        // The next sweep deletes the file.
        Outcome::No => Err(UploadError::Ticket),
        Outcome::Unavailable => Err(UploadError::Unavailable),
    }
}

async fn drain(stream: &mut DataStream<'_>, server: &ImageServer) {
    if let Ok(_permit) = server.drains.try_acquire() {
        let _ = timeout(UPLOAD_TIMEOUT, copy(stream, &mut sink())).await;
    }
}

async fn compress_and_store(picture: Vec<u8>, server: &Arc<ImageServer>) -> Result<String, UploadError> {
    let permit = timeout(PROCESSING_TIMEOUT / 2, Arc::clone(&server.decoders).acquire_owned()).await;
    let Ok(Ok(permit)) = permit else { return Err(UploadError::Unavailable) };
    let server = Arc::clone(server);
    let stored = spawn_blocking(move || {
        // The thread holds the permit until the end, also after the timeout.
        let _permit = permit;
        lower_thread_priority();
        let thumbnails = compress::compress(&picture).map_err(UploadError::Decode)?;
        server.store.store(&thumbnails).map_err(|error| {
            log::error!("picture not stored: error={error}");
            UploadError::Unavailable
        })
    });
    let name = stored.await.unwrap_or(Err(UploadError::Decode(DecodeError::Damaged)))?;
    Ok(name.path())
}
