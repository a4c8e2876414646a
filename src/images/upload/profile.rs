//! The upload of a person's picture.

use std::sync::Arc;
use std::time::Duration;

use rocket::data::{Data, DataStream, ToByteUnit};
use rocket::http::{ContentType, Status};
use rocket::{Route, State, post, routes};
use serde_json::json;
use tokio::time::Instant;

use super::decode::decode;
use super::drain;
use super::error::UploadError;
use super::permits::acquire_permits;
use super::receive::Form;
use crate::error::Error;
use crate::images::ImageServer;
use crate::images::limits::MAX_PROFILE_PICTURE;
use crate::images::picture::thumbnails;
use crate::images::response::{Client, ImageResponse};
use crate::images::store::{Content, StoredItem};
use crate::internal_api::Outcome;
use crate::picture_path::PictureName;
use crate::ticket::Purpose;

/// The bytes of the form besides the picture.
const FORM_OVERHEAD: u64 = 16 << 10;
const MAX_TICKET: usize = 1 << 10;
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
    let mut stream = data.open(128.mebibytes());
    if let Err(error) = client.check() {
        drain(&mut stream, server).await;
        return client.error(&error);
    }
    let started = Instant::now();
    let result = process(&mut stream, content_type, client, server).await;
    let code = result.as_ref().map_or_else(|error| error.code(), |_| "stored");
    server.metrics.image_jobs.with_label_values(&[code]).observe(started.elapsed().as_secs_f64());
    match result {
        Ok(path) => ImageResponse::outcome(&client, Status::Created, code, &json!({ "path": path })),
        Err(error) => error_response(&client, error),
    }
}

fn error_response(client: &Client<'_>, error: UploadError) -> ImageResponse {
    if error == UploadError::Misdirected {
        return client.error(&Error::Misdirected);
    }
    let view = json!({ "error": { "code": error.code(), "message": error.code(), "fields": {} } });
    ImageResponse::outcome(client, error.status(), error.code(), &view).with_retry_after(error.retry_after())
}

async fn process(
    stream: &mut DataStream<'_>,
    content_type: Option<&ContentType>,
    client: Client<'_>,
    server: &Arc<ImageServer>,
) -> Result<String, UploadError> {
    let stored = receive_and_store(stream, content_type, client, server).await;
    if stored.as_ref().is_err_and(|error| !matches!(error, UploadError::TooSlow)) {
        drain(stream, server).await;
    }
    let (user, path) = stored?;
    match server.site.set_picture(&user, &path).await {
        Outcome::Yes => Ok(path),
        // The next sweep deletes the file.
        Outcome::No => Err(UploadError::Ticket),
        Outcome::Unavailable => Err(UploadError::Unavailable),
    }
}

/// Reads the ticket, then waits for a permit, then reads the picture. Returns the user and the path.
async fn receive_and_store(
    stream: &mut DataStream<'_>,
    content_type: Option<&ContentType>,
    client: Client<'_>,
    server: &Arc<ImageServer>,
) -> Result<(String, String), UploadError> {
    // Without a valid ticket an unknown host takes precedence over all other errors.
    let or_misdirected = |error| if client.is_misdirected() { UploadError::Misdirected } else { error };
    let form = Form::open(stream, content_type, MAX_PROFILE_PICTURE + FORM_OVERHEAD, UPLOAD_TIMEOUT);
    let mut form = form.map_err(or_misdirected)?;
    let user = read_ticket(&mut form, server).await.map_err(or_misdirected)?;
    let _permits = acquire_permits(server, &user, client.address()).await?;
    let field = form.next_field().await?.filter(|field| field.name() == Some("picture"));
    let field = field.ok_or(UploadError::Missing)?;
    let received = form.file(field, server, |_| (MAX_PROFILE_PICTURE, UploadError::TooLarge)).await?;
    let picture = decode(server, PROCESSING_TIMEOUT, move || thumbnails(&received.part.file)).await?;
    let name = PictureName::of(&picture.large);
    let (path, item) = (name.path(), StoredItem::Picture(name));
    let stored = item.clone();
    let store =
        server.with_store(move |store| store.store(&stored, Content::Bytes(picture.large), Some(&picture.small)));
    store.await.map_err(UploadError::from_disk)?;
    server.new_items.push_new(item);
    Ok((user, path))
}

async fn read_ticket(form: &mut Form<'_>, server: &ImageServer) -> Result<String, UploadError> {
    let field = form.next_field().await?.filter(|field| field.name() == Some("ticket"));
    let ticket = form.text(field.ok_or(UploadError::Ticket)?, MAX_TICKET).await?;
    let (user, ticket) = ticket.split_once('.').ok_or(UploadError::Ticket)?;
    let is_valid = server.site.secret().verify(ticket, Purpose::Upload, user);
    is_valid.then(|| user.to_owned()).ok_or(UploadError::Ticket)
}
