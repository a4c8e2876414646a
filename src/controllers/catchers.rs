//! The reply to a request that no action has replied to.

use rocket::http::Status;
use rocket::{Catcher, Request, catch};

use super::guards::guard_error::take_guard_error;
use super::reply::Reply;
use super::user::sign_in_path;
use crate::error::{Error, Result};
use crate::http::refusal;

/// Returns the catcher of the site.
pub fn catchers() -> Vec<Catcher> {
    rocket::catchers![default_catcher]
}

#[catch(default)]
fn default_catcher(status: Status, request: &Request<'_>) -> Result<Reply> {
    if let Some(refusal) = refusal(request) {
        return Err(refusal.error());
    }
    // From the guard of a page's user.
    if status == Status::SeeOther {
        return Ok(Reply::see_other(sign_in_path(Some(&request.uri().to_string()))));
    }
    Err(take_guard_error(request).unwrap_or_else(|| Error::from_status(status.code)))
}
