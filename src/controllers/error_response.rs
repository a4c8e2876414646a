//! Errors as responses: a page, or JSON. A form's text stays on the page.

use rocket::http::{Method, Status};
use rocket::request::Request;
use rocket::response::{self, Responder, Response};

use super::guards::cookies::Cookies;
use super::guards::current_user::resumed_user;
use super::guards::form_fields::FormFields;
use super::guards::locale::locale;
use super::guards::request_info::request_info;
use super::guards::resubmit_form::resubmit_form;
use super::guards::state::managed;
use super::reply::Reply;
use crate::error::{Error, Result};
use crate::http::{clip, prefers_json};
use crate::models::RoomId;
use crate::views::error::{ErrorJson, ErrorPage, Subject};
use crate::views::user::UserView;

/// The `Retry-After` of 503, in seconds.
const RETRY_AFTER: u64 = 2;

impl<'r> Responder<'r, 'static> for Error {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        log_cause(&self, request);
        let reply = error_reply(&self, request).unwrap_or_else(|error| {
            log::error!("error page not rendered: error={error}");
            Reply::fragment(&locale(request).text("error-internal"))
        });
        let mut response = Response::build_from(reply.with_status(Status::new(self.status())).respond_to(request)?);
        let retry_after = match self {
            Error::RateLimited { retry_after } => Some(retry_after.as_secs() + 1),
            Error::Unavailable(_) => Some(RETRY_AFTER),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            response.raw_header("Retry-After", seconds.to_string());
        }
        response.ok()
    }
}

fn error_reply(error: &Error, request: &Request<'_>) -> Result<Reply> {
    let (locale, user) = (locale(request), resumed_user(request).map(|user| UserView::from(&user.user)));
    if prefers_json(request) {
        return Reply::json(&ErrorJson::new(error, locale, user.as_ref()));
    }
    let may_be_signed_in = Cookies::of(request).has_session() && !matches!(error, Error::SignedOut);
    let author = FormFields::of(request).and_then(FormFields::author);
    let page = ErrorPage::new(error, locale, user, may_be_signed_in)
        .about(subject(request), locale)
        .with_form(resubmit_form(request, error), author)
        .with_request(&request_info(request).id, request.method() == Method::Get);
    Reply::page(managed(request)?, "errors/show.html.tera", locale, &page)
}

fn subject(request: &Request<'_>) -> Subject {
    let path = request.uri().path().segments();
    match [path.get(0), path.get(1), path.get(2)] {
        [Some("session"), None, None] => Subject::SignIn,
        [Some("room"), Some(id), None | Some("chat")] if path.len() < 4 && id.parse::<RoomId>().is_ok() => {
            Subject::Room
        }
        _ => Subject::Other,
    }
}

fn log_cause(error: &Error, request: &Request<'_>) {
    let (method, path) = (request.method(), clip(request.uri().path().as_str()));
    match error {
        Error::Internal(cause) => log::error!("request failed: {method} {path}: cause={}", clip(cause)),
        Error::Unavailable(cause) => log::warn!("request unavailable: {method} {path}: cause={}", clip(cause)),
        _ => {}
    }
}
