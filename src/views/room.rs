//! Rooms, as pages and JSON show them.

mod item;
mod list;
mod members;
mod page;
mod presence;
mod stream;
mod title;
mod unread;

use mongodb::bson::DateTime;
use serde::Serialize;

use std::collections::HashMap;

use super::{Locale, time};
use crate::models::values::Nickname;
use crate::models::{self, UserId};

pub(crate) use item::own_room_changes;
pub use item::{RoomChange, RoomChanges, RoomItem, RoomItemView, room_changes, room_items};
pub use list::{Excerpt, LastChatView, RoomFormValues, RoomListItem, RoomSummary, RoomsPage};
pub use members::{MemberView, MembersPage};
pub use page::{ChatPage, ComposerValues, DirectView, ReadingView, RoomPage};
pub use presence::{People, Person, presence, typing};
pub use stream::{StreamPage, connection, disconnected_notice};
pub(crate) use title::room_title;
pub use unread::Unread;
pub(crate) use unread::{unread_element, with_unread_line};

/// Nicknames by user, `None` for deleted accounts.
pub(crate) type Nicknames = HashMap<UserId, Option<Nickname>>;

/// One room. The JSON calls `can_manage` "mine", and `last_at` "last".
#[derive(Serialize)]
pub struct RoomView {
    id: String,
    name: String,
    kind: &'static str,
    topic: String,
    owner: String,
    chats: i64,
    #[serde(rename = "last")]
    last_at: Option<String>,
    #[serde(rename = "mine")]
    can_manage: bool,
}

/// Returns the name of a direct room for one of its people: the others' nicknames, without deleted accounts.
pub fn direct_room_name(room: &models::Room, reader: UserId, names: &Nicknames, locale: Locale) -> String {
    let others = room.others(reader);
    if others == [reader] {
        return locale.text("notes-to-self");
    }
    let known = others.iter().filter_map(|user| Some(names.get(user)?.as_ref()?.as_str()));
    let name = known.collect::<Vec<_>>().join(", ");
    if name.is_empty() { locale.text("deleted-user") } else { name }
}

impl RoomView {
    /// Shows a room with its name for the reader, the number of its chats and the time of its last entry.
    pub fn new(
        room: &models::Room,
        name: String,
        reader: &models::User,
        (chats, last_at): (i64, Option<DateTime>),
    ) -> Self {
        Self {
            id: room.id.to_string(),
            name,
            kind: room.kind.as_str(),
            topic: room.topic.as_str().to_owned(),
            owner: room.owner.to_string(),
            chats,
            last_at: last_at.map(time::rfc3339),
            can_manage: room.can_manage(reader),
        }
    }
}
