//! The error of a failed guard. Rocket passes only its status on, so the catcher takes the error from here.

use std::sync::{Mutex, PoisonError};

use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request::Request;

use crate::error::Error;

#[derive(Default)]
struct GuardError(Mutex<Option<Error>>);

/// Fails a guard with an error.
pub(crate) fn reject<T, F>(request: &Request<'_>, error: Error) -> Outcome<T, (Status, ()), F> {
    let status = Status::new(error.status());
    *slot(request).lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    Outcome::Error((status, ()))
}

pub(crate) fn take_guard_error(request: &Request<'_>) -> Option<Error> {
    slot(request).lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn slot<'r>(request: &'r Request<'_>) -> &'r Mutex<Option<Error>> {
    &request.local_cache(GuardError::default).0
}
