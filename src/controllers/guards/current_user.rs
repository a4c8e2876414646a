//! The user who is signed in.

use std::ops::Deref;
use std::sync::OnceLock;

use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request::{FromRequest, Request};

use super::cookies::Cookies;
use super::guard_error::reject;
use super::state::database;
use crate::error::{Error, Result};
use crate::http::prefers_json;
use crate::models::{Session, User};

/// The user and their session. As a guard it answers 401 without a valid session.
pub(crate) struct CurrentUser {
    pub(crate) user: User,
    pub(crate) session: Session,
}

/// The current user of a page. Without a session the guard sends browsers to the sign-in page and answers 401 to programs.
pub(crate) struct PageUser<'r>(&'r CurrentUser);

#[derive(Default)]
struct Resumed(OnceLock<CurrentUser>);

/// Resumes the session of a request, once.
/// Fails with `SignedOut` without a valid session.
pub(crate) async fn current_user<'r>(request: &'r Request<'_>) -> Result<&'r CurrentUser> {
    let resumed = &request.local_cache(Resumed::default).0;
    if let Some(current) = resumed.get() {
        return Ok(current);
    }
    let (db, cookies) = (database(request).await?, Cookies::of(request));
    for (token, has_old_name) in cookies.session_tokens() {
        let (session, user) = match Session::resume(&db, token).await {
            Err(Error::SignedOut) => continue,
            resumed => resumed?,
        };
        if has_old_name {
            cookies.rename_session(token);
        }
        return Ok(resumed.get_or_init(|| CurrentUser { user, session }));
    }
    Err(Error::SignedOut)
}

/// Returns the current user if this request has resumed the session already.
pub(crate) fn resumed_user<'r>(request: &'r Request<'_>) -> Option<&'r CurrentUser> {
    request.local_cache(Resumed::default).0.get()
}

impl Deref for CurrentUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}

impl Deref for PageUser<'_> {
    type Target = CurrentUser;

    fn deref(&self) -> &CurrentUser {
        self.0
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for &'r CurrentUser {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (Status, ()), Status> {
        match current_user(request).await {
            Ok(user) => Outcome::Success(user),
            Err(error) => reject(request, error),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for PageUser<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (Status, ()), Status> {
        match current_user(request).await {
            Ok(user) => Outcome::Success(Self(user)),
            // The catcher redirects it.
            Err(Error::SignedOut) if !prefers_json(request) => Outcome::Error((Status::SeeOther, ())),
            Err(error) => reject(request, error),
        }
    }
}
