//! The list of rooms, and the short one beside a room.

use serde::Serialize;

use super::RoomView;
use crate::models;
use crate::models::UserId;
use crate::models::values::Nickname;
use crate::views::form::FieldMessages;
use crate::views::{markup, time};

const EXCERPT_CHARACTERS: usize = 80;

#[derive(Default, Serialize)]
pub struct RoomsPage {
    /// The filter as typed; empty for all rooms.
    pub query: String,
    /// The name of the room that was just deleted.
    pub deleted: Option<String>,
    /// The end of the key of what the page says at first.
    pub list_notice: Option<&'static str>,
    /// The `page` parameters of the pages before and after this one.
    pub previous: Option<String>,
    pub next: Option<String>,
    /// Makes a repeated request create one room.
    pub nonce: String,
    pub form: RoomFormValues,
}

#[derive(Default, Serialize)]
pub struct RoomFormValues {
    pub name: String,
    pub topic: String,
    /// Empty for the default.
    pub kind: String,
    pub errors: FieldMessages,
}

#[derive(Serialize)]
pub struct RoomListItem {
    #[serde(flatten)]
    room: RoomView,
    #[serde(flatten)]
    summary: RoomSummary,
}

/// A room's activity. The JSON calls `last_chat` "said", and `online` "here".
#[derive(Serialize)]
pub struct RoomSummary {
    #[serde(rename = "said")]
    pub last_chat: Option<LastChatView>,
    #[serde(rename = "here")]
    pub online: usize,
}

/// A chat on one line.
#[derive(PartialEq, Serialize)]
pub struct LastChatView {
    seq: i64,
    author: String,
    /// `None` for a deleted user.
    nickname: Option<String>,
    excerpt: String,
    pub(super) at: String,
}

/// A chat on one line, without its author's nickname.
pub struct Excerpt {
    pub author: UserId,
    seq: i64,
    text: String,
    at: String,
}

impl From<(RoomView, RoomSummary)> for RoomListItem {
    fn from((room, summary): (RoomView, RoomSummary)) -> Self {
        Self { room, summary }
    }
}

impl Excerpt {
    pub fn new(chat: &models::Chat) -> Self {
        let (text, at) = (markup::excerpt(&chat.text, EXCERPT_CHARACTERS), time::rfc3339(chat.at));
        Self { author: chat.author, seq: chat.seq, text, at }
    }

    /// Returns about how many bytes it occupies.
    pub fn approximate_size(&self) -> usize {
        size_of::<Self>() + self.text.len() + self.at.len()
    }
}

impl LastChatView {
    /// Returns about how many bytes it occupies beside the struct.
    pub fn approximate_size(&self) -> usize {
        self.author.len() + self.nickname.as_ref().map_or(0, String::len) + self.excerpt.len() + self.at.len()
    }

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
