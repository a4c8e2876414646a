//! What the current user has read of a room, and wants to be told of it.

use rocket::{FromForm, Route, put, routes};

use super::guards::form_fields::FormFields;
use super::guards::form_values::{FormNumber, Optional};
use super::guards::submission::Submission;
use super::reply::Reply;
use super::request_context::RequestContext;
use super::room;
use crate::error::{Error, FieldError, Result};
use crate::models::RoomId;
use crate::models::room::Level;

pub(super) fn routes() -> Vec<Route> {
    routes![update_level, update_reading, update_all]
}

#[derive(FromForm)]
struct LevelForm {
    level: Level,
}

#[derive(FromForm)]
struct ReadingForm {
    /// Everything up to this chat is read.
    no: Optional<FormNumber>,
    rev: Optional<FormNumber>,
    /// This chat and all later ones are not read.
    unread: Optional<FormNumber>,
}

/// Sets what the user wants to be told of a room.
#[put("/room/<id>/membership", data = "<form>")]
async fn update_level(id: RoomId, form: Submission<'_, LevelForm>, ctx: RequestContext<'_>) -> Result<Reply> {
    let user = ctx.current_user().await?;
    let room = user.room(&ctx.db, id).await?;
    let membership = room.set_level(&ctx.db, user, form.value()?.level).await?;
    ctx.hub.membership_changed(&membership);
    Ok(ctx.no_content_or_redirect(room::members_path(id, "level")))
}

/// Moves the position up to which the user has read a room.
#[put("/room/<id>/reading", data = "<form>")]
async fn update_reading(id: RoomId, form: Submission<'_, ReadingForm>, ctx: RequestContext<'_>) -> Result<Reply> {
    let user = ctx.current_user().await?;
    let room = user.room(&ctx.db, id).await?;
    let ReadingForm { no, rev, unread } = form.value()?;
    let membership = match (&no.0, &unread.0) {
        (_, Some(unread)) => {
            ctx.hub.forget_said(id, user.id);
            room.mark_unread(&ctx.db, user, unread.0).await?
        }
        (Some(no), None) => room.mark_read(&ctx.db, user, no.0, rev.0.as_ref().map(|rev| rev.0)).await?,
        (None, None) => return Err(Error::field("no", FieldError::Empty)),
    };
    ctx.hub.membership_changed(&membership);
    // Who marks chats as unread leaves the room, which would show them.
    let next = if unread.0.is_some() { room::index_path() } else { room::path(id) };
    Ok(ctx.no_content_or_redirect(next))
}

/// Marks everything in all rooms as read.
#[put("/user/me/reading", data = "<_form>")]
async fn update_all(_form: &FormFields, ctx: RequestContext<'_>) -> Result<Reply> {
    let user = ctx.rate_limited_user(|limits| &limits.edits).await?;
    user.mark_all_read(&ctx.db).await?;
    ctx.hub.memberships_changed(&[user.id]).await;
    Ok(ctx.no_content_or_redirect(room::index_path_after("read")))
}
