//! What the reader of a page has not read of a room.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;

use fluent_templates::fluent_bundle::FluentValue;

use crate::models::RoomId;
use crate::models::room::log::UnreadCount;
use crate::views::Locale;

/// A count that stands for more.
const MANY: i64 = 100;

pub struct Unread {
    pub(crate) count: UnreadCount,
    pub(crate) element: String,
}

/// Renders the element `#unread-<room>` for one reader: the count as attributes and in words.
pub(crate) fn unread_element(
    room: RoomId,
    count: UnreadCount,
    (read, rev): (i64, i64),
    level: Option<&str>,
    locale: Locale,
) -> String {
    let UnreadCount { chats, mentions } = count;
    let mut element = format!(
        "<i id=\"unread-{room}\" class=\"unread\" data-count=\"{chats}\" data-mentions=\"{mentions}\" data-read=\"{read}\" data-rev=\"{rev}\""
    );
    if let Some(level) = level {
        let _ = write!(element, " data-level=\"{level}\"");
    }
    element.push('>');
    if chats > 0 {
        let shown = if chats < MANY { chats.to_string() } else { format!("{}+", MANY - 1) };
        let values = HashMap::from([(Cow::from("count"), FluentValue::from(chats))]);
        let words = locale.text_with("unread-count", &values);
        let _ =
            write!(element, " <span aria-hidden=\"true\">{shown}</span><span class=\"visually-hidden\">{words}</span>");
    }
    element.push_str("</i>");
    element
}

/// Inserts the line `#unread-line` before the chat with number `seq`.
pub(crate) fn with_unread_line(mut elements: String, seq: Option<i64>, locale: Locale) -> String {
    let chat = seq.and_then(|seq| elements.find(&format!("id=\"chat-{seq}\"")));
    if let Some(start) = chat.and_then(|id| elements[..id].rfind("<article")) {
        let line = format!("<p id=\"unread-line\" class=\"unread-line\">{}</p>", locale.text("unread-divider"));
        elements.insert_str(start, &line);
    }
    elements
}
