//! The upload of files for a chat, which the file server then posts for its author.

use std::sync::Arc;
use std::time::Duration;

use rocket::data::{Data, DataStream, ToByteUnit};
use rocket::http::ContentType;
use rocket::{Route, State, post, routes};

use super::drain;
use super::error::UploadError;
use super::pending_chat::PendingChat;
use super::receive::Form;
use super::reply::{Upload, reply, reply_error};
use crate::attachment::{ChatWithFiles, MAX_FILES_PER_CHAT};
use crate::images::ImageServer;
use crate::images::response::{Client, ImageResponse};
use crate::ticket::{Purpose, now};

const MAX_FORM: u64 = 1 << 20;
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// In seconds.
const RECEIPT_TTL: u64 = 60 * 60;

pub(super) fn routes() -> Vec<Route> {
    routes![create]
}

/// Stores files, and posts the chat that they belong to.
#[post("/file", data = "<data>")]
async fn create(
    data: Data<'_>,
    content_type: Option<&ContentType>,
    client: Client<'_>,
    server: &State<Arc<ImageServer>>,
) -> ImageResponse {
    let mut stream = data.open((max_bytes(server) + (64 << 20)).bytes());
    if let Err(error) = client.check_upload() {
        drain(&mut stream, server).await;
        return client.error(&error);
    }
    let mut pending = PendingChat::default();
    let upload = upload(&mut pending, &mut stream, content_type, (&client, server)).await;
    if upload.as_ref().is_err_and(|error| !matches!(error, UploadError::TooSlow)) {
        drain(&mut stream, server).await;
    }
    count(&pending, &upload, server);
    match upload {
        Ok(upload) => reply(upload, &pending, &client),
        Err(error) => reply_error(error, &pending, &client),
    }
}

fn max_bytes(server: &ImageServer) -> u64 {
    let largest = server.sizes.file_bytes.max(server.sizes.picture_bytes);
    largest.saturating_mul(MAX_FILES_PER_CHAT as u64).saturating_add(MAX_FORM).min(1 << 50)
}

async fn upload<'a>(
    pending: &mut PendingChat<'a>,
    stream: &mut DataStream<'_>,
    content_type: Option<&ContentType>,
    (client, server): (&Client<'_>, &'a Arc<ImageServer>),
) -> Result<Upload, UploadError> {
    // Without a valid ticket an unknown host takes precedence over all other errors.
    let or_misdirected = |error| if client.is_misdirected() { UploadError::Misdirected } else { error };
    let form = Form::open(stream, content_type, max_bytes(server), UPLOAD_TIMEOUT);
    let mut form = form.map_err(or_misdirected)?;
    if let Err(error) = pending.read_ticket(&mut form, server).await {
        let error = or_misdirected(error);
        if error == UploadError::Ticket {
            pending.read_typed(&mut form).await;
        }
        return Err(error);
    }
    pending.read(&mut form, client, server).await?;
    pending.permits = None;
    if pending.is_staged {
        return stage(pending, server);
    }
    let (room, chat) = pending.chat()?;
    let chat = ChatWithFiles { form: !client.wants_json(), ..chat };
    let answer = server.site.post_chat(&room, &chat, client.language()).await;
    answer.map(Upload::Posted).ok_or(UploadError::Unavailable)
}

fn stage(pending: &PendingChat<'_>, server: &ImageServer) -> Result<Upload, UploadError> {
    let receipt = pending.receipt()?;
    let signed = server.site.secret().ticket_with_claims(Purpose::Receipt, "", &receipt, now() + RECEIPT_TTL);
    let signed = signed.map_err(|_| UploadError::Unavailable)?;
    Ok(Upload::Staged { receipt: signed, file: receipt.file })
}

/// Counts the files by kind, and those that fail by the reason.
fn count(pending: &PendingChat<'_>, upload: &Result<Upload, UploadError>, server: &ImageServer) {
    let uploads = &server.metrics.file_uploads;
    for file in pending.files.iter().rev().take(pending.received) {
        uploads.with_label_values(&[file.kind.as_str(), "stored"]).inc();
    }
    let failed = match upload {
        Err(error) => error.code(),
        Ok(Upload::Posted(answer)) if answer.status >= 300 => UploadError::from_site(answer.status).code(),
        Ok(_) => return,
    };
    uploads.with_label_values(&["unknown", failed]).inc();
}
