//! Chats: posting, editing, removing and showing one.

mod files;
mod fragments;
mod page;
mod stream;

use rocket::http::Status;
use rocket::{FromForm, Route, delete, get, post, put, routes};

use super::guards::current_user::{CurrentUser, PageUser};
use super::guards::form_fields::FormFields;
use super::guards::form_values::{FormNumber, Optional, TextBesideFiles};
use super::guards::params::Seq;
use super::guards::submission::Submission;
use super::reply::Reply;
use super::request_context::RequestContext;
use super::room::{self, RoomPageContent, room_page};
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::models::chat::{ChatInput, PostedChat};
use crate::models::values::{ChatText, Nonce};
use crate::models::{self, Chat, RoomId, RoomLog, UserId};
use crate::views::room::ComposerValues;
use page::{chat_json, chat_page};

const MAX_PICKED: usize = 50;

pub(super) fn routes() -> Vec<Route> {
    routes![
        fragments::index,
        stream::stream,
        files::create,
        files::show,
        files::tools,
        files::unused,
        create,
        show,
        update,
        destroy
    ]
}

#[derive(FromForm)]
struct ChatForm {
    text: ChatText,
    nonce: Nonce,
    /// The people who are meant where several have the same name.
    mention: Vec<UserId>,
}

/// An absent text does not change.
#[derive(FromForm)]
struct EditForm {
    text: Optional<TextBesideFiles>,
    mention: Vec<UserId>,
    /// The numbers of the files that are taken away.
    remove: Vec<FormNumber>,
}

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

#[get("/room/<id>/chat/<seq>")]
async fn show(id: RoomId, seq: Seq, user: PageUser<'_>, ctx: RequestContext<'_>) -> Result<Reply> {
    let room = user.room(&ctx.db, id).await?;
    let chat = room.log(&ctx.db).chat(seq.0).await?;
    room.ensure_readable(&ctx.db, user.id).await?;
    if ctx.wants_json() { chat_json(&ctx, chat).await } else { chat_page(&ctx, &user, &room, chat, None).await }
}

#[put("/room/<id>/chat/<seq>", data = "<form>")]
async fn update(id: RoomId, seq: Seq, form: Submission<'_, EditForm>, ctx: RequestContext<'_>) -> Result<Reply> {
    let user = ctx.rate_limited_user(|limits| &limits.edits).await?;
    let room = user.room(&ctx.db, id).await?;
    let log = room.log(&ctx.db);
    let edited = edit(&ctx, user, &room, seq.0, &form).await;
    ctx.reply(edited)
        .json(async |chat| chat_json(&ctx, chat).await)
        .redirect(|chat| room_path_at(&log, &chat))
        .invalid(async |errors| {
            let typed = Some((form.typed("text").to_owned(), ctx.field_messages(&errors)));
            chat_page(&ctx, user, &room, log.chat(seq.0).await?, typed).await
        })
        .await
}

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
    let ChatForm { text, nonce, mention } = form.value()?;
    let input = ChatInput::in_room(text.clone(), room, picked(mention)?);
    let posted = room.log(&ctx.db).post(user, input, nonce.clone()).await?;
    // The removed text is gone, so a retry cannot be told from a new text: ask the user. Programs go by the nonce.
    if posted.is_duplicate && posted.chat.removed && !ctx.wants_json() {
        return Err(Error::field("nonce", FieldError::NonceUsed));
    }
    if !posted.is_duplicate {
        ctx.hub.has_said(room, user, posted.chat.no);
    }
    Ok(posted)
}

async fn edit(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    room: &models::Room,
    seq: i64,
    form: &Submission<'_, EditForm>,
) -> Result<Chat> {
    let (log, EditForm { text, mention, remove }) = (room.log(&ctx.db), form.value()?);
    let taken_away: Vec<i64> = remove.iter().map(|number| number.0).collect();
    let input = match &text.0 {
        Some(TextBesideFiles(text)) => ChatInput::in_room(text.clone(), room, picked(mention)?),
        None if taken_away.is_empty() => return log.editable(user, seq).await,
        None => ChatInput::keeping_text(),
    };
    log.edit(user, seq, input.without_files(&taken_away)).await
}

/// Returns the people whom an author picked.
/// Fails with `mention: TooManyPeople` if there are too many.
fn picked(people: &[UserId]) -> Result<&[UserId]> {
    if people.len() > MAX_PICKED {
        Err(Error::field("mention", FieldError::TooManyPeople(MAX_PICKED)))
    } else {
        Ok(people)
    }
}

/// Returns the composer with the text as typed, and with its nonce unless the nonce is invalid.
fn composer(ctx: &RequestContext<'_>, form: &Submission<'_, ChatForm>, errors: &FieldErrors) -> Result<ComposerValues> {
    let is_nonce_invalid = errors.0.iter().any(|(field, _)| field == "nonce");
    let nonce = if is_nonce_invalid { Nonce::random()?.as_str().to_owned() } else { form.typed("nonce").to_owned() };
    Ok(ComposerValues { text: form.typed("text").to_owned(), nonce, errors: ctx.field_messages(errors) })
}

/// Returns the path of the room's page that shows a chat: the latest page, or the one around the chat.
fn room_page_of(log: &RoomLog, chat: &Chat) -> String {
    let at = if log.is_on_older_page(chat) { format!("?at={}", chat.no) } else { String::new() };
    format!("{}{at}", room::path(chat.room))
}

fn room_path_at(log: &RoomLog, chat: &Chat) -> String {
    format!("{}#chat-{}", room_page_of(log, chat), chat.seq)
}
