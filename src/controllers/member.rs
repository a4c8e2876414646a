//! The members of a room.

use rocket::{FromForm, Route, delete, get, post, routes};
use serde_json::json;

use super::guards::current_user::{CurrentUser, PageUser};
use super::guards::form_fields::FormFields;
use super::guards::submission::Submission;
use super::reply::Reply;
use super::request_context::RequestContext;
use super::room;
use super::shell::shell_page;
use crate::error::Result;
use crate::models::room::RoomKind;
use crate::models::{self, RoomId, UserId};
use crate::views::form::FieldMessages;
use crate::views::member::Suggestions;
use crate::views::room::{MemberView, MembersPage};

pub(super) fn routes() -> Vec<Route> {
    routes![index, suggest, create, destroy]
}

#[derive(FromForm)]
struct MembersForm {
    user: Vec<UserId>,
}

/// Shows the members of a room with the forms to add and remove them.
#[get("/room/<id>/member")]
async fn index(id: RoomId, user: PageUser<'_>, ctx: RequestContext<'_>) -> Result<Reply> {
    let room = user.room(&ctx.db, id).await?;
    members_page(&ctx, &user, &room, FieldMessages::default()).await
}

/// Suggests people whom a message may mention.
#[get("/room/<id>/member?<q>")]
async fn suggest(id: RoomId, q: &str, user: &CurrentUser, ctx: RequestContext<'_>) -> Result<Reply> {
    let room = user.room(&ctx.db, id).await?;
    let suggestions = ctx.hub.suggestions(user, &room, q).await?;
    room.ensure_readable(&ctx.db, user.id).await?;
    suggestions_reply(&ctx, &suggestions)
}

/// Adds members to a closed room.
#[post("/room/<id>/member", data = "<form>")]
async fn create(id: RoomId, form: Submission<'_, MembersForm>, ctx: RequestContext<'_>) -> Result<Reply> {
    let user = ctx.rate_limited_user(|limits| &limits.edits).await?;
    let room = user.manageable_room(&ctx.db, id).await?;
    let added = add(&ctx, user, &room, &form).await;
    ctx.reply(added)
        .json(async |()| Ok(Reply::no_content()))
        .redirect(|()| room::members_path(id))
        .invalid(async |errors| members_page(&ctx, user, &room, ctx.field_messages(&errors)).await)
        .await
}

/// Removes a member from a closed room, or leaves it.
#[delete("/room/<id>/member/<user>", data = "<form>")]
async fn destroy(id: RoomId, user: UserId, form: &FormFields, ctx: RequestContext<'_>) -> Result<Reply> {
    let current_user = ctx.rate_limited_user(|limits| &limits.edits).await?;
    let room = current_user.room(&ctx.db, id).await?;
    let is_quiet = form.values("quiet").next().is_some();
    room.remove_member(&ctx.db, current_user, user, is_quiet).await?;
    ctx.hub.memberships_changed(&[user]).await;
    let next = if user == current_user.id { room::index_path() } else { room::members_path(id) };
    Ok(ctx.no_content_or_redirect(next))
}

async fn add(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &models::Room,
    form: &Submission<'_, MembersForm>,
) -> Result<()> {
    let users = &form.value()?.user;
    room.add_members(&ctx.db, user, users).await?;
    ctx.hub.memberships_changed(users).await;
    Ok(())
}

fn suggestions_reply(ctx: &RequestContext<'_>, suggestions: &Suggestions) -> Result<Reply> {
    if ctx.wants_json() {
        return Reply::json(suggestions);
    }
    Ok(Reply::fragment(&suggestions.element(ctx.views, ctx.locale())?))
}

/// Shows the members; `errors` are those of the form that adds some.
async fn members_page(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &models::Room,
    errors: FieldMessages,
) -> Result<Reply> {
    let members = room.members(&ctx.db).await?;
    let visitors = members.len();
    // The visitors of an open room are no members.
    let members = if room.kind == RoomKind::Open { Vec::new() } else { members };
    let names = ctx.hub.nicknames(&members.iter().map(|member| member.user).collect::<Vec<_>>()).await?;
    room.ensure_readable(&ctx.db, user.id).await?;
    let members: Vec<MemberView> =
        members.iter().map(|member| MemberView::new(member, room, names.get(&member.user))).collect();
    if ctx.wants_json() {
        return Reply::json(&json!({ "members": members }));
    }
    let room_view = room::view(ctx, room, user).await?;
    let level = room.visit(&ctx.db, user).await?.level(room).as_str();
    let page = MembersPage { room: room_view, members, visitors, level, errors };
    shell_page(ctx, user, Some(room), "rooms/members.html.tera", &page).await
}
