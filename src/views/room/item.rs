//! A room as an item of the list: the same element on all pages and for all readers of a language.

use std::sync::Arc;

use mongodb::bson::DateTime;
use serde::Serialize;

use super::{LastChatView, RoomSummary};
use crate::error::Result;
use crate::models::{Room, RoomId};
use crate::views::{Locale, PerLocale, Views, picture, time};

/// The start of the link to the room.
const LINK: &str = "<a ";

#[derive(PartialEq, Serialize)]
pub struct RoomItemView {
    #[serde(skip)]
    pub room: RoomId,
    id: String,
    name: String,
    topic: String,
    initial: String,
    colour: &'static str,
    /// The last activity in milliseconds. Lists are ordered by it.
    active: i64,
    /// The time of the last chat, or of the last activity without one.
    at: String,
    last_chat: Option<LastChatView>,
    online: usize,
}

pub type RoomItem = PerLocale<RoomItemView>;

/// A change of the list, as sockets send it.
#[derive(Clone)]
pub enum RoomChange {
    Shown(Arc<RoomItem>),
    Closed(RoomId),
}

/// Changes that are sent together.
pub struct RoomChanges {
    pub changes: Vec<RoomChange>,
    /// The cursor behind the last change.
    pub upto: String,
    /// These are the first rooms of the list, whatever the page has seen.
    pub is_snapshot: bool,
}

impl RoomItemView {
    /// Shows a room with the time of its last activity in milliseconds.
    pub fn new(room: &Room, active: i64, summary: RoomSummary) -> Self {
        let id = room.id.to_string();
        let at = match &summary.last_chat {
            Some(chat) => chat.at.clone(),
            None => time::rfc3339(DateTime::from_millis(active)),
        };
        Self {
            room: room.id,
            name: room.name.as_str().to_owned(),
            topic: room.topic.as_str().to_owned(),
            initial: room.name.initial().to_owned(),
            colour: picture::colour(&id),
            active,
            at,
            last_chat: summary.last_chat,
            online: summary.online,
            id,
        }
    }
}

impl RoomChange {
    pub fn room(&self) -> RoomId {
        match self {
            Self::Shown(item) => item.room,
            Self::Closed(room) => *room,
        }
    }
}

impl RoomItem {
    /// Returns about how many bytes it occupies without its HTML.
    pub fn approximate_size(&self) -> usize {
        let last_chat = self.last_chat.as_ref().map_or(0, LastChatView::approximate_size);
        size_of::<Self>() + self.name.len() + self.topic.len() + self.id.len() + self.at.len() + last_chat
    }

    pub fn element(&self, views: &Views, locale: Locale) -> Result<Arc<str>> {
        self.get_or_render(locale, |item| views.render("rooms/_room_item.html.tera", locale, item))
    }
}

/// Renders the items of a page. The current room differs by page, so its mark is no part of the shared rendering.
pub fn room_items(items: &[Arc<RoomItem>], current: Option<RoomId>, views: &Views, locale: Locale) -> Result<String> {
    let mut elements = String::new();
    for item in items {
        let element = item.element(views, locale)?;
        match element.split_once(LINK) {
            Some((start, link)) if current == Some(item.room) => {
                elements.extend([start, LINK, "aria-current=\"page\" ", link]);
            }
            _ => elements.push_str(&element),
        }
    }
    Ok(elements)
}

/// Renders the element that sockets send. It is `#rooms-changes`.
pub fn room_changes(changes: &PerLocale<RoomChanges>, views: &Views, locale: Locale) -> Result<Arc<str>> {
    changes.get_or_render(locale, |changes| {
        let snapshot = if changes.is_snapshot { " data-snapshot" } else { "" };
        let mut element = format!("<ul id=\"rooms-changes\" data-upto=\"{}\"{snapshot}>", changes.upto);
        for change in &changes.changes {
            match change {
                RoomChange::Shown(item) => element.push_str(&item.element(views, locale)?),
                RoomChange::Closed(room) => element.push_str(&format!("<li id=\"room-{room}\" hidden></li>")),
            }
        }
        element.push_str("</ul>");
        Ok(element)
    })
}
