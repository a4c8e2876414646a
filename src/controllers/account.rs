//! The current user's account.

mod deletion;
mod page;
mod password;
mod picture;
mod profile;
mod sessions;

use rocket::{Route, put, routes};

use super::guards::form_fields::FormFields;
use super::reply::Reply;
use super::request_context::RequestContext;
use crate::error::Result;

pub(super) fn routes() -> Vec<Route> {
    routes![page::show, update, deletion::destroy, picture::destroy, sessions::destroy, sessions::destroy_others]
}

/// Changes the password, or else the profile.
#[put("/user/me", data = "<form>")]
async fn update(form: &FormFields, ctx: RequestContext<'_>) -> Result<Reply> {
    if form.has_any(&password::FIELDS) { password::update(form, &ctx).await } else { profile::update(form, &ctx).await }
}
