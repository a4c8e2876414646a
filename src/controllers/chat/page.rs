//! The page of one chat, and its JSON.

use std::sync::Arc;

use crate::controllers::guards::current_user::CurrentUser;
use crate::controllers::reply::Reply;
use crate::controllers::request_context::RequestContext;
use crate::error::{Error, Result};
use crate::models::{Chat, Room};
use crate::views::chat::{Article, Feed};
use crate::views::error::Messages;
use crate::views::room::{Permalink, Room as RoomView};
use crate::views::user::Me;

/// Shows a chat with its forms; `typed` is the text of an invalid edit, with the errors.
pub(super) async fn chat_page(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &Room,
    chat: Chat,
    typed: Option<(String, Messages)>,
) -> Result<Reply> {
    let (text, faults) = typed.unwrap_or_else(|| (chat.text.clone(), Messages::default()));
    let (seq, before, removed) = (chat.seq, chat.no + 1, chat.removed);
    let (editable, removable) = (chat.can_edit(user), chat.can_remove(user));
    let feed = Feed { articles: vec![article(ctx, chat).await?], upto: seq, closed: false };
    let page = Permalink {
        me: Me::from(&user.user),
        room: RoomView::new(room, &ctx.db, user),
        before,
        seq,
        removed,
        editable: editable && !removed,
        removable: removable && !removed,
        element: feed.elements(ctx.views, ctx.locale(), &mut None)?,
        text,
        faults,
    };
    ctx.page("chats/show.html.tera", &page)
}

pub(super) async fn chat_json(ctx: &RequestContext<'_>, chat: Chat) -> Result<Reply> {
    Reply::json(&article(ctx, chat).await?.view)
}

async fn article(ctx: &RequestContext<'_>, chat: Chat) -> Result<Arc<Article>> {
    ctx.hub.with_authors(vec![chat]).await?.pop().ok_or(Error::NotFound)
}
