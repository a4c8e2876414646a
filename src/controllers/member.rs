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
use crate::models::{self, RoomId, User, UserId};
use crate::views::member::Suggestions;
use crate::views::room::{MemberView, MembersPage};
use crate::views::user::UserJson;

/// People who are offered to be added.
const MAX_FOUND: usize = 20;
/// The ends of locale keys.
const NOTICES: [&str; 5] = ["added", "removed", "owner", "kind", "level"];

pub(super) fn routes() -> Vec<Route> {
    routes![index, suggest, create, destroy]
}

#[derive(FromForm)]
struct MembersForm {
    user: Vec<UserId>,
}

/// Shows the members of a room with the forms to add and remove them. `find` finds people to add.
#[get("/room/<id>/member")]
async fn index(id: RoomId, user: PageUser<'_>, ctx: RequestContext<'_>) -> Result<Reply> {
    let room = user.room(&ctx.db, id).await?;
    let find = ctx.query_text("find").map(str::trim).unwrap_or_default().to_owned();
    let page = MembersPage { find, notice: ctx.done(&NOTICES), ..MembersPage::default() };
    members_page(&ctx, &user, &room, page).await
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
        .redirect(|()| room::members_path(id, "added"))
        .invalid(async |errors| {
            let errors = ctx.field_messages(&errors);
            members_page(&ctx, user, &room, MembersPage { errors, ..MembersPage::default() }).await
        })
        .await
}

/// Removes a member from a closed room, or leaves it.
#[delete("/room/<id>/member/<user>", data = "<form>")]
async fn destroy(id: RoomId, user: UserId, form: &FormFields, ctx: RequestContext<'_>) -> Result<Reply> {
    let current_user = ctx.rate_limited_user(|limits| &limits.edits).await?;
    let room = current_user.room(&ctx.db, id).await?;
    let is_quiet = form.values("quiet").next().is_some();
    let removed = room.remove_member(&ctx.db, current_user, user, is_quiet).await;
    // The membership may have ended even after an error.
    ctx.hub.memberships_changed(&[user]).await;
    removed?;
    let is_own = user == current_user.id;
    let next = if is_own { room::index_path_after("left") } else { room::members_path(id, "removed") };
    Ok(ctx.no_content_or_redirect(next))
}

async fn add(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &models::Room,
    form: &Submission<'_, MembersForm>,
) -> Result<()> {
    let users = &form.value()?.user;
    let added = room.add_members(&ctx.db, user, users).await;
    ctx.hub.memberships_changed(users).await;
    added
}

fn suggestions_reply(ctx: &RequestContext<'_>, suggestions: &Suggestions) -> Result<Reply> {
    if ctx.wants_json() {
        return Reply::json(suggestions);
    }
    Ok(Reply::fragment(&suggestions.element(ctx.views, ctx.locale())?))
}

/// Shows the members. `page` has what was typed.
async fn members_page(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &models::Room,
    page: MembersPage,
) -> Result<Reply> {
    // The visitors of an open room are no members. Who may close it is told how many they are.
    let (members, visitors) = match room.kind {
        RoomKind::Open if room.can_manage(user) => (Vec::new(), room.members(&ctx.db).await?.len()),
        RoomKind::Open => (Vec::new(), 0),
        RoomKind::Closed | RoomKind::Direct => (room.members(&ctx.db).await?, 0),
    };
    let ids: Vec<UserId> = members.iter().map(|member| member.user).collect();
    let names = ctx.hub.nicknames(&ids).await?;
    room.ensure_readable(&ctx.db, user.id).await?;
    let members: Vec<MemberView> =
        members.iter().map(|member| MemberView::new(member, room, names.get(&member.user))).collect();
    if ctx.wants_json() {
        return Reply::json(&json!({ "members": members }));
    }
    let room_view = room::view(ctx, room, user).await?;
    let level = room.visit(&ctx.db, user).await?.level(room).as_str();
    let found = match page.find.as_str() {
        "" => Vec::new(),
        find => User::people(&ctx.db, find, 1, MAX_FOUND).await?.people,
    };
    let is_member = |user: &User| ids.contains(&user.id);
    let found = found.iter().filter(|user| !is_member(user)).map(UserJson::from).collect();
    let page = MembersPage { room: Some(room_view), members, visitors, level, found, ..page };
    shell_page(ctx, user, Some(room), "rooms/members.html.tera", &page).await
}
