//! Files of chats. The file server stores them and posts the chats; the site decides who may see them.

use std::collections::HashSet;

use rocket::http::{Header, Status};
use rocket::{Responder, get, post, put};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::page::chat_json;
use super::picked;
use crate::attachment::MAX_FILES_PER_CHAT;
use crate::attachment::{Attachment, AttachmentKind, ChatWithFiles, DownloadClaims, FileNames, FileVariant};
use crate::controllers::guards::bearer_token::BearerToken;
use crate::controllers::guards::params::Seq;
use crate::controllers::guards::raw_body::RawBody;
use crate::controllers::reply::Reply;
use crate::controllers::request_context::RequestContext;
use crate::error::{Error, FieldError, Result};
use crate::models::chat::{ChatInput, PostedChat};
use crate::models::file::{NewFiles, StoredFile};
use crate::models::values::{ChatText, Nonce};
use crate::models::{Room, RoomId, Session, User, UserId};
use crate::ticket::{self, Purpose};
use crate::views::file::FileTools;

const MAX_NAME_BYTES: usize = 200;
const MAX_ALT_BYTES: usize = 2_000;
const MAX_TYPE_BYTES: usize = 100;
const MAX_NAMES: usize = 500;
/// A download URL stays the same for so many seconds, and is valid for at most twice as long.
const URL_PERIOD: u64 = 30 * 60;

/// A redirect to the file server. Each request asks again whether the reader may see the file.
#[derive(Responder)]
#[response(status = 303)]
pub(super) struct FileRedirect {
    body: (),
    location: Header<'static>,
    caching: Header<'static>,
}

/// Posts a chat with files, for the file server.
#[put("/room/<id>/chat", data = "<body>")]
pub(super) async fn create(
    id: RoomId,
    body: RawBody,
    bearer: BearerToken<'_>,
    ctx: RequestContext<'_>,
) -> Result<Reply> {
    let chat: ChatWithFiles = signed(&ctx, &bearer, &body, (Purpose::PostChat, &id.to_string()))?;
    let author = User::find(&ctx.db, chat.user.parse().map_err(|()| Error::BadRequest)?).await?;
    ctx.answer_to(&author);
    let room = author.room(&ctx.db, id).await?;
    ctx.limits.chats.check_user(author.id)?;
    let posted = post_with_files(&ctx, &author, &room, &chat).await?;
    let status = if posted.is_duplicate { Status::Ok } else { Status::Created };
    Ok(chat_json(&ctx, posted.chat).await?.with_status(status))
}

/// Returns the parts of a page that choose, send and show files.
#[get("/attachments")]
pub(super) async fn tools(ctx: RequestContext<'_>) -> Result<Reply> {
    ctx.account_locale().await;
    ctx.page("files/tools.html.tera", &FileTools {})
}

/// Redirects to a file of a chat on the file server, with `small` to the small version of a picture. With `download`
/// browsers save it.
#[get("/room/<id>/file/<seq>/<n>")]
pub(super) async fn show(id: RoomId, seq: Seq, n: Seq, ctx: RequestContext<'_>) -> Result<FileRedirect> {
    let user = ctx.current_user().await?;
    let room = user.room(&ctx.db, id).await?;
    let chat = room.log(&ctx.db).chat(seq.0).await?;
    room.ensure_readable(&ctx.db, user.id).await?;
    let file = chat.files.iter().find(|file| i64::from(file.n) == n.0).ok_or(Error::NotFound)?;
    redirect(&ctx, file, ctx.query_text("small").is_some())
}

/// Tells the file server which of some files no chat has.
#[post("/file/unused", data = "<body>")]
pub(super) async fn unused(body: RawBody, bearer: BearerToken<'_>, ctx: RequestContext<'_>) -> Result<Reply> {
    let FileNames { files } = signed(&ctx, &bearer, &body, (Purpose::QueryFiles, ""))?;
    if files.len() > MAX_NAMES {
        return Err(Error::BadRequest);
    }
    Reply::json(&FileNames { files: StoredFile::unused(&ctx.db, files).await? })
}

/// Parses a body that a ticket covers.
/// Fails with `Forbidden` without a valid ticket.
fn signed<T: DeserializeOwned>(
    ctx: &RequestContext<'_>,
    bearer: &BearerToken<'_>,
    body: &RawBody,
    (purpose, subject): (Purpose, &str),
) -> Result<T> {
    let digest: String = Sha256::digest(&body.0).iter().map(|byte| format!("{byte:02x}")).collect();
    if ctx.images.secret().claims::<String>(bearer.0, purpose, subject) != Some(digest) {
        // Only a valid ticket passes at any host name.
        return Err(if ctx.accepts_host() { Error::Forbidden } else { Error::Misdirected });
    }
    serde_json::from_slice(&body.0).map_err(|_| Error::BadRequest)
}

async fn post_with_files(
    ctx: &RequestContext<'_>,
    author: &User,
    room: &Room,
    chat: &ChatWithFiles,
) -> Result<PostedChat> {
    check_author(ctx, author, chat).await?;
    if !chat.session.is_empty() && !Session::goes_on(&ctx.db, author, &chat.session).await? {
        return Err(Error::Forbidden);
    }
    check_files(&chat.files)?;
    let parse = if chat.files.is_empty() { ChatText::parse } else { ChatText::parse_beside_files };
    let text = parse(&chat.text).map_err(|error| Error::field("text", error))?;
    let nonce = Nonce::parse(&chat.nonce).map_err(|error| Error::field("nonce", error))?;
    let people: Result<Vec<UserId>, ()> = chat.mention.iter().map(|id| id.parse()).collect();
    let people = people.map_err(|()| Error::field("mention", FieldError::People))?;
    let mut input = ChatInput::in_room(text, room, picked(&people)?);
    if !chat.files.is_empty() {
        input = input.with_files(NewFiles { files: &chat.files, quota: ctx.settings().files.user_bytes });
    }
    let posted = room.log(&ctx.db).post(author, input, nonce).await?;
    // As for a text: a retry cannot be told from a new chat.
    if posted.is_duplicate && posted.chat.removed && chat.form {
        return Err(Error::field("nonce", FieldError::NonceUsed));
    }
    if !posted.is_duplicate {
        ctx.hub.has_said(room, author, posted.chat.no);
    }
    Ok(posted)
}

/// Rejects a form that stood on the page of another user.
async fn check_author(ctx: &RequestContext<'_>, author: &User, chat: &ChatWithFiles) -> Result<()> {
    let Some(named) = chat.author.as_deref().filter(|named| *named != author.id.to_string()) else { return Ok(()) };
    let nickname = match named.parse() {
        Ok(id) => User::find(&ctx.db, id).await.ok().map(|user| user.nickname.as_str().to_owned()),
        Err(()) => None,
    };
    Err(Error::WrongAuthor { nickname })
}

/// Bounds what is stored of files. The file server sends no others.
fn check_files(files: &[Attachment]) -> Result<()> {
    let is_valid = |file: &Attachment| {
        let is_line = !file.name.is_empty() && !file.name.chars().any(char::is_control);
        is_line
            && file.name.len() <= MAX_NAME_BYTES
            && file.alt.as_ref().is_none_or(|alt| alt.len() <= MAX_ALT_BYTES)
            && file.media_type.len() <= MAX_TYPE_BYTES
            && file.bytes >= 0
            && (1..=MAX_FILES_PER_CHAT as i32).contains(&file.n)
    };
    let numbers: HashSet<i32> = files.iter().map(|file| file.n).collect();
    let names: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let is_unique = numbers.len() == files.len() && names.len() == files.len();
    if files.len() <= MAX_FILES_PER_CHAT && is_unique && files.iter().all(is_valid) {
        Ok(())
    } else {
        Err(Error::BadRequest)
    }
}

fn redirect(ctx: &RequestContext<'_>, file: &Attachment, small: bool) -> Result<FileRedirect> {
    let mut url = ctx.images_url().ok_or(Error::Misdirected)?;
    let is_picture = file.kind == AttachmentKind::Picture;
    let variant = FileVariant { name: file.path.clone(), is_small: small && is_picture };
    let claims = DownloadClaims {
        name: file.name.clone(),
        media_type: file.media_type.clone(),
        inline: file.kind != AttachmentKind::File && ctx.query_text("download").is_none(),
    };
    let expiry = (ticket::now() / URL_PERIOD + 2) * URL_PERIOD;
    let secret = ctx.images.secret();
    let ticket = secret.ticket_with_claims(Purpose::DownloadFile, &variant.to_string(), &claims, expiry);
    url.set_path(&variant.name.path(variant.is_small));
    url.query_pairs_mut().append_pair("ticket", &ticket.map_err(|error| Error::Internal(error.to_string()))?);
    Ok(FileRedirect {
        body: (),
        location: Header::new("Location", url.to_string()),
        caching: Header::new("Cache-Control", "private, no-cache"),
    })
}
