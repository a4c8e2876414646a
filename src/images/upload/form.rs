//! Reads the upload form: the ticket, then the picture.

use std::collections::HashMap;

use multer::{Constraints, Multipart, SizeLimit};
use parking_lot::Mutex;
use rocket::data::DataStream;
use rocket::http::ContentType;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::PROCESSING_TIMEOUT;
use super::error::UploadError;
use crate::error::Error;
use crate::images::ImageServer;
use crate::images::limits::UPLOADS_PER_USER;
use crate::images::response::Client;
use crate::ticket::Purpose;

/// In bytes.
const MAX_PICTURE: u64 = 8 << 20;
/// The bytes of the form besides the picture.
const FORM_OVERHEAD: u64 = 16 << 10;
const MAX_TICKET: u64 = 1 << 10;

#[derive(Default)]
pub(in crate::images) struct UploadCounts(Mutex<HashMap<String, usize>>);

struct UserUploadGuard<'a> {
    counts: &'a UploadCounts,
    user: String,
}

pub(super) struct ReceivedUpload<'a> {
    pub(super) user: String,
    pub(super) picture: Vec<u8>,
    pub(super) permits: UploadPermits<'a>,
}

/// The permits of an upload. Hold them as long as the picture is in memory.
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

/// Reads the ticket, then waits for a permit, then reads the picture.
pub(super) async fn read_form<'a>(
    stream: &mut DataStream<'_>,
    content_type: Option<&ContentType>,
    client: Client<'_>,
    server: &'a ImageServer,
) -> Result<ReceivedUpload<'a>, UploadError> {
    // Without a valid ticket an unknown host takes precedence over all other errors.
    let or_misdirected = |error| if client.is_misdirected() { UploadError::Misdirected } else { error };
    let mut form = open_form(stream, content_type).map_err(or_misdirected)?;
    let user = read_ticket(&mut form, server).await.map_err(or_misdirected)?;
    server.rate.check(&user, client.address()).map_err(|error| match error {
        Error::RateLimited { retry_after } => UploadError::RateLimited(retry_after),
        _ => UploadError::Unavailable,
    })?;
    let permits = acquire_permits(server, &user).await?;
    let picture = read_picture(&mut form).await?;
    Ok(ReceivedUpload { user, picture, permits })
}

fn open_form<'r>(
    stream: &'r mut DataStream<'_>,
    content_type: Option<&ContentType>,
) -> Result<Multipart<'r>, UploadError> {
    let boundary = content_type.filter(|kind| kind.is_form_data()).and_then(|kind| kind.param("boundary"));
    let boundary = boundary.filter(|boundary| !boundary.is_empty()).ok_or(UploadError::Form)?;
    let sizes = SizeLimit::new()
        .whole_stream(MAX_PICTURE + FORM_OVERHEAD)
        .for_field("ticket", MAX_TICKET)
        .for_field("picture", MAX_PICTURE);
    Ok(Multipart::with_reader_with_constraints(stream, boundary, Constraints::new().size_limit(sizes)))
}

async fn read_ticket(form: &mut Multipart<'_>, server: &ImageServer) -> Result<String, UploadError> {
    let ticket = form.next_field().await.map_err(form_error)?.filter(|field| field.name() == Some("ticket"));
    let ticket = ticket.ok_or(UploadError::Ticket)?.text().await.map_err(form_error)?;
    let (user, ticket) = ticket.split_once('.').ok_or(UploadError::Ticket)?;
    let is_valid = server.site.secret().verify(ticket, Purpose::Upload, user);
    is_valid.then(|| user.to_owned()).ok_or(UploadError::Ticket)
}

async fn acquire_permits<'a>(server: &'a ImageServer, user: &str) -> Result<UploadPermits<'a>, UploadError> {
    let _user = server.uploads.begin(user).ok_or(UploadError::Unavailable)?;
    match timeout(PROCESSING_TIMEOUT / 4, server.receivers.acquire()).await {
        Ok(Ok(_receiver)) => Ok(UploadPermits { _user, _receiver }),
        _ => Err(UploadError::Unavailable),
    }
}

async fn read_picture(form: &mut Multipart<'_>) -> Result<Vec<u8>, UploadError> {
    let field = form.next_field().await.map_err(form_error)?.filter(|field| field.name() == Some("picture"));
    let mut field = field.ok_or(UploadError::MissingPicture)?;
    let mut picture = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(form_error)? {
        picture.extend_from_slice(&chunk);
    }
    if picture.is_empty() { Err(UploadError::MissingPicture) } else { Ok(picture) }
}

fn form_error(error: multer::Error) -> UploadError {
    match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => UploadError::TooLarge,
        _ => UploadError::Form,
    }
}
