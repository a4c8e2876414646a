//! Chats: posting, editing, removing and reading them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use rocket::http::{ContentType, Status};
use rocket::response::stream::ByteStream;
use rocket::{FromForm, Route, delete, get, post, put, routes};
use tokio::time::timeout;

use super::guards::current_user::{CurrentUser, PageUser};
use super::guards::form_fields::FormFields;
use super::guards::form_values::Optional;
use super::guards::params::Seq;
use super::guards::query_number::QueryNumber;
use super::guards::submission::Submission;
use super::reply::{Reply, Unbuffered};
use super::request_context::RequestContext;
use super::room::{self, RoomPageContent, room_page};
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::live::no_script::{self, StreamReader};
use crate::models::chat::PostedChat;
use crate::models::user::Theme;
use crate::models::values::{ChatText, Nonce};
use crate::models::{self, Chat, RoomId, RoomLog};
use crate::store::with_timeout;
use crate::views::chat::{Article, Feed, Fragment};
use crate::views::error::Messages;
use crate::views::room::{Composer, Permalink, Room, Stream as StreamPage, lost};
use crate::views::user::Me;

/// The longest that a client may wait for updates, in seconds.
const MAX_WAIT: i64 = 30;

pub(super) fn routes() -> Vec<Route> {
    routes![index, stream, create, show, update, destroy]
}

#[derive(FromForm)]
struct ChatForm {
    text: ChatText,
    nonce: Nonce,
}

/// An absent text does not change.
#[derive(FromForm)]
struct EditForm {
    text: Optional<ChatText>,
}

#[derive(FromForm)]
struct ChatQuery<'r> {
    before: QueryNumber<'r>,
    since: QueryNumber<'r>,
    wait: QueryNumber<'r>,
}

/// The part of a room's log that a client asks for.
enum ChatRange {
    Page { before: Option<i64> },
    Updates { since: i64, wait: Option<Duration> },
}

impl ChatQuery<'_> {
    fn range(&self) -> Result<ChatRange> {
        let (before, since) = (self.before.at_least(1)?, self.since.at_least(0)?);
        let wait = self.wait.at_least(0)?.map(|wait| Duration::from_secs(wait.min(MAX_WAIT) as u64));
        match (since, before) {
            (None, before) => Ok(ChatRange::Page { before }),
            (Some(since), None) => Ok(ChatRange::Updates { since, wait }),
            (Some(_), Some(_)) => Err(Error::field("before", FieldError::Number)),
        }
    }
}

/// Returns a fragment with the latest chats, those before a chat number, or the updates since an entry.
#[get("/room/<id>/chat?<query..>")]
async fn index(
    id: RoomId,
    query: ChatQuery<'_>,
    user: &CurrentUser,
    ctx: RequestContext<'_>,
) -> Result<Unbuffered<Reply>> {
    let room = user.room(&ctx.db, id).await?;
    let reply = match query.range()? {
        ChatRange::Page { before } => fragment_reply(&ctx, &ctx.hub.page(&room, before).await?.fragment),
        ChatRange::Updates { since, wait } => updates(&ctx, user, &room, since, wait).await,
    };
    reply.map(Unbuffered)
}

/// Returns an endless page for browsers without JavaScript: the latest chats, then new ones as they are posted.
#[get("/room/<id>/chat?stream")]
async fn stream(
    id: RoomId,
    user: &CurrentUser,
    ctx: RequestContext<'_>,
) -> Result<(ContentType, Unbuffered<ByteStream<impl Stream<Item = Vec<u8>> + use<>>>)> {
    let room = user.room(&ctx.db, id).await?;
    let chunks = stream_page(&ctx, user, &room).await?.map(String::into_bytes);
    Ok((ContentType::HTML, Unbuffered(ByteStream(chunks))))
}

/// Posts a chat.
#[post("/room/<id>/chat", data = "<form>")]
async fn create(id: RoomId, form: Submission<'_, ChatForm>, ctx: RequestContext<'_>) -> Result<Reply> {
    let user = ctx.rate_limited_user(|limits| &limits.chats).await?;
    let room = user.room(&ctx.db, id).await?;
    let posted = post(&ctx, user, &room, &form).await;
    ctx.reply(posted)
        .json(async |posted| {
            let status = if posted.is_duplicate { Status::Ok } else { Status::Created };
            Ok(chat_json(&ctx, posted.chat).await?.with_status(status))
        })
        .redirect(|posted| format!("{}#chat-{}", room::path(id), posted.chat.seq))
        .invalid(async |errors| {
            let composer = Some(composer(&ctx, &form, &errors)?);
            room_page(&ctx, user, &room, RoomPageContent { composer, ..RoomPageContent::default() }).await
        })
        .await
}

/// Shows one chat.
#[get("/room/<id>/chat/<seq>")]
async fn show(id: RoomId, seq: Seq, user: PageUser<'_>, ctx: RequestContext<'_>) -> Result<Reply> {
    let room = user.room(&ctx.db, id).await?;
    let chat = room.log(&ctx.db).chat(seq.0).await?;
    if ctx.wants_json() { chat_json(&ctx, chat).await } else { chat_page(&ctx, &user, &room, chat).await }
}

/// Edits a chat.
#[put("/room/<id>/chat/<seq>", data = "<form>")]
async fn update(id: RoomId, seq: Seq, form: Submission<'_, EditForm>, ctx: RequestContext<'_>) -> Result<Reply> {
    let user = ctx.rate_limited_user(|limits| &limits.edits).await?;
    let room = user.room(&ctx.db, id).await?;
    let log = room.log(&ctx.db);
    let edited = edit(user, &log, seq.0, &form).await;
    ctx.reply(edited)
        .json(async |chat| chat_json(&ctx, chat).await)
        .redirect(|chat| room_path_at(&log, &chat))
        .invalid(async |errors| invalid_chat_page(&ctx, user, &room, seq.0, &form, &errors).await)
        .await
}

/// Removes a chat.
#[delete("/room/<id>/chat/<seq>", data = "<_form>")]
async fn destroy(id: RoomId, seq: Seq, _form: &FormFields, ctx: RequestContext<'_>) -> Result<Reply> {
    let user = ctx.rate_limited_user(|limits| &limits.edits).await?;
    let room = user.room(&ctx.db, id).await?;
    let log = room.log(&ctx.db);
    let chat = log.remove(user, seq.0).await?;
    // No reader receives the text once this request is answered.
    if let Some(live) = ctx.hub.get(id) {
        live.wait_until(chat.rev).await;
    }
    Ok(ctx.no_content_or_redirect(room_page_of(&log, &chat)))
}

async fn post(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &models::Room,
    form: &Submission<'_, ChatForm>,
) -> Result<PostedChat> {
    let ChatForm { text, nonce } = form.value()?;
    let posted = room.log(&ctx.db).post(user, text.clone(), nonce.clone()).await?;
    // The removed text is gone, so a retry cannot be told from a new text: ask the user. Programs go by the nonce.
    if posted.is_duplicate && posted.chat.removed && !ctx.wants_json() {
        return Err(Error::field("nonce", FieldError::NonceUsed));
    }
    Ok(posted)
}

async fn edit(user: &CurrentUser, log: &Arc<RoomLog>, seq: i64, form: &Submission<'_, EditForm>) -> Result<Chat> {
    match &form.value()?.text {
        Optional(Some(text)) => log.edit(user, seq, text.clone()).await,
        Optional(None) => log.editable(user, seq).await,
    }
}

/// Returns the composer with the text as typed, and with its nonce unless the nonce is invalid.
fn composer(ctx: &RequestContext<'_>, form: &Submission<'_, ChatForm>, errors: &FieldErrors) -> Result<Composer> {
    let text = |field| form.typed(field).unwrap_or_default().to_owned();
    let is_nonce_invalid = errors.0.iter().any(|(field, _)| field == "nonce");
    let nonce = if is_nonce_invalid { Nonce::random()?.as_str().to_owned() } else { text("nonce") };
    Ok(Composer { text: text("text"), nonce, faults: ctx.messages(errors) })
}

/// Returns the updates since an entry, and waits for some if the client asks for that.
async fn updates(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &models::Room,
    since: i64,
    wait: Option<Duration>,
) -> Result<Reply> {
    let mut feed = ctx.hub.feed(room, Some(since)).await?;
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
        Some(updates) if updates.view.closed => Err(Error::NotFound),
        Some(updates) => fragment_reply(ctx, &updates),
        None => fragment_reply(ctx, &Fragment::new(Feed { articles: Vec::new(), upto: since, closed: false })),
    }
}

async fn stream_page(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &models::Room,
) -> Result<impl Stream<Item = String> + use<>> {
    // Kept while the page is read, so that the feed continues where the page ends.
    let _live = ctx.hub.open(room).await?;
    let page = ctx.hub.page(room, None).await?;
    let page = &page.fragment.view;
    let feed = ctx.hub.feed(room, Some(page.upto)).await?;
    let first = page.articles.first().map_or(page.upto + 1, |article| article.view.seq);
    let (locale, mut day) = (ctx.locale(), None);
    let view = StreamPage {
        theme: user.theme.map(Theme::as_str),
        room: Room::new(room, &ctx.db, user),
        upto: page.upto,
        elements: page.elements(ctx.views, locale, &mut day)?,
    };
    let lost = lost(room.id, ctx.views, locale)?;
    let head = ctx.views.render("chats/stream.html.tera", locale, &view)? + &lost;
    let reader = StreamReader { user: user.user.clone(), session: user.session.clone(), locale, day, lost };
    Ok(no_script::stream_page(head, feed, first, reader, Arc::clone(ctx.hub)))
}

async fn chat_page(ctx: &RequestContext<'_>, user: &CurrentUser, room: &models::Room, chat: Chat) -> Result<Reply> {
    let (text, view) = (chat.text.clone(), permalink(ctx, user, room, chat).await?);
    ctx.page("chats/show.html.tera", &Permalink { text, ..view })
}

async fn invalid_chat_page(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &models::Room,
    seq: i64,
    form: &Submission<'_, EditForm>,
    errors: &FieldErrors,
) -> Result<Reply> {
    let view = permalink(ctx, user, room, room.log(&ctx.db).chat(seq).await?).await?;
    let (text, faults) = (form.typed("text").unwrap_or_default().to_owned(), ctx.messages(errors));
    ctx.page("chats/show.html.tera", &Permalink { text, faults, ..view })
}

async fn permalink(ctx: &RequestContext<'_>, user: &CurrentUser, room: &models::Room, chat: Chat) -> Result<Permalink> {
    let (seq, before, removed) = (chat.seq, chat.no + 1, chat.removed);
    let (editable, removable) = (chat.can_edit(user), chat.can_remove(user));
    let feed = Feed { articles: vec![article(ctx, chat).await?], upto: seq, closed: false };
    Ok(Permalink {
        me: Me::from(&user.user),
        room: Room::new(room, &ctx.db, user),
        before,
        seq,
        removed,
        editable: editable && !removed,
        removable: removable && !removed,
        element: feed.elements(ctx.views, ctx.locale(), &mut None)?,
        text: String::new(),
        faults: Messages::default(),
    })
}

/// Returns the path of the room's page that shows a chat: the latest page, or the one that ends with the chat.
fn room_page_of(log: &RoomLog, chat: &Chat) -> String {
    let before = if log.is_on_older_page(chat) { format!("?before={}", chat.no + 1) } else { String::new() };
    format!("{}{before}", room::path(chat.room))
}

fn room_path_at(log: &RoomLog, chat: &Chat) -> String {
    format!("{}#chat-{}", room_page_of(log, chat), chat.seq)
}

async fn chat_json(ctx: &RequestContext<'_>, chat: Chat) -> Result<Reply> {
    Reply::json(&article(ctx, chat).await?.view)
}

async fn article(ctx: &RequestContext<'_>, chat: Chat) -> Result<Arc<Article>> {
    ctx.hub.with_authors(vec![chat]).await?.pop().ok_or(Error::NotFound)
}

fn fragment_reply(ctx: &RequestContext<'_>, fragment: &Fragment) -> Result<Reply> {
    if ctx.wants_json() {
        return Reply::json(&fragment.view.json());
    }
    Ok(Reply::fragment(&fragment.element(ctx.views, ctx.locale())?))
}
