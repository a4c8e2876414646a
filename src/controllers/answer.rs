//! The answers that several controllers give: a page or its JSON, an error as either.

use std::io::Cursor;

use flate2::Compression;
use rocket::http::{ContentType, Header, Status};
use rocket::request::Request;
use rocket::response::{self, Responder, Response};
use rocket::{Catcher, catch, catchers};
use serde::Serialize;

use super::encoding::put_either;
use super::user::path_of_door;
use super::visitor::Visitor;
use crate::error::{Error, Result};
use crate::http::{clip, refusal};
use crate::views::error::{ErrorJson, ErrorPage};
use crate::views::form::ResubmitForm;
use crate::views::gzip::gzip;

/// An answer, ready to go out.
pub struct Answer {
    status: Status,
    location: Option<String>,
    body: Option<(ContentType, Vec<u8>)>,
    /// Whether it may go out as gzip.
    shrinks: bool,
}

impl Answer {
    /// A page.
    ///
    /// # Errors
    /// `Internal` when the template and the view do not fit.
    pub fn page(visitor: &Visitor<'_>, template: &str, view: &impl Serialize) -> Result<Self> {
        let html = visitor.views()?.render(template, visitor.locale(), view)?;
        Ok(Self { shrinks: true, ..Self::of(ContentType::HTML, html.into_bytes()) })
    }

    /// A piece of a page, already rendered.
    pub fn fragment(html: &str) -> Self {
        Self::of(ContentType::HTML, html.into())
    }

    /// JSON.
    ///
    /// # Errors
    /// `Internal` when the view cannot be written so.
    pub fn json(view: &impl Serialize) -> Result<Self> {
        let json = serde_json::to_vec(view).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self::of(ContentType::JSON, json))
    }

    /// Go there next.
    pub fn see_other(location: impl ToString) -> Self {
        Self { status: Status::SeeOther, location: Some(location.to_string()), body: None, shrinks: false }
    }

    /// Nothing to say.
    pub fn no_content() -> Self {
        Self { status: Status::NoContent, location: None, body: None, shrinks: false }
    }

    /// The same with another status.
    pub fn with_status(self, status: Status) -> Self {
        Self { status, ..self }
    }

    /// The same as another kind of content.
    pub fn with_kind(self, kind: ContentType) -> Self {
        Self { body: self.body.map(|(_, bytes)| (kind, bytes)), ..self }
    }

    /// The same, as long on the wire as it is. A page that holds a secret beside what others may have put on it: the
    /// length of its gzip would give the secret away letter by letter (BREACH).
    pub fn in_full(self) -> Self {
        Self { shrinks: false, ..self }
    }

    fn of(kind: ContentType, bytes: Vec<u8>) -> Self {
        Self { status: Status::Ok, location: None, body: Some((kind, bytes)), shrinks: false }
    }
}

/// Has proxies pass an answer on as it is written. nginx holds back what it buffers and what it compresses, other proxies
/// what they compress. Like every answer it is kept out of every cache.
pub struct Unbuffered<R>(pub R);

impl<'r, 'o: 'r, R: Responder<'r, 'o>> Responder<'r, 'o> for Unbuffered<R> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'o> {
        Response::build_from(self.0.respond_to(request)?)
            .raw_header("Cache-Control", "no-store, no-transform")
            .raw_header("X-Accel-Buffering", "no")
            .ok()
    }
}

impl<'r> Responder<'r, 'static> for Answer {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::build();
        // Made for one person, at one moment: going back asks again, also after signing out.
        response.status(self.status).raw_header("Cache-Control", "no-store");
        if let Some(location) = self.location {
            response.raw_header("Location", location);
        }
        if let Some((kind, bytes)) = self.body {
            response.header(kind);
            match self.shrinks && self.status == Status::Ok {
                true => put_either(&mut response, request, bytes, |bytes| gzip(bytes, Compression::fast())),
                false => drop(response.sized_body(bytes.len(), Cursor::new(bytes))),
            }
        }
        response.ok()
    }
}

impl<'r> Responder<'r, 'static> for Error {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let visitor = Visitor::of(request);
        match &self {
            Error::Internal(cause) => {
                log::error!("{} {}: {}", request.method(), clip(request.uri().path().as_str()), clip(cause));
            }
            Error::Unavailable(cause) => {
                log::warn!("{} {}: {}", request.method(), clip(request.uri().path().as_str()), clip(cause));
            }
            _ => {}
        }
        let status = Status::new(self.status());
        let mut response = error_answer(&visitor, &self).with_status(status).respond_to(request)?;
        match self {
            Error::TooMany { retry_after } => {
                response.set_header(Header::new("Retry-After", (retry_after.as_secs() + 1).to_string()));
            }
            Error::Unavailable(_) => drop(response.set_header(Header::new("Retry-After", "2"))),
            _ => {}
        }
        Ok(response)
    }
}

fn error_answer(visitor: &Visitor<'_>, error: &Error) -> Answer {
    let locale = visitor.locale();
    let answer = if visitor.wants_json() {
        Answer::json(&ErrorJson::new(error, locale, visitor.me().as_ref()))
    } else {
        let signed_in = visitor.has_session() && !matches!(error, Error::SignedOut);
        let page = ErrorPage::new(error, locale, visitor.me(), signed_in);
        let page = page.with_form(kept(visitor, error), visitor.author()).with_request_id(visitor.request_id());
        Answer::page(visitor, "errors/show.html.tera", &page)
    };
    answer.unwrap_or_else(|error| {
        log::error!("no error page: {error}");
        Answer::fragment(&locale.text("error-internal"))
    })
}

/// The form to send again, or the text to copy where sending again is no use. A form that nobody could read has neither.
fn kept(visitor: &Visitor<'_>, error: &Error) -> Option<ResubmitForm> {
    match error {
        Error::SignedOut | Error::WrongAuthor { .. } | Error::TooLarge => visitor.kept(true),
        Error::TooMany { .. } | Error::Unavailable(_) | Error::Internal(_) => visitor.kept(true),
        Error::Forbidden | Error::Foreign(_) | Error::NotFound => visitor.kept(false),
        Error::Malformed | Error::Beyond | Error::Invalid(_) | Error::Misdirected | Error::HeadTooLarge => None,
    }
}

/// What answers where no route does.
pub(super) fn catchers() -> Vec<Catcher> {
    catchers![caught]
}

#[catch(default)]
fn caught(status: Status, request: &Request<'_>) -> Result<Answer, Error> {
    let visitor = Visitor::of(request);
    if let Some(refusal) = refusal(request) {
        return Err(refusal.error());
    }
    if status == Status::SeeOther {
        return Ok(Answer::see_other(path_of_door(&visitor.path())));
    }
    Err(visitor.take_refusal().unwrap_or_else(|| Error::from_status(status.code)))
}
