//! Reading a room's chats in fragments, with long polling.

use std::time::Duration;

use rocket::{FromForm, get};
use tokio::time::timeout;

use crate::controllers::guards::current_user::CurrentUser;
use crate::controllers::guards::query_number::QueryNumber;
use crate::controllers::reply::{Reply, Unbuffered};
use crate::controllers::request_context::RequestContext;
use crate::error::{Error, FieldError, Result};
use crate::models::chat::PageAnchor;
use crate::models::{Room, RoomId};
use crate::store::with_timeout;
use crate::views::chat::{ChatBatch, Fragment};

/// The longest that a client may wait for updates, in seconds.
const MAX_WAIT: i64 = 30;

#[derive(FromForm)]
pub(super) struct ChatQuery<'r> {
    before: QueryNumber<'r>,
    since: QueryNumber<'r>,
    wait: QueryNumber<'r>,
}

/// The part of a room's log that a client asks for.
enum ChatRange {
    Page(PageAnchor),
    Updates { since: i64, wait: Option<Duration> },
}

impl ChatQuery<'_> {
    fn range(&self) -> Result<ChatRange> {
        let (before, since) = (self.before.at_least(1)?, self.since.at_least(0)?);
        let wait = self.wait.at_least(0)?.map(|wait| Duration::from_secs(wait.min(MAX_WAIT) as u64));
        match (since, before) {
            (None, before) => Ok(ChatRange::Page(before.map_or(PageAnchor::Latest, PageAnchor::Before))),
            (Some(since), None) => Ok(ChatRange::Updates { since, wait }),
            (Some(_), Some(_)) => Err(Error::field("before", FieldError::Number)),
        }
    }
}

/// Returns a fragment with the latest chats, those before a chat number, or the updates since an entry.
#[get("/room/<id>/chat?<query..>")]
pub(super) async fn index(
    id: RoomId,
    query: ChatQuery<'_>,
    user: &CurrentUser,
    ctx: RequestContext<'_>,
) -> Result<Unbuffered<Reply>> {
    let room = user.room(&ctx.db, id).await?;
    let reply = match query.range()? {
        ChatRange::Page(anchor) => {
            let page = ctx.hub.page(&room, anchor).await?;
            room.ensure_readable(&ctx.db, user.id).await?;
            fragment_reply(&ctx, &page.fragment)
        }
        ChatRange::Updates { since, wait } => updates(&ctx, user, &room, since, wait).await,
    };
    reply.map(Unbuffered)
}

/// Returns the updates since an entry, and waits for some if the client asks for that.
async fn updates(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &Room,
    since: i64,
    wait: Option<Duration>,
) -> Result<Reply> {
    let mut feed = ctx.hub.feed(room, user.id, Some(since)).await?;
    let mut updates = with_timeout(feed.poll()).await??;
    if let (None, Some(wait)) = (&updates, wait) {
        let session_guard = ctx.hub.sessions.register(user.session.id.clone());
        updates = tokio::select! {
            updates = timeout(wait, feed.next()) => updates.ok().transpose()?,
            () = session_guard.ended() => return Err(Error::SignedOut),
            () = ctx.hub.shutdown() => None,
        };
        if updates.is_none() {
            return Ok(Reply::no_content());
        }
    }
    match updates {
        Some(updates) if updates.closed => Err(Error::NotFound),
        Some(updates) => fragment_reply(ctx, &updates),
        None => fragment_reply(ctx, &Fragment::new(ChatBatch { items: Vec::new(), upto: since, closed: false })),
    }
}

fn fragment_reply(ctx: &RequestContext<'_>, fragment: &Fragment) -> Result<Reply> {
    if ctx.wants_json() {
        return Reply::json(&fragment.json());
    }
    Ok(Reply::fragment(&fragment.element(ctx.views, ctx.locale())?))
}
