//! Chats: saying something, changing it, and reading what was said.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream as Pieces, StreamExt};
use rocket::http::{ContentType, Status};
use rocket::response::stream::ByteStream;
use rocket::{FromForm, Route, State, delete, get, post, put, routes};
use tokio::time::timeout;

use super::answer::{Answer, Unbuffered};
use super::form::{Nothing, Sent};
use super::param::{Asked, Number};
use super::room::{self, Draft};
use super::visitor::{Reader, SignedIn, Visitor};
use crate::error::{Error, Fault, Faults, Result};
use crate::limits::Limits;
use crate::live::Hub;
use crate::live::no_script::{self, StreamReader};
use crate::models::user::Theme;
use crate::models::values::{ChatText, Nonce};
use crate::models::{self, Chat, RoomId, RoomLog};
use crate::store::{Database, with_timeout};
use crate::views::chat::{Article, Feed, Fragment};
use crate::views::error::{Messages, messages};
use crate::views::room::{Composer, Permalink, Room, Stream, lost};
use crate::views::user::Me;

/// The longest that a reader may wait for news, in seconds.
const WAIT: i64 = 30;

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![index, follow, create, show, update, destroy]
}

/// What is typed into the composer.
#[derive(FromForm)]
struct Words<'r> {
    #[field(default = "")]
    text: &'r str,
    #[field(default = "")]
    nonce: &'r str,
}

impl Words<'_> {
    fn checked(&self) -> Result<(ChatText, Nonce)> {
        let mut faults = Faults::default();
        let text = faults.check("text", ChatText::parse(self.text));
        let nonce = faults.check("nonce", Nonce::parse(self.nonce));
        match (text, nonce) {
            (Some(text), Some(nonce)) => Ok((text, nonce)),
            _ => Err(Error::Invalid(faults)),
        }
    }

    /// The composer again: the text as typed, and its nonce unless that is what is wrong.
    fn composer(&self, faults: &Faults, visitor: &Visitor<'_>) -> Result<Composer> {
        let nonce = match faults.0.iter().any(|(field, _)| *field == "nonce") {
            true => Nonce::random()?.as_str().to_owned(),
            false => self.nonce.to_owned(),
        };
        Ok(Composer { text: self.text.into(), nonce, faults: messages(faults, visitor.locale()) })
    }
}

/// What is typed to edit a chat. Without a text the chat stays as it is.
#[derive(FromForm)]
struct Edit<'r> {
    text: Option<&'r str>,
}

/// What part of a room to read.
#[derive(FromForm)]
struct Window<'r> {
    before: Asked<'r>,
    since: Asked<'r>,
    wait: Asked<'r>,
}

/// Chats, in a fragment: the latest, those before a chat number, or those after an entry.
#[get("/room/<id>/chat?<window..>")]
async fn index(
    id: RoomId,
    window: Window<'_>,
    who: &SignedIn,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
) -> Result<Unbuffered<Answer>> {
    let room = who.user.room(db, id).await?;
    let (before, since) = (window.before.number("before", 1)?, window.since.number("since", 0)?);
    let wait = window.wait.number("wait", 0)?.filter(|_| since.is_some());
    if before.is_some() && since.is_some() {
        return Err(Error::field("before", Fault::Number));
    }
    let Some(since) = since else {
        return fragment(&visitor, &hub.page(&room, before).await?.fragment).map(Unbuffered);
    };
    let mut feed = hub.feed(&room, Some(since)).await?;
    let mut news = with_timeout(feed.poll()).await??;
    if let (None, Some(wait)) = (&news, wait) {
        let held = hub.sessions.register(who.session.id.clone());
        news = tokio::select! {
            news = timeout(Duration::from_secs(wait.min(WAIT) as u64), feed.next()) => news.ok().transpose()?,
            () = held.ended() => return Err(Error::SignedOut),
            () = hub.shutdown() => None,
        };
        if news.is_none() {
            return Ok(Unbuffered(Answer::no_content()));
        }
    }
    if news.as_ref().is_some_and(|news| news.view.closed) {
        return Err(Error::NotFound);
    }
    let nothing = || Arc::new(Fragment::new(Feed { articles: Vec::new(), upto: since, closed: false }));
    fragment(&visitor, &news.unwrap_or_else(nothing)).map(Unbuffered)
}

/// An endless page of the latest chats and of all that come, for browsers without script.
#[get("/room/<id>/chat?stream")]
async fn follow(
    id: RoomId,
    who: &SignedIn,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
) -> Result<(ContentType, Unbuffered<ByteStream<impl Pieces<Item = Vec<u8>> + use<>>>)> {
    let room = who.user.room(db, id).await?;
    // Subscribed before the page is read: what comes between the two comes again.
    let (live, page) = (hub.open(&room).await?, hub.page(&room, None).await?);
    let page = &page.fragment.view;
    let feed = hub.feed(&room, Some(page.upto)).await?;
    let first = page.articles.first().map_or(page.upto + 1, |article| article.view.seq);
    let (views, locale, mut day) = (visitor.views()?, visitor.locale(), None);
    let view = Stream {
        theme: who.user.theme.map(Theme::as_str),
        room: Room::new(&room, db, &who.user),
        upto: page.upto,
        elements: page.elements(views, locale, &mut day)?,
    };
    let lost = lost(id, views, locale)?;
    let head = views.render("chats/stream.html.tera", locale, &view)? + &lost;
    let reader = StreamReader { user: who.user.clone(), session: who.session.clone(), locale, day, lost };
    let chunks = no_script::stream_page(head, feed, first, reader, Arc::clone(hub)).map(String::into_bytes);
    drop(live);
    Ok((ContentType::HTML, Unbuffered(ByteStream(chunks))))
}

/// Says something.
#[post("/room/<id>/chat", data = "<form>")]
async fn create(
    id: RoomId,
    form: Sent<Words<'_>>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
    limits: &State<Limits>,
) -> Result<Answer> {
    let who = visitor.signed_in().await?;
    limits.chats.check(who.user.id, visitor.address())?;
    let room = who.user.room(db, id).await?;
    let said = async {
        let (text, nonce) = form.checked()?;
        let said = room.log(db).post(&who.user, text, nonce).await?;
        // Of what was removed nobody knows any more whether it was the same: a person decides, a page goes by the nonce.
        if said.is_duplicate && said.chat.removed && !visitor.wants_json() {
            return Err(Error::field("nonce", Fault::NonceUsed));
        }
        Ok(said)
    };
    match said.await {
        Ok(said) if visitor.wants_json() => {
            let status = if said.is_duplicate { Status::Ok } else { Status::Created };
            Ok(json(said.chat, hub).await?.with_status(status))
        }
        Ok(said) => Ok(Answer::see_other(format!("{}#chat-{}", room::path(id), said.chat.seq))),
        Err(Error::Invalid(faults)) if !visitor.wants_json() => {
            let draft = Draft { composer: Some(form.composer(&faults, &visitor)?), ..Draft::default() };
            let page = room::page(&who, &visitor, db, hub, &room, draft).await?;
            Ok(page.with_status(Status::UnprocessableEntity))
        }
        Err(error) => Err(error),
    }
}

/// One chat on a page of its own.
#[get("/room/<id>/chat/<seq>")]
async fn show(
    id: RoomId,
    seq: Number,
    who: Reader,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
) -> Result<Answer> {
    let room = who.user.room(db, id).await?;
    let chat = room.log(db).chat(seq.0).await?;
    match visitor.wants_json() {
        true => json(chat, hub).await,
        false => page(&who, &visitor, db, hub, &room, chat, None).await,
    }
}

/// Gives a chat another text.
#[put("/room/<id>/chat/<seq>", data = "<form>")]
async fn update(
    id: RoomId,
    seq: Number,
    form: Sent<Edit<'_>>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
    limits: &State<Limits>,
) -> Result<Answer> {
    let who = visitor.signed_in().await?;
    limits.edits.check(who.user.id, visitor.address())?;
    let room = who.user.room(db, id).await?;
    let edited = async {
        let Some(text) = form.text else { return room.log(db).editable(&who.user, seq.0).await };
        let text = ChatText::parse(text).map_err(|fault| Error::field("text", fault))?;
        room.log(db).edit(&who.user, seq.0, text).await
    };
    match edited.await {
        Ok(chat) if visitor.wants_json() => Ok(json(chat, hub).await?),
        Ok(chat) => Ok(Answer::see_other(path_in_room(&room.log(db), &chat))),
        Err(Error::Invalid(faults)) if !visitor.wants_json() => {
            let (chat, typed) = (room.log(db).chat(seq.0).await?, form.text.unwrap_or_default());
            let page = page(&who, &visitor, db, hub, &room, chat, Some((typed, &faults))).await?;
            Ok(page.with_status(Status::UnprocessableEntity))
        }
        Err(error) => Err(error),
    }
}

/// Removes a chat.
#[delete("/room/<id>/chat/<seq>", data = "<_form>")]
async fn destroy(
    id: RoomId,
    seq: Number,
    _form: Sent<Nothing>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
    limits: &State<Limits>,
) -> Result<Answer> {
    let who = visitor.signed_in().await?;
    limits.edits.check(who.user.id, visitor.address())?;
    let room = who.user.room(db, id).await?;
    let chat = room.log(db).remove(&who.user, seq.0).await?;
    // Once this is answered nobody is handed what it said.
    if let Some(live) = hub.get(id) {
        live.wait_until(chat.rev).await;
    }
    match visitor.wants_json() {
        true => Ok(Answer::no_content()),
        // Nothing is left to be looked at.
        false => Ok(Answer::see_other(page_in_room(&room.log(db), &chat))),
    }
}

/// One chat's own page, with what was typed into it.
async fn page(
    who: &SignedIn,
    visitor: &Visitor<'_>,
    db: &Database,
    hub: &Hub,
    room: &models::Room,
    chat: Chat,
    typed: Option<(&str, &Faults)>,
) -> Result<Answer> {
    let (text, faults) = match typed {
        Some((text, faults)) => (text.to_owned(), messages(faults, visitor.locale())),
        None => (chat.text.clone(), Messages::default()),
    };
    let (seq, before, removed) = (chat.seq, chat.no + 1, chat.removed);
    let (editable, removable) = (chat.can_edit(&who.user), chat.can_remove(&who.user));
    let feed = Feed { articles: vec![article(chat, hub).await?], upto: seq, closed: false };
    let view = Permalink {
        me: Me::from(&who.user),
        room: Room::new(room, db, &who.user),
        before,
        seq,
        removed,
        editable: editable && !removed,
        removable: removable && !removed,
        element: feed.elements(visitor.views()?, visitor.locale(), &mut None)?,
        text,
        faults,
    };
    Answer::page(visitor, "chats/show.html.tera", &view)
}

/// The page of its room that a chat is on: the latest one, or the one that ends with it.
fn page_in_room(log: &RoomLog, chat: &Chat) -> String {
    let before = if log.is_on_older_page(chat) { format!("?before={}", chat.no + 1) } else { String::new() };
    format!("{}{before}", room::path(chat.room))
}

/// A chat's place on that page.
fn path_in_room(log: &RoomLog, chat: &Chat) -> String {
    format!("{}#chat-{}", page_in_room(log, chat), chat.seq)
}

async fn json(chat: Chat, hub: &Hub) -> Result<Answer> {
    Answer::json(&article(chat, hub).await?.view)
}

async fn article(chat: Chat, hub: &Hub) -> Result<Arc<Article>> {
    hub.with_authors(vec![chat]).await?.pop().ok_or(Error::NotFound)
}

fn fragment(visitor: &Visitor<'_>, fragment: &Fragment) -> Result<Answer> {
    match visitor.wants_json() {
        true => Answer::json(&fragment.view.json()),
        false => Ok(Answer::fragment(&fragment.element(visitor.views()?, visitor.locale())?)),
    }
}
