//! The reply to a form: JSON, a redirect, the page with the form and its errors, or an error page.

use rocket::http::Status;

use super::reply::Reply;
use crate::error::{Error, FieldErrors, Result};

/// The outcome of a form's action, and what makes a reply of it. It replies in [`FormReply::invalid`].
#[must_use]
pub(crate) struct FormReply<T, J, R> {
    outcome: Result<T>,
    wants_json: bool,
    json: J,
    redirect: R,
}

impl<T> FormReply<T, (), ()> {
    pub(crate) fn new(outcome: Result<T>, wants_json: bool) -> Self {
        Self { outcome, wants_json, json: (), redirect: () }
    }

    /// Sets the reply to a program.
    pub(crate) fn json<J>(self, json: J) -> FormReply<T, J, ()>
    where
        J: AsyncFnOnce(T) -> Result<Reply>,
    {
        FormReply { outcome: self.outcome, wants_json: self.wants_json, json, redirect: () }
    }
}

impl<T, J> FormReply<T, J, ()> {
    /// Sets the path that a browser goes to.
    pub(crate) fn redirect<R, U: ToString>(self, redirect: R) -> FormReply<T, J, R>
    where
        R: FnOnce(T) -> U,
    {
        FormReply { outcome: self.outcome, wants_json: self.wants_json, json: self.json, redirect }
    }
}

impl<T, J, R> FormReply<T, J, R> {
    /// Replies; `page` is the page with the form that a browser gets when fields are invalid.
    pub(crate) async fn invalid<P, U: ToString>(self, page: P) -> Result<Reply>
    where
        J: AsyncFnOnce(T) -> Result<Reply>,
        R: FnOnce(T) -> U,
        P: AsyncFnOnce(FieldErrors) -> Result<Reply>,
    {
        match self.outcome {
            Ok(done) if self.wants_json => (self.json)(done).await,
            Ok(done) => Ok(Reply::see_other((self.redirect)(done))),
            Err(Error::Invalid(errors)) if !self.wants_json => {
                Ok(page(errors).await?.with_status(Status::UnprocessableEntity))
            }
            Err(error) => Err(error),
        }
    }
}
