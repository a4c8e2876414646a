//! Rooms: the main page, and a room's page.

use std::sync::Arc;

use rocket::http::Status;
use rocket::http::uri::fmt::{Ignorable, Query};
use rocket::{FromForm, Route, delete, get, post, put, routes, uri};
use serde_json::json;

use super::guards::current_user::{CurrentUser, PageUser};
use super::guards::form_fields::FormFields;
use super::guards::form_values::Optional;
use super::guards::query_number::{QueryNumber, place_query};
use super::guards::submission::Submission;
use super::reply::Reply;
use super::request_context::RequestContext;
use super::shell::shell_page;
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::live::user_rooms::{ListRequest, ListScope};
use crate::models::chat::{CHATS_PER_PAGE, PageAnchor};
use crate::models::room::membership::Membership;
use crate::models::room::{Created, ListCursor, NewRoom, RoomKind, RoomListPage, RoomUpdate};
use crate::models::values::{Nonce, RoomName, Topic};
use crate::models::{self, RoomId, User, UserId};
use crate::views::chat::PageEnd;
use crate::views::room::{
    self as views, ComposerValues, DirectView, ReadingView, RoomFormValues, RoomListItem, RoomPage, RoomSummary,
    RoomView, RoomsPage,
};
use crate::views::shell::Shell;
use crate::views::user::UserView;

const ROOMS_PER_PAGE: usize = 50;
/// The ends of locale keys.
const LIST_NOTICES: [&str; 2] = ["left", "read"];

pub(super) fn routes() -> Vec<Route> {
    routes![root, index, create, show, update, destroy]
}

#[derive(FromForm)]
struct RoomForm {
    name: RoomName,
    topic: Optional<Topic>,
    /// Makes a repeated request create one room.
    nonce: Optional<Nonce>,
    kind: Optional<RoomKind>,
    /// The first members of a closed room beside its owner.
    user: Vec<UserId>,
}

/// Absent fields do not change.
#[derive(FromForm)]
struct RoomChangeForm {
    name: Optional<RoomName>,
    topic: Optional<Topic>,
    kind: Optional<RoomKind>,
    owner: Optional<UserId>,
    /// Present: a room that becomes closed keeps its latest visitors only, if it has too many.
    latest: Optional<String>,
}

#[derive(FromForm)]
struct PageQuery<'r> {
    before: QueryNumber<'r>,
    /// A number, or `unread`.
    at: QueryNumber<'r>,
    /// Whether a line marks that `at` is where the unread chats began.
    line: Option<&'r str>,
}

impl PageQuery<'_> {
    /// Returns the place of the page for a reader who has read up to chat `read`.
    fn anchor(&self, read: i64) -> Result<PageAnchor> {
        let at = match self.at.is("unread") {
            true => Some(read + 1),
            false => self.at.at_least(1)?,
        };
        match (self.before.at_least(1)?, at) {
            (None, None) => Ok(PageAnchor::Latest),
            (Some(before), None) => Ok(PageAnchor::Before(before)),
            (None, Some(at)) => Ok(PageAnchor::Around(at)),
            (Some(_), Some(_)) => Err(Error::field("at", FieldError::Number)),
        }
    }

    /// Returns the last chat before the line, for a reader who has read up to chat `read`.
    fn line_after(&self, read: i64) -> Option<i64> {
        match self.at.is("unread") {
            true => Some(read),
            false => self.line.and_then(|_| self.at.at_least(1).ok().flatten()).map(|at| at - 1),
        }
    }
}

impl Ignorable<Query> for PageQuery<'_> {}

#[derive(FromForm)]
struct RoomsQuery<'r> {
    page: QueryNumber<'r>,
    /// Filters by name.
    q: Option<&'r str>,
    /// The page of the direct rooms.
    directs: QueryNumber<'r>,
    /// The room that was just deleted, or that the user is no member of any more.
    deleted: Option<&'r str>,
}

impl Ignorable<Query> for RoomsQuery<'_> {}

#[get("/")]
fn root() -> Reply {
    Reply::see_other(index_path())
}

/// Shows the main page with a list of rooms.
#[get("/room?<query..>")]
async fn index(query: RoomsQuery<'_>, user: PageUser<'_>, ctx: RequestContext<'_>) -> Result<Reply> {
    let filter = query.q.map(str::trim).unwrap_or_default();
    let listing = async {
        match filter {
            "" => user.rooms(&ctx.db, query.page.place()?, ROOMS_PER_PAGE).await,
            filter => user.search_rooms(&ctx.db, filter, ROOMS_PER_PAGE).await,
        }
    };
    let (deleted, list_notice) = notices(&ctx, &user, query.deleted).await?;
    let directs = query.directs.at_least(1)?;
    let page = RoomsPage { query: filter.to_owned(), deleted, list_notice, ..RoomsPage::default() };
    rooms_page(&ctx, &user, listing, (page, directs)).await
}

#[post("/room", data = "<form>")]
async fn create(form: Submission<'_, RoomForm>, ctx: RequestContext<'_>) -> Result<Reply> {
    let user = ctx.rate_limited_user(|limits| &limits.rooms).await?;
    let created = create_room(&form, user, &ctx).await;
    ctx.reply(created)
        .json(async |(room, status)| Ok(Reply::json(&view(&ctx, &room, user).await?)?.with_status(status)))
        .redirect(|(room, _)| path(room.id))
        .invalid(async |errors| {
            let typed = typed(&form, RoomFormValues::default(), &errors, &ctx);
            let listing = user.rooms(&ctx.db, ListCursor::Page(1), ROOMS_PER_PAGE);
            rooms_page(&ctx, user, listing, (RoomsPage { form: typed, ..RoomsPage::default() }, None)).await
        })
        .await
}

/// Shows a room with its latest chats, with those before a chat number, or with those around one.
#[get("/room/<id>?<query..>")]
async fn show(id: RoomId, query: PageQuery<'_>, user: PageUser<'_>, ctx: RequestContext<'_>) -> Result<Reply> {
    let room = user.room(&ctx.db, id).await?;
    let membership = room.visit(&ctx.db, &user).await?;
    let content = RoomPageContent {
        anchor: query.anchor(membership.read)?,
        line_after: query.line_after(membership.read),
        membership: Some(membership),
        ..RoomPageContent::default()
    };
    room_page(&ctx, &user, &room, content).await
}

/// Changes a room's name and topic.
#[put("/room/<id>", data = "<form>")]
async fn update(id: RoomId, form: Submission<'_, RoomChangeForm>, ctx: RequestContext<'_>) -> Result<Reply> {
    let user = ctx.rate_limited_user(|limits| &limits.edits).await?;
    let room = user.manageable_room(&ctx.db, id).await?;
    let updated = change_room(&form, user, &room, &ctx).await;
    let done = if form.typed("owner").is_empty() { "kind" } else { "owner" };
    let next = if form.typed("back") == "member" { members_path(id, done) } else { path(id) };
    ctx.reply(updated)
        .json(async |()| Reply::json(&view(&ctx, &user.room(&ctx.db, id).await?, user).await?))
        .redirect(|()| next)
        .invalid(async |errors| {
            let typed = Some(typed(&form, stored(&room), &errors, &ctx));
            room_page(&ctx, user, &room, RoomPageContent { typed, ..RoomPageContent::default() }).await
        })
        .await
}

/// Closes a room permanently.
#[delete("/room/<id>", data = "<_form>")]
async fn destroy(id: RoomId, user: &CurrentUser, _form: &FormFields, ctx: RequestContext<'_>) -> Result<Reply> {
    let room = user.manageable_room(&ctx.db, id).await?;
    room.close(&ctx.db, user.id).await?;
    Ok(ctx.no_content_or_redirect(format!("{}?deleted={id}", index_path())))
}

pub(super) fn index_path() -> String {
    uri!(index(query = _)).to_string()
}

pub(super) fn path(id: RoomId) -> String {
    uri!(show(id = id, query = _)).to_string()
}

/// Returns the path of the members' page that says what was done.
pub(super) fn members_path(id: RoomId, done: &str) -> String {
    format!("{}/member?done={done}", path(id))
}

/// Returns the path of the main page that says what was done.
pub(super) fn index_path_after(done: &str) -> String {
    format!("{}?done={done}", index_path())
}

/// What a room's page shows beside the stored state.
#[derive(Default)]
pub(super) struct RoomPageContent {
    pub(super) anchor: PageAnchor,
    pub(super) composer: Option<ComposerValues>,
    /// The chat behind which a line marks where the unread chats begin.
    pub(super) line_after: Option<i64>,
    /// What the reader has read. `None` in the answer to a form.
    pub(super) membership: Option<Membership>,
    /// The form that changes the room.
    pub(super) typed: Option<RoomFormValues>,
}

/// Returns the name of a room for a reader: of a direct room those of the others.
pub(super) async fn name_for(ctx: &RequestContext<'_>, room: &models::Room, reader: &User) -> Result<String> {
    if room.kind != RoomKind::Direct {
        return Ok(room.name.as_str().to_owned());
    }
    let names = ctx.hub.nicknames(&room.others(reader.id)).await?;
    Ok(views::direct_room_name(room, reader.id, &names, ctx.locale()))
}

/// Shows a room to a reader.
pub(super) async fn view(ctx: &RequestContext<'_>, room: &models::Room, reader: &User) -> Result<RoomView> {
    let name = name_for(ctx, room, reader).await?;
    Ok(RoomView::new(room, name, reader, (room.chat_count(&ctx.db), room.last_at(&ctx.db))))
}

pub(super) async fn room_page(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &models::Room,
    content: RoomPageContent,
) -> Result<Reply> {
    let page = ctx.hub.page(room, content.anchor).await?;
    room.ensure_readable(&ctx.db, user.id).await?;
    let view = view(ctx, room, user).await?;
    if ctx.wants_json() {
        let feed = page.fragment.json();
        return Reply::json(&json!({
            "room": view, "upto": page.head, "before": page.before, "after": page.after, "chats": feed.chats,
            "events": feed.events,
        }));
    }
    let locale = ctx.locale();
    let (presence, typing) = match ctx.hub.get(room.id) {
        Some(live) => (live.presence.online().borrow().clone(), live.presence.typing().borrow().clone()),
        None => Default::default(),
    };
    let is_history = content.anchor != PageAnchor::Latest;
    let line = content.line_after.and_then(|read| page.fragment.first_unread(read));
    let page = RoomPage {
        connection_state: "",
        room: view,
        online: presence.count,
        upto: page.head,
        elements: views::with_unread_line(
            page.fragment.elements(ctx.views, locale, &mut PageEnd::default())?,
            line,
            locale,
        ),
        reading: content.membership.map(|Membership { read, rev, .. }| ReadingView {
            read,
            rev,
            unread: read < room.chat_count(&ctx.db),
        }),
        before: page.before,
        newer: page.after.map(|after| after + CHATS_PER_PAGE + 1),
        is_history,
        presence: views::presence(&presence, ctx.views, locale)?.to_string(),
        typing: views::typing(&typing, ctx.views, locale)?.to_string(),
        composer: match content.composer {
            Some(composer) => composer,
            None => ComposerValues { nonce: Nonce::random()?.as_str().into(), ..ComposerValues::default() },
        },
        form: content.typed.unwrap_or_else(|| stored(room)),
        direct: (room.kind == RoomKind::Direct).then(|| DirectView::new(room, user.id)),
    };
    // The list of rooms is read last: the page can do without it when the query budget is spent.
    shell_page(ctx, user, Some(room), "rooms/show.html.tera", &page).await
}

async fn rooms_page(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    listing: impl Future<Output = Result<RoomListPage>>,
    (page, directs): (RoomsPage, Option<i64>),
) -> Result<Reply> {
    // A change after this moment reaches the page over its socket.
    let list_cursor = ctx.hub.list_cursor();
    let listing = listing.await?;
    let [previous, next] = [listing.previous, listing.next].map(|place| place.map(place_query));
    if ctx.wants_json() {
        let summaries = ctx.hub.summaries(&listing.rooms).await;
        let rooms = list_items(ctx, user, &listing.rooms, summaries).await?;
        let own = user.own_rooms_of(&ctx.db).await?;
        let summaries = ctx.hub.summaries(&own).await;
        let own = list_items(ctx, user, &own, summaries).await?;
        return Reply::json(
            &json!({ "rooms": rooms, "own": own, "page": listing.page, "previous": previous, "next": next }),
        );
    }
    let is_list_fixed = listing.page != Some(1) || !page.query.is_empty();
    let page = RoomsPage { previous, next, nonce: user.room_nonce(&ctx.db), ..page };
    let scope = match page.query.as_str() {
        "" if is_list_fixed => ListScope::LaterPage,
        "" => ListScope::Latest,
        typed => ListScope::Search(typed),
    };
    let directs = directs.and_then(|page| usize::try_from(page).ok()).unwrap_or(1);
    let request = ListRequest { current: None, scope, directs };
    let lists = ctx.hub.user_rooms(user, &listing.rooms, request, ctx.locale()).await?;
    let current_user = UserView::from(&user.user);
    let shell = Shell { current_user, lists, list_cursor, is_list_fixed, page: &page };
    ctx.page("rooms/index.html.tera", &shell)
}

/// Returns the name of the room that was just deleted, or else what the page says.
async fn notices(
    ctx: &RequestContext<'_>,
    user: &User,
    deleted: Option<&str>,
) -> Result<(Option<String>, Option<&'static str>)> {
    let Some(id) = deleted.and_then(|id| id.parse().ok()) else { return Ok((None, ctx.done(&LIST_NOTICES))) };
    let name = models::Room::deleted_name(&ctx.db, id).await?;
    let is_gone = name.is_none() && matches!(user.room(&ctx.db, id).await, Err(Error::NotFound));
    Ok((name, is_gone.then_some("gone")))
}

async fn list_items(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    rooms: &[Arc<models::Room>],
    summaries: Vec<RoomSummary>,
) -> Result<Vec<RoomListItem>> {
    let mut items = Vec::with_capacity(rooms.len());
    for (room, summary) in rooms.iter().zip(summaries) {
        items.push(RoomListItem::from((view(ctx, room, user).await?, summary)));
    }
    Ok(items)
}

async fn create_room(
    form: &Submission<'_, RoomForm>,
    user: &CurrentUser,
    ctx: &RequestContext<'_>,
) -> Result<(models::Room, Status)> {
    let RoomForm { name, topic: Optional(topic), nonce: Optional(nonce), kind: Optional(kind), user: users } =
        form.value()?;
    let topic = topic.clone().unwrap_or_default();
    models::Room::ensure_can_be_added(&ctx.db, kind.unwrap_or_default(), users).await?;
    let new = NewRoom { name: name.clone(), topic, kind: kind.unwrap_or_default() };
    match user.create_room_once(&ctx.db, new, nonce.as_ref()).await? {
        Created::New(room) => {
            if !users.is_empty() {
                room.add_members(&ctx.db, user, users).await?;
                ctx.hub.memberships_changed(users).await;
            }
            ctx.hub.room_changed(room.id);
            Ok((room, Status::Created))
        }
        Created::Existing(room) => Ok((room, Status::Ok)),
    }
}

async fn change_room(
    form: &Submission<'_, RoomChangeForm>,
    user: &CurrentUser,
    room: &models::Room,
    ctx: &RequestContext<'_>,
) -> Result<()> {
    let form = form.value()?;
    let change = RoomUpdate {
        name: form.name.0.clone(),
        topic: form.topic.0.clone(),
        kind: form.kind.0,
        owner: form.owner.0,
        keeps_latest: form.latest.0.is_some(),
    };
    if change.kind == Some(RoomKind::Closed) {
        // Who closes a room stays in it.
        room.visit(&ctx.db, user).await?;
    }
    let updated = room.update(&ctx.db, change).await;
    if form.owner.0.is_some() {
        // The new owner may have left meanwhile.
        room.settle_owner(&ctx.db, user.id).await?;
    }
    // The change may be stored even after an error.
    ctx.hub.room_changed(room.id);
    updated
}

fn stored(room: &models::Room) -> RoomFormValues {
    RoomFormValues {
        name: room.name.as_str().into(),
        topic: room.topic.as_str().into(),
        kind: room.kind.as_str().into(),
        ..RoomFormValues::default()
    }
}

/// Returns the form as it was typed; absent fields as in `stored`.
fn typed<T>(
    form: &Submission<'_, T>,
    stored: RoomFormValues,
    errors: &FieldErrors,
    ctx: &RequestContext<'_>,
) -> RoomFormValues {
    RoomFormValues {
        name: form.typed_or("name", &stored.name).to_owned(),
        topic: form.typed_or("topic", &stored.topic).to_owned(),
        kind: form.typed_or("kind", &stored.kind).to_owned(),
        errors: ctx.field_messages(errors),
    }
}
