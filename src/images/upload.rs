//! An upload, step by step: the ticket, then the picture, then the files, then the site.

use std::sync::Arc;
use std::time::Duration;

use multer::{Constraints, Multipart, SizeLimit};
use rocket::data::{Data, DataStream, ToByteUnit};
use rocket::http::{ContentType, Status};
use rocket::{Route, State, post, routes};
use serde_json::json;
use tokio::io::{copy, sink};
use tokio::sync::SemaphorePermit;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::compress::{self, DecodeError};
use super::response::{Client, ImageResponse};
use super::{ImageServer, UPLOADS_PER_USER};
use crate::error::Error;
use crate::internal_api::Outcome;
use crate::process::lower_thread_priority;
use crate::ticket::Purpose;

/// The largest picture, and what the form around it may take besides.
const MAX_PICTURE: u64 = 8 << 20;
const FORM_OVERHEAD: u64 = 16 << 10;
/// How much of what is too large is still listened to, and let go, so that its sender hears why.
const MAX_BODY: u64 = 64 << 20;
/// How long a picture may take to arrive.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to be made small, from when it has arrived; half of it may be spent waiting for its turn.
const PROCESSING_TIMEOUT: Duration = Duration::from_secs(20);

/// Why an upload came to nothing. Its code is the end of a key in `locales/`.
#[derive(Clone, Copy, Debug)]
enum UploadError {
    /// No ticket, or none of ours: nothing of the picture was looked at.
    Ticket,
    /// The same at a host at which the site does not answer.
    Misdirected,
    /// The form is not one.
    Form,
    /// No picture was chosen.
    Missing,
    TooLarge,
    TooSlow,
    /// The user or the address has sent as many as they may in a minute.
    TooMany(Duration),
    Refused(DecodeError),
    /// The folder, the site or the machine is in trouble.
    Unavailable,
}

impl UploadError {
    fn code(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Misdirected => "misdirected",
            Self::Form => "form",
            Self::Missing => "missing",
            Self::TooLarge => "too-large",
            Self::TooSlow => "too-slow",
            Self::TooMany(_) => "too-many",
            Self::Refused(DecodeError::UnknownFormat) => "kind",
            Self::Refused(DecodeError::TooManyPixels) => "pixels",
            Self::Refused(DecodeError::Damaged) => "broken",
            Self::Unavailable => "unavailable",
        }
    }

    fn status(self) -> Status {
        match self {
            Self::Ticket => Status::Forbidden,
            Self::Misdirected => Status::MisdirectedRequest,
            Self::Form | Self::Missing | Self::Refused(_) => Status::UnprocessableEntity,
            Self::TooLarge => Status::PayloadTooLarge,
            Self::TooSlow => Status::RequestTimeout,
            Self::TooMany(_) => Status::TooManyRequests,
            Self::Unavailable => Status::ServiceUnavailable,
        }
    }

    /// When to try again, where that is known.
    fn retry_after(self) -> Option<Duration> {
        match self {
            Self::TooMany(after) => Some(after),
            _ => None,
        }
    }
}

/// A picture that has arrived, and the place that it takes.
struct ReceivedUpload<'a> {
    user: String,
    picture: Vec<u8>,
    _upload: UserUploadGuard<'a>,
    _receiver: SemaphorePermit<'a>,
}

/// One of a user's uploads under way. Dropping it ends it, down to the key.
struct UserUploadGuard<'a> {
    works: &'a ImageServer,
    user: String,
}

impl<'a> UserUploadGuard<'a> {
    /// Unless the user has [`A_USER`] already.
    fn begin(works: &'a ImageServer, user: &str) -> Result<Self, UploadError> {
        let mut uploads = works.uploads.lock();
        let count = uploads.entry(user.to_owned()).or_default();
        if *count >= UPLOADS_PER_USER {
            return Err(UploadError::Unavailable);
        }
        *count += 1;
        Ok(Self { works, user: user.to_owned() })
    }
}

impl Drop for UserUploadGuard<'_> {
    fn drop(&mut self) {
        let mut uploads = self.works.uploads.lock();
        if let Some(count) = uploads.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                uploads.remove(&self.user);
            }
        }
    }
}

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![create]
}

/// Takes a picture.
#[post("/image", data = "<data>")]
async fn create(
    data: Data<'_>,
    kind: Option<&ContentType>,
    caller: Client<'_>,
    works: &State<Arc<ImageServer>>,
) -> ImageResponse {
    if let Err(error) = caller.check() {
        drain(&mut data.open(MAX_BODY.bytes()), works).await;
        return caller.error(&error);
    }
    let begun = Instant::now();
    let taken = process(data, kind, caller, works).await;
    let result = taken.as_ref().map_or_else(|failure| failure.code(), |_| "stored");
    works.metrics.image_jobs.with_label_values(&[result]).observe(begun.elapsed().as_secs_f64());
    match taken {
        Ok(path) => ImageResponse::outcome(&caller, Status::Created, "stored", &json!({ "path": path })),
        Err(UploadError::Misdirected) => caller.error(&Error::Misdirected),
        Err(failure) => {
            let error = json!({ "code": failure.code(), "message": failure.code(), "fields": {} });
            let answer = ImageResponse::outcome(&caller, failure.status(), failure.code(), &json!({ "error": error }));
            answer.with_retry_after(failure.retry_after())
        }
    }
}

async fn process(
    data: Data<'_>,
    kind: Option<&ContentType>,
    caller: Client<'_>,
    works: &Arc<ImageServer>,
) -> Result<String, UploadError> {
    let mut stream = data.open(MAX_BODY.bytes());
    let arrival =
        timeout(UPLOAD_TIMEOUT, read_form(&mut stream, kind, caller, works)).await.unwrap_or(Err(UploadError::TooSlow));
    if arrival.as_ref().is_err_and(|failure| !matches!(failure, UploadError::TooSlow)) {
        drain(&mut stream, works).await;
    }
    // Both holds last until the picture is kept: until then it is in memory.
    let ReceivedUpload { user, picture, _upload, _receiver } = arrival?;
    let worked = timeout(PROCESSING_TIMEOUT, compress_and_store(picture, works)).await;
    let path = worked.unwrap_or(Err(UploadError::Unavailable))?;
    match works.site.set_picture(&user, &path).await {
        Outcome::Yes => Ok(path),
        // The file stays until the next sweep finds that nobody has it.
        Outcome::No => Err(UploadError::Ticket),
        Outcome::Unavailable => Err(UploadError::Unavailable),
    }
}

/// Reads on and keeps nothing: a browser without script reads no answer before it has sent all.
async fn drain(stream: &mut DataStream<'_>, works: &ImageServer) {
    if let Ok(_turn) = works.drains.try_acquire() {
        let _ = timeout(UPLOAD_TIMEOUT, copy(stream, &mut sink())).await;
    }
}

/// Reads the form: who may send a picture, and the picture.
async fn read_form<'a>(
    stream: &mut DataStream<'_>,
    kind: Option<&ContentType>,
    caller: Client<'_>,
    works: &'a ImageServer,
) -> Result<ReceivedUpload<'a>, UploadError> {
    // Until there is a valid ticket the host comes before everything else that is wrong.
    let refused = |failure| if caller.is_misdirected() { UploadError::Misdirected } else { failure };
    let boundary = kind.filter(|kind| kind.is_form_data()).and_then(|kind| kind.param("boundary"));
    let boundary = boundary.filter(|boundary| !boundary.is_empty()).ok_or(UploadError::Form).map_err(refused)?;
    let sizes = SizeLimit::new()
        .whole_stream(MAX_PICTURE + FORM_OVERHEAD)
        .for_field("ticket", 1 << 10)
        .for_field("picture", MAX_PICTURE);
    let mut form = Multipart::with_reader_with_constraints(stream, boundary, Constraints::new().size_limit(sizes));
    let failed = |error: multer::Error| match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => UploadError::TooLarge,
        _ => UploadError::Form,
    };

    let user = async {
        let ticket = form.next_field().await.map_err(failed)?.filter(|field| field.name() == Some("ticket"));
        let ticket = ticket.ok_or(UploadError::Ticket)?.text().await.map_err(failed)?;
        let (user, ticket) = ticket.split_once('.').ok_or(UploadError::Ticket)?;
        let is_valid = works.site.secret().verify(ticket, Purpose::Upload, user);
        is_valid.then(|| user.to_owned()).ok_or(UploadError::Ticket)
    };
    let user = user.await.map_err(refused)?;
    works.rate.check(&user, caller.address()).map_err(|error| match error {
        Error::RateLimited { retry_after } => UploadError::TooMany(retry_after),
        _ => UploadError::Unavailable,
    })?;
    let _upload = UserUploadGuard::begin(works, &user)?;
    let Ok(Ok(_receiver)) = timeout(PROCESSING_TIMEOUT / 4, works.receivers.acquire()).await else {
        return Err(UploadError::Unavailable);
    };
    let picture = form.next_field().await.map_err(failed)?.filter(|field| field.name() == Some("picture"));
    let mut picture = picture.ok_or(UploadError::Missing)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = picture.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
    }
    if bytes.is_empty() {
        Err(UploadError::Missing)
    } else {
        Ok(ReceivedUpload { user, picture: bytes, _upload, _receiver })
    }
}

/// Makes the picture small and keeps it; answers its path.
async fn compress_and_store(picture: Vec<u8>, works: &Arc<ImageServer>) -> Result<String, UploadError> {
    let turn = timeout(PROCESSING_TIMEOUT / 2, Arc::clone(&works.decoders).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return Err(UploadError::Unavailable) };
    let works = Arc::clone(works);
    let kept = spawn_blocking(move || {
        // The turn ends with the work, also when nobody waits for it any more.
        let _turn = turn;
        lower_thread_priority();
        let small = compress::compress(&picture).map_err(UploadError::Refused)?;
        works.store.store(&small).map_err(|error| {
            log::error!("a picture cannot be kept: {error}");
            UploadError::Unavailable
        })
    });
    let name = kept.await.unwrap_or(Err(UploadError::Refused(DecodeError::Damaged)))?;
    Ok(name.path())
}
