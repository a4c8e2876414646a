//! A room's page, and the page of one chat.

use serde::Serialize;

use super::{RoomFormValues, RoomView};
use crate::models::{Room, UserId};
use crate::views::file::FileView;
use crate::views::form::FieldMessages;

/// Pictures of a direct room with several people.
const MAX_PICTURES: usize = 2;

#[derive(Serialize)]
pub struct RoomPage {
    /// Empty until the page's script is connected.
    pub connection_state: &'static str,
    pub room: RoomView,
    pub upto: i64,
    pub elements: String,
    /// The `before` parameters of the pages before and after this one.
    pub before: Option<i64>,
    pub newer: Option<i64>,
    /// Whether the page was asked for by a number, so that it does not stream without script.
    pub is_history: bool,
    /// How many people are online.
    pub online: usize,
    /// The elements of the people online and typing.
    pub presence: String,
    pub typing: String,
    pub composer: ComposerValues,
    /// `None` if the file server has no address for this client.
    pub attach: Option<AttachForm>,
    /// The code of an upload that failed.
    pub upload_error: Option<&'static str>,
    pub form: RoomFormValues,
    /// `None` for a room that is not direct.
    pub direct: Option<DirectView>,
    /// `None` on a page that answers a form.
    pub reading: Option<ReadingView>,
}

/// The people of a direct room, for one of them.
#[derive(PartialEq, Serialize)]
pub struct DirectView {
    /// The others whose pictures are shown. The reader in a room of notes.
    pictures: Vec<String>,
    /// How many people it has, with the reader.
    size: usize,
}

impl DirectView {
    pub(crate) fn new(room: &Room, reader: UserId) -> Self {
        let pictures = room.others(reader).iter().take(MAX_PICTURES).map(UserId::to_string).collect();
        Self { pictures, size: room.people.len() }
    }
}

/// What the reader has read of the room.
#[derive(Serialize)]
pub struct ReadingView {
    pub read: i64,
    pub rev: i64,
    /// Whether something was said since.
    pub unread: bool,
}

#[derive(Default, Serialize)]
pub struct ComposerValues {
    pub text: String,
    pub nonce: String,
    pub errors: FieldMessages,
}

/// The form that sends files to the file server.
#[derive(Serialize)]
pub struct AttachForm {
    pub action: String,
    pub ticket: String,
    pub nonce: String,
    /// The largest picture and the largest other file.
    pub picture_bytes: u64,
    pub file_bytes: u64,
}

/// The page of one chat, with the forms that edit and remove it.
#[derive(Serialize)]
pub struct ChatPage {
    pub room: RoomView,
    pub no: i64,
    pub seq: i64,
    pub removed: bool,
    pub can_edit: bool,
    pub can_remove: bool,
    pub element: String,
    /// What an edit can take away.
    pub files: Vec<FileView>,
    pub text: String,
    pub errors: FieldMessages,
}
