//! Rooms, as pages and JSON show them.

mod item;
mod list;
mod page;
mod presence;
mod stream;

use mongodb::bson::DateTime;
use serde::Serialize;

use super::time;
use crate::models;

pub use item::{RoomChange, RoomChanges, RoomItem, RoomItemView, room_changes, room_items};
pub use list::{Excerpt, LastChatView, RoomFormValues, RoomListItem, RoomSummary, RoomsPage};
pub use page::{ChatPage, ComposerValues, RoomPage};
pub use presence::{People, Person, presence, typing};
pub use stream::{StreamPage, connection, disconnected_notice};

/// One room. The JSON calls `can_manage` "mine", and `last_at` "last".
#[derive(Serialize)]
pub struct RoomView {
    id: String,
    name: String,
    topic: String,
    owner: String,
    chats: i64,
    #[serde(rename = "last")]
    last_at: Option<String>,
    #[serde(rename = "mine")]
    can_manage: bool,
}

impl RoomView {
    /// Shows a room with the number of its chats and the time of its last entry.
    pub fn new(room: &models::Room, reader: &models::User, chats: i64, last_at: Option<DateTime>) -> Self {
        Self {
            id: room.id.to_string(),
            name: room.name.as_str().to_owned(),
            topic: room.topic.as_str().to_owned(),
            owner: room.owner.to_string(),
            chats,
            last_at: last_at.map(time::rfc3339),
            can_manage: room.can_manage(reader),
        }
    }
}
