//! The inbox of the current user.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rocket::http::uri::fmt::{Ignorable, Query};
use rocket::{FromForm, Route, get, put, routes};
use serde_json::json;

use super::guards::current_user::{CurrentUser, PageUser};
use super::guards::form_values::FormNumber;
use super::guards::query_number::QueryNumber;
use super::guards::submission::Submission;
use super::reply::Reply;
use super::request_context::RequestContext;
use super::room;
use super::shell::shell_page;
use crate::error::{Error, Result};
use crate::models::inbox::InboxEntry;
use crate::models::{Chat, RoomId};
use crate::views::inbox::{InboxItem, InboxPage, InboxRoom};

pub(super) fn routes() -> Vec<Route> {
    routes![index, update]
}

#[derive(FromForm)]
struct InboxQuery<'r> {
    before: QueryNumber<'r>,
}

impl Ignorable<Query> for InboxQuery<'_> {}

#[derive(FromForm)]
struct InboxReadingForm {
    no: FormNumber,
}

/// Shows mentions and invitations, the latest first.
#[get("/inbox?<query..>")]
async fn index(query: InboxQuery<'_>, user: PageUser<'_>, ctx: RequestContext<'_>) -> Result<Reply> {
    let (entries, head) = user.inbox(&ctx.db, query.before.at_least(1)?).await?;
    let before = entries.last().map(|entry| entry.no).filter(|no| *no > 1);
    let page = InboxPage { entries: items(&ctx, &user, &entries).await?, head, unread: head > user.inbox_read, before };
    if ctx.wants_json() {
        return Reply::json(&json!({ "entries": page.entries, "head": head, "before": before }));
    }
    shell_page(&ctx, &user, None, "users/inbox.html.tera", &page).await
}

/// Marks the inbox as read up to an entry.
#[put("/inbox/reading", data = "<form>")]
async fn update(form: Submission<'_, InboxReadingForm>, ctx: RequestContext<'_>) -> Result<Reply> {
    let user = ctx.current_user().await?;
    user.mark_inbox_read(&ctx.db, form.value()?.no.0).await?;
    Ok(ctx.no_content_or_redirect("/inbox"))
}

async fn items(ctx: &RequestContext<'_>, user: &CurrentUser, entries: &[InboxEntry]) -> Result<Vec<InboxItem>> {
    let names = ctx.hub.nicknames(&entries.iter().map(|entry| entry.by).collect::<Vec<_>>()).await?;
    let mut rooms = HashMap::new();
    let mut items = Vec::with_capacity(entries.len());
    for entry in entries {
        let room = match rooms.entry(entry.room) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(visible_room(ctx, user, entry.room).await?),
        };
        let room = room.as_ref();
        let chat = match (room, entry.seq) {
            (Some((room, _)), Some(seq)) => found(room.log(&ctx.db).chat(seq).await)?,
            _ => None,
        };
        let by = names.get(&entry.by).and_then(Option::as_ref).map(|name| name.as_str().to_owned());
        let room = room.map(|(room, name)| InboxRoom { name: name.clone(), path: path(room.id, chat.as_ref()) });
        items.push(InboxItem::new(entry, user.inbox_read, by, (room, chat.as_ref())));
    }
    Ok(items)
}

/// Returns a room with its name for the reader, or `None` if the reader may not see it.
async fn visible_room(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    id: RoomId,
) -> Result<Option<(crate::models::Room, String)>> {
    let Some(room) = found(user.room(&ctx.db, id).await)? else { return Ok(None) };
    let name = room::name_for(ctx, &room, user).await?;
    Ok(Some((room, name)))
}

fn path(room: RoomId, chat: Option<&Chat>) -> String {
    match chat.filter(|chat| !chat.removed) {
        Some(chat) => format!("{}?at={}#chat-{}", room::path(room), chat.no, chat.seq),
        None => room::path(room),
    }
}

fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(Error::NotFound) => Ok(None),
        result => result.map(Some),
    }
}
