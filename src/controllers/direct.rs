//! Direct rooms: writing to people.

use rocket::{FromForm, Route, post, routes};

use super::guards::submission::Submission;
use super::reply::Reply;
use super::request_context::RequestContext;
use super::room;
use crate::error::Result;
use crate::models::UserId;

pub(super) fn routes() -> Vec<Route> {
    routes![create]
}

#[derive(FromForm)]
struct DirectForm {
    with: Vec<UserId>,
}

/// Goes to the room of the current user and others, which is created if necessary.
#[post("/direct", data = "<form>")]
async fn create(form: Submission<'_, DirectForm>, ctx: RequestContext<'_>) -> Result<Reply> {
    let user = ctx.rate_limited_user(|limits| &limits.rooms).await?;
    let room = user.direct_room(&ctx.db, &form.value()?.with).await?;
    ctx.hub.memberships_changed(&room.people).await;
    if ctx.wants_json() {
        Reply::json(&room::view(&ctx, &room, user).await?)
    } else {
        Ok(Reply::see_other(room::path(room.id)))
    }
}
