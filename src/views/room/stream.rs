//! The streaming page of a room, and the state of a page's connection.

use std::sync::Arc;

use serde::Serialize;

use super::RoomView;
use crate::error::Result;
use crate::models::RoomId;
use crate::views::{Locale, Views};

/// The head of a room's streaming page. Later chats are written behind it.
#[derive(Serialize)]
pub struct StreamPage {
    pub theme: Option<&'static str>,
    pub room: RoomView,
    pub upto: i64,
    pub elements: String,
}

/// Renders the element that shows whether the site can deliver new chats.
pub fn connection(is_connected: bool, views: &Views, locale: Locale) -> Result<Arc<str>> {
    #[derive(Serialize)]
    struct ConnectionElement {
        connection_state: &'static str,
    }
    let connection_state = if is_connected { "connected" } else { "reconnecting" };
    views.render("rooms/_connection.html.tera", locale, &ConnectionElement { connection_state }).map(Arc::from)
}

/// Renders the end of each chunk of a stream. It becomes visible when no other chunk follows.
pub fn disconnected_notice(room: RoomId, views: &Views, locale: Locale) -> Result<String> {
    #[derive(Serialize)]
    struct Disconnected {
        room: String,
    }
    views.render("chats/_disconnected.html.tera", locale, &Disconnected { room: room.to_string() })
}
