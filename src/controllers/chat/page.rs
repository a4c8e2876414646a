//! The page of one chat, and its JSON.

use std::sync::Arc;

use crate::controllers::guards::current_user::CurrentUser;
use crate::controllers::reply::Reply;
use crate::controllers::request_context::RequestContext;
use crate::controllers::room;
use crate::controllers::shell::shell_page;
use crate::error::{Error, Result};
use crate::models::{self, Chat};
use crate::views::chat::{Article, ChatBatch, FeedItem, PageEnd};
use crate::views::file::FileView;
use crate::views::form::FieldMessages;
use crate::views::room::ChatPage;

/// Shows a chat with its forms; `typed` is the text of an invalid edit, with the errors.
pub(super) async fn chat_page(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &models::Room,
    chat: Chat,
    typed: Option<(String, FieldMessages)>,
) -> Result<Reply> {
    let (text, errors) = typed.unwrap_or_else(|| (chat.text.clone(), FieldMessages::default()));
    let files = chat.files.iter().map(|file| FileView::new(file, chat.room, chat.seq)).collect();
    let (seq, no, removed) = (chat.seq, chat.no, chat.removed);
    let (can_edit, can_remove) = (chat.can_edit(user), chat.can_remove(user));
    let batch = ChatBatch { items: vec![FeedItem::Chat(article(ctx, chat).await?)], upto: seq, closed: false };
    let page = ChatPage {
        room: room::view(ctx, room, user).await?,
        no,
        seq,
        removed,
        can_edit: can_edit && !removed,
        can_remove: can_remove && !removed,
        element: batch.elements(ctx.views, ctx.locale(), &mut PageEnd::default())?,
        files,
        text,
        errors,
    };
    shell_page(ctx, user, Some(room), "chats/show.html.tera", &page).await
}

pub(super) async fn chat_json(ctx: &RequestContext<'_>, chat: Chat) -> Result<Reply> {
    Reply::json(&**article(ctx, chat).await?)
}

async fn article(ctx: &RequestContext<'_>, chat: Chat) -> Result<Arc<Article>> {
    ctx.hub.with_authors(vec![chat]).await?.pop().ok_or(Error::NotFound)
}
