//! A room as an item of the list: the same element on all pages and for all readers of a language.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::DateTime;
use serde::Serialize;

use super::{DirectView, LastChatView, RoomSummary, Unread};
use crate::error::Result;
use crate::models::room::RoomKind;
use crate::models::values::initial;
use crate::models::{Room, RoomId};
use crate::views::{Locale, PerLocale, Views, picture, time};

/// The start of the link to the room.
const LINK: &str = "<a ";
const LINK_END: &str = "</a>";

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
    /// `None` for a room that is not direct.
    direct: Option<DirectView>,
    /// Whether only members see the room.
    is_closed: bool,
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
            direct: None,
            is_closed: room.kind == RoomKind::Closed,
            id,
        }
    }

    /// Shows a direct room to one of its people.
    pub(crate) fn of_direct(self, name: String, direct: DirectView) -> Self {
        let initial = initial(&name).to_owned();
        Self { name, initial, direct: Some(direct), ..self }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn active(&self) -> i64 {
        self.active
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

/// Renders the items of a page. The mark of the current room and the counts of unread chats differ by page, so they are
/// no part of the shared rendering.
pub fn room_items(
    items: &[Arc<RoomItem>],
    current: Option<RoomId>,
    unread: &HashMap<RoomId, Unread>,
    views: &Views,
    locale: Locale,
) -> Result<String> {
    let mut elements = String::new();
    for item in items {
        let element = item.element(views, locale)?;
        let (start, rest) = element.split_once(LINK).unwrap_or((&element, ""));
        let (link, end) = rest.rsplit_once(LINK_END).unwrap_or((rest, ""));
        let mark = if current == Some(item.room) { "aria-current=\"page\" " } else { "" };
        let count = unread.get(&item.room).map_or("", |unread| unread.element.as_str());
        elements.extend([start, LINK, mark, link, count, LINK_END, end]);
    }
    Ok(elements)
}

/// Renders changes of rooms that only one user is told of, as the element `id`.
pub(crate) fn own_room_changes(
    id: &str,
    shown: &[Arc<RoomItem>],
    gone: &[RoomId],
    views: &Views,
    locale: Locale,
) -> Result<String> {
    let mut element = format!("<ul id=\"{id}\">");
    for item in shown {
        element.push_str(&item.element(views, locale)?);
    }
    for room in gone {
        element.push_str(&format!("<li id=\"room-{room}\" hidden></li>"));
    }
    element.push_str("</ul>");
    Ok(element)
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
