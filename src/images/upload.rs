//! An upload, step by step: the ticket, then the picture, then the files, then the site.

use std::sync::{Arc, PoisonError};
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

use super::answer::{Answer, Caller};
use super::compress::{self, Refused};
use super::{A_USER, Works};
use crate::error::Error;
use crate::internal_api::Outcome;
use crate::metrics::METRICS;
use crate::process::lower_thread_priority;
use crate::ticket::Purpose;

/// The largest picture, and what the form around it may take besides.
const PICTURE: u64 = 8 << 20;
const FORM: u64 = 16 << 10;
/// How much of what is too large is still listened to, and let go, so that its sender hears why.
const BODY: u64 = 64 << 20;
/// How long a picture may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);
/// How long it may take to be made small, from when it has arrived; half of it may be spent waiting for its turn.
const WORK: Duration = Duration::from_secs(20);

/// Why an upload came to nothing. Its code is the end of a key in `locales/`.
#[derive(Clone, Copy, Debug)]
enum Failure {
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
    Refused(Refused),
    /// The folder, the site or the machine is in trouble.
    Unavailable,
}

impl Failure {
    fn code(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Misdirected => "misdirected",
            Self::Form => "form",
            Self::Missing => "missing",
            Self::TooLarge => "too-large",
            Self::TooSlow => "too-slow",
            Self::TooMany(_) => "too-many",
            Self::Refused(Refused::Kind) => "kind",
            Self::Refused(Refused::Pixels) => "pixels",
            Self::Refused(Refused::Broken) => "broken",
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
struct Received<'a> {
    user: String,
    picture: Vec<u8>,
    _upload: Upload<'a>,
    _receiver: SemaphorePermit<'a>,
}

/// One of a user's uploads under way. Dropping it ends it, down to the key.
struct Upload<'a> {
    works: &'a Works,
    user: String,
}

impl<'a> Upload<'a> {
    /// Unless the user has [`A_USER`] already.
    fn begin(works: &'a Works, user: &str) -> Result<Self, Failure> {
        let mut uploads = works.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let count = uploads.entry(user.to_owned()).or_default();
        if *count >= A_USER {
            return Err(Failure::Unavailable);
        }
        *count += 1;
        Ok(Self { works, user: user.to_owned() })
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        let mut uploads = self.works.uploads.lock().unwrap_or_else(PoisonError::into_inner);
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
async fn create(data: Data<'_>, kind: Option<&ContentType>, caller: Caller<'_>, works: &State<Arc<Works>>) -> Answer {
    if let Err(error) = caller.check() {
        let_go(&mut data.open(BODY.bytes()), works).await;
        return caller.refuse(&error);
    }
    let begun = Instant::now();
    let taken = take(data, kind, caller, works).await;
    let result = taken.as_ref().map_or_else(|failure| failure.code(), |_| "stored");
    METRICS.image_jobs.with_label_values(&[result]).observe(begun.elapsed().as_secs_f64());
    match taken {
        Ok(path) => Answer::told(&caller, Status::Created, "stored", &json!({ "path": path })),
        Err(Failure::Misdirected) => caller.refuse(&Error::Misdirected),
        Err(failure) => {
            let error = json!({ "code": failure.code(), "message": failure.code(), "fields": {} });
            let answer = Answer::told(&caller, failure.status(), failure.code(), &json!({ "error": error }));
            answer.again_after(failure.retry_after())
        }
    }
}

async fn take(
    data: Data<'_>,
    kind: Option<&ContentType>,
    caller: Caller<'_>,
    works: &Arc<Works>,
) -> Result<String, Failure> {
    let mut stream = data.open(BODY.bytes());
    let arrival = timeout(ARRIVAL, receive(&mut stream, kind, caller, works)).await.unwrap_or(Err(Failure::TooSlow));
    if arrival.as_ref().is_err_and(|failure| !matches!(failure, Failure::TooSlow)) {
        let_go(&mut stream, works).await;
    }
    // Both holds last until the picture is kept: until then it is in memory.
    let Received { user, picture, _upload, _receiver } = arrival?;
    let worked = timeout(WORK, keep(picture, works)).await;
    let path = worked.unwrap_or(Err(Failure::Unavailable))?;
    match works.site.set_picture(&user, &path).await {
        Outcome::Yes => Ok(path),
        // The file stays until the next sweep finds that nobody has it.
        Outcome::No => Err(Failure::Ticket),
        Outcome::Unavailable => Err(Failure::Unavailable),
    }
}

/// Reads on and keeps nothing: a browser without script reads no answer before it has sent all.
async fn let_go(stream: &mut DataStream<'_>, works: &Works) {
    if let Ok(_turn) = works.drains.try_acquire() {
        let _ = timeout(ARRIVAL, copy(stream, &mut sink())).await;
    }
}

/// Reads the form: who may send a picture, and the picture.
async fn receive<'a>(
    stream: &mut DataStream<'_>,
    kind: Option<&ContentType>,
    caller: Caller<'_>,
    works: &'a Works,
) -> Result<Received<'a>, Failure> {
    // Until there is a valid ticket the host comes before everything else that is wrong.
    let refused = |failure| if caller.is_misdirected() { Failure::Misdirected } else { failure };
    let boundary = kind.filter(|kind| kind.is_form_data()).and_then(|kind| kind.param("boundary"));
    let boundary = boundary.filter(|boundary| !boundary.is_empty()).ok_or(Failure::Form).map_err(refused)?;
    let sizes =
        SizeLimit::new().whole_stream(PICTURE + FORM).for_field("ticket", 1 << 10).for_field("picture", PICTURE);
    let mut form = Multipart::with_reader_with_constraints(stream, boundary, Constraints::new().size_limit(sizes));
    let failed = |error: multer::Error| match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => Failure::TooLarge,
        _ => Failure::Form,
    };

    let user = async {
        let ticket = form.next_field().await.map_err(failed)?.filter(|field| field.name() == Some("ticket"));
        let ticket = ticket.ok_or(Failure::Ticket)?.text().await.map_err(failed)?;
        let (user, ticket) = ticket.split_once('.').ok_or(Failure::Ticket)?;
        let is_valid = works.site.secret().admits(ticket, Purpose::Upload, user);
        is_valid.then(|| user.to_owned()).ok_or(Failure::Ticket)
    };
    let user = user.await.map_err(refused)?;
    works.rate.take(&user, caller.address()).map_err(|error| match error {
        Error::TooMany { retry_after } => Failure::TooMany(retry_after),
        _ => Failure::Unavailable,
    })?;
    let _upload = Upload::begin(works, &user)?;
    let Ok(Ok(_receiver)) = timeout(WORK / 4, works.receivers.acquire()).await else {
        return Err(Failure::Unavailable);
    };
    let picture = form.next_field().await.map_err(failed)?.filter(|field| field.name() == Some("picture"));
    let mut picture = picture.ok_or(Failure::Missing)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = picture.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
    }
    if bytes.is_empty() { Err(Failure::Missing) } else { Ok(Received { user, picture: bytes, _upload, _receiver }) }
}

/// Makes the picture small and keeps it; answers its path.
async fn keep(picture: Vec<u8>, works: &Arc<Works>) -> Result<String, Failure> {
    let turn = timeout(WORK / 2, Arc::clone(&works.decoders).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return Err(Failure::Unavailable) };
    let works = Arc::clone(works);
    let kept = spawn_blocking(move || {
        // The turn ends with the work, also when nobody waits for it any more.
        let _turn = turn;
        lower_thread_priority();
        let small = compress::compress(&picture).map_err(Failure::Refused)?;
        works.store.keep(&small).map_err(|error| {
            log::error!("a picture cannot be kept: {error}");
            Failure::Unavailable
        })
    });
    let name = kept.await.unwrap_or(Err(Failure::Refused(Refused::Broken)))?;
    Ok(name.path())
}
