//! The name and the topic of a room, as sockets send them.

use std::sync::Arc;

use crate::models::Room;
use crate::models::room::RoomKind;
use crate::views::markup::escape;

/// Renders the element `#room-title`. A direct room has none: its name differs by reader, and lists tell it.
pub(crate) fn room_title(room: &Room) -> Option<Arc<str>> {
    if room.kind == RoomKind::Direct {
        return None;
    }
    let mut element = String::from("<i id=\"room-title\" data-name=\"");
    escape(&mut element, room.name.as_str());
    element.push_str("\" data-topic=\"");
    escape(&mut element, room.topic.as_str());
    element.push_str("\"></i>");
    Some(element.into())
}
