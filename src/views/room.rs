//! Rooms, as pages show them.

use std::sync::Arc;

use serde::Serialize;

use super::error::Messages;
use super::user::Me;
use super::{Locale, Rendered, Views, text, time};
use crate::error::Result;
use crate::models;
use crate::models::values::Nickname;
use crate::models::{RoomId, User, UserId};
use crate::store::Database;

/// The most characters that a list shows of a chat.
const EXCERPT: usize = 80;

/// The main page.
#[derive(Serialize)]
pub struct Rooms {
    /// Who reads it.
    pub me: Me,
    /// One page of them.
    pub rooms: Vec<Listed>,
    /// What to ask `page` for the page before this one.
    pub previous: Option<String>,
    /// What to ask `page` for the page after this one.
    pub next: Option<String>,
    /// Makes a repeated request create one room.
    pub nonce: String,
    /// What was typed into the form for a new room.
    pub typed: Typed,
}

/// One room.
#[derive(Serialize)]
pub struct Room {
    id: String,
    name: String,
    topic: String,
    owner: String,
    /// How many chats were said in it, as far as this site has seen.
    chats: i64,
    /// When something last happened in it; RFC 3339.
    last: Option<String>,
    /// Whether the reader may change and close it.
    mine: bool,
}

/// One room in the list of them.
#[derive(Serialize)]
pub struct Listed {
    #[serde(flatten)]
    room: Room,
    #[serde(flatten)]
    glance: Glance,
}

/// What the list says about a room besides its name.
#[derive(Serialize)]
pub struct Glance {
    /// The last chat that is not removed, if that is known.
    pub said: Option<Said>,
    /// How many people are there.
    pub here: usize,
}

/// A chat on one line.
#[derive(Serialize)]
pub struct Said {
    seq: i64,
    author: String,
    /// `None` when the author is gone.
    nickname: Option<String>,
    excerpt: String,
    /// RFC 3339, in UTC, with milliseconds.
    at: String,
}

/// The same before its author's name is joined.
pub struct Excerpt {
    /// Who said it.
    pub author: UserId,
    seq: i64,
    /// At most [`EXCERPT`] characters.
    text: String,
    at: String,
}

/// A room beside the one that is read.
#[derive(Serialize)]
pub struct Neighbour {
    id: String,
    name: String,
    /// Whether it is the one that is read.
    current: bool,
    /// How many people are there.
    here: usize,
}

/// What was typed about a room, and what is wrong with it.
#[derive(Default, Serialize)]
pub struct Typed {
    /// As typed.
    pub name: String,
    /// As typed.
    pub topic: String,
    /// By field.
    pub faults: Messages,
}

/// A room's page.
#[derive(Serialize)]
pub struct Show {
    /// The state of its connection, which its script will know.
    pub state: &'static str,
    /// Who reads it.
    pub me: Me,
    /// The first rooms of the list, in its order.
    pub rooms: Vec<Neighbour>,
    /// Which room.
    pub room: Room,
    /// The feed's cursor.
    pub upto: i64,
    /// The chats' elements.
    pub elements: String,
    /// What to ask `before` for the page before this one.
    pub before: Option<i64>,
    /// Whether this is not the latest page.
    pub past: bool,
    /// The element that says who is here.
    pub presence: String,
    /// The element that says who types.
    pub typing: String,
    /// What was typed into the composer.
    pub composer: Composer,
    /// What was typed into the form that changes the room.
    pub typed: Typed,
}

/// The form that says something.
#[derive(Default, Serialize)]
pub struct Composer {
    /// As typed.
    pub text: String,
    /// New, or the one of the text that is typed.
    pub nonce: String,
    /// By field.
    pub faults: Messages,
}

/// One chat on a page of its own.
#[derive(Serialize)]
pub struct Permalink {
    /// Who reads it.
    pub me: Me,
    /// Where it was said.
    pub room: Room,
    /// The page of the room that shows it.
    pub before: i64,
    /// The chat's number.
    pub seq: i64,
    /// Whether it was removed.
    pub removed: bool,
    /// Whether the reader may edit it.
    pub editable: bool,
    /// Whether the reader may remove it.
    pub removable: bool,
    /// The chat's element.
    pub element: String,
    /// What stands in the form that edits it.
    pub text: String,
    /// By field.
    pub faults: Messages,
}

impl Room {
    /// A room as `reader` sees it.
    pub fn new(room: &models::Room, db: &Database, reader: &User) -> Self {
        Self {
            id: room.id.to_string(),
            name: room.name.as_str().to_owned(),
            topic: room.topic.as_str().to_owned(),
            owner: room.owner.to_string(),
            chats: room.chat_count(db),
            last: room.last_at(db).map(time::rfc3339),
            mine: room.can_manage(reader),
        }
    }
}

impl Listed {
    /// A room, and what the list says about it.
    pub fn new(room: Room, glance: Glance) -> Self {
        Self { room, glance }
    }
}

impl Excerpt {
    /// A chat on one line.
    pub fn of(chat: &models::Chat) -> Self {
        let (text, at) = (text::excerpt(&chat.text, EXCERPT), time::rfc3339(chat.at));
        Self { author: chat.author, seq: chat.seq, text, at }
    }

    /// Returns about how many bytes it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.text.len() + self.at.len()
    }
}

impl Said {
    /// Joins a chat with its author's nickname.
    pub fn new(excerpt: &Excerpt, nickname: Option<&Nickname>) -> Self {
        Self {
            seq: excerpt.seq,
            author: excerpt.author.to_string(),
            nickname: nickname.map(|nickname| nickname.as_str().to_owned()),
            excerpt: excerpt.text.clone(),
            at: excerpt.at.clone(),
        }
    }
}

impl Neighbour {
    /// A room with `here` people, beside the room `current`.
    pub fn new(room: &models::Room, current: RoomId, here: usize) -> Self {
        let (id, name) = (room.id.to_string(), room.name.as_str().to_owned());
        Self { id, name, current: room.id == current, here }
    }
}

/// A room as one endless page; what comes is written behind it.
#[derive(Serialize)]
pub struct Stream {
    /// The colours that its reader chose.
    pub theme: Option<&'static str>,
    /// Which room.
    pub room: Room,
    /// The feed's cursor.
    pub upto: i64,
    /// The latest chats' elements.
    pub elements: String,
}

/// A few people by name.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct People {
    /// Those who are named.
    pub people: Vec<Person>,
    /// How many there are.
    pub count: usize,
}

/// One of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Person {
    /// As shown.
    pub nickname: String,
    /// The opaque id.
    pub id: String,
}

/// Who is here.
pub type Presence = Rendered<People>;

/// Who types.
pub type Typing = Rendered<People>;

/// The element that says who is here.
///
/// # Errors
/// `Internal` when the template does not fit.
pub fn presence(presence: &Presence, views: &Views, locale: Locale) -> Result<Arc<str>> {
    presence.html(locale, |people| views.render("rooms/_presence.html.tera", locale, people))
}

/// The element that says whether new chats come.
///
/// # Errors
/// `Internal` when the template does not fit.
pub fn connection(is_there: bool, views: &Views, locale: Locale) -> Result<Arc<str>> {
    #[derive(Serialize)]
    struct Connection {
        state: &'static str,
    }
    let state = if is_there { "connected" } else { "reconnecting" };
    views.render("rooms/_connection.html.tera", locale, &Connection { state }).map(Arc::from)
}

/// What ends every piece of a room's endless page: it shows itself when no other one follows.
///
/// # Errors
/// `Internal` when the template does not fit.
pub fn lost(room: RoomId, views: &Views, locale: Locale) -> Result<String> {
    #[derive(Serialize)]
    struct Lost {
        room: String,
    }
    views.render("chats/_lost.html.tera", locale, &Lost { room: room.to_string() })
}

/// The element that says who types.
///
/// # Errors
/// `Internal` when the template does not fit.
pub fn typing(typing: &Typing, views: &Views, locale: Locale) -> Result<Arc<str>> {
    typing.html(locale, |people| views.render("rooms/_typing.html.tera", locale, people))
}
