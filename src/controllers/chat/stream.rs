//! The endless page of a room for browsers without JavaScript.

use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use rocket::get;
use rocket::http::ContentType;
use rocket::response::stream::ByteStream;

use crate::controllers::guards::current_user::CurrentUser;
use crate::controllers::reply::Unbuffered;
use crate::controllers::request_context::RequestContext;
use crate::controllers::room;
use crate::error::Result;
use crate::live::no_script::{self, StreamReader};
use crate::models::chat::PageAnchor;
use crate::models::user::Theme;
use crate::models::{self, RoomId};
use crate::views::chat::{FeedItem, PageEnd};
use crate::views::room::{StreamPage, disconnected_notice};

/// Returns the latest chats, then new ones as they are posted.
#[get("/room/<id>/chat?stream")]
pub(super) async fn stream(
    id: RoomId,
    user: &CurrentUser,
    ctx: RequestContext<'_>,
) -> Result<(ContentType, Unbuffered<ByteStream<impl Stream<Item = Vec<u8>> + use<>>>)> {
    let room = user.room(&ctx.db, id).await?;
    let chunks = stream_page(&ctx, user, &room).await?.map(String::into_bytes);
    Ok((ContentType::HTML, Unbuffered(ByteStream(chunks))))
}

async fn stream_page(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &models::Room,
) -> Result<impl Stream<Item = String> + use<>> {
    // Kept while the page is read, so that the feed continues where the page ends.
    let _live = ctx.hub.open(room).await?;
    let page = ctx.hub.page(room, PageAnchor::Latest).await?;
    let page = &page.fragment;
    let feed = ctx.hub.feed(room, user.id, Some(page.upto)).await?;
    let first = page.items.first().map_or(page.upto + 1, FeedItem::seq);
    let (locale, mut end) = (ctx.locale(), PageEnd::default());
    let view = StreamPage {
        theme: user.theme.map(Theme::as_str),
        room: room::view(ctx, room, user).await?,
        upto: page.upto,
        elements: page.elements(ctx.views, locale, &mut end)?,
    };
    let disconnected = disconnected_notice(room.id, ctx.views, locale)?;
    let head = ctx.views.render("chats/stream.html.tera", locale, &view)? + &disconnected;
    let reader = StreamReader { user: user.user.clone(), session: user.session.clone(), locale, end, disconnected };
    Ok(no_script::stream_page(head, feed, first, reader, Arc::clone(ctx.hub)))
}
