//! Events of a room as lines between its chats.

use std::collections::HashMap;
use std::sync::Arc;

use fluent_templates::fluent_bundle::FluentValue;
use jiff::Timestamp;
use serde::Serialize;

use super::time;
use super::{Locale, PerLocale, Views};
use crate::error::Result;
use crate::models;
use crate::models::room::log::EntryKind;
use crate::models::values::Nickname;

/// The bytes of an event in memory.
const SIZE: usize = 768;

#[derive(Clone, Debug, Serialize)]
pub struct EventView {
    pub seq: i64,
    kind: EntryKind,
    user: String,
    author: String,
    at: String,
    #[serde(skip)]
    pub(super) time: Timestamp,
    #[serde(skip)]
    names: EventNames,
    #[serde(skip)]
    is_beyond: bool,
}

/// The nicknames of an event's people. `None` for a deleted user.
#[derive(Clone, Debug)]
pub struct EventNames {
    pub user: Option<Nickname>,
    pub author: Option<Nickname>,
}

pub type EventLine = PerLocale<EventView>;

impl EventView {
    pub fn new(event: &models::Event, names: EventNames) -> Self {
        Self {
            seq: event.seq,
            kind: event.kind,
            user: event.user.to_string(),
            author: event.author.to_string(),
            at: time::rfc3339(event.at),
            time: time::timestamp(event.at),
            names,
            is_beyond: event.is_beyond,
        }
    }

    fn text(&self, locale: Locale) -> String {
        let key = match (self.kind, self.user == self.author) {
            _ if self.is_beyond => "event-beyond",
            (EntryKind::Joined, true) => "event-joined",
            (EntryKind::Joined, false) => "event-added",
            (_, true) => "event-left",
            (_, false) => "event-removed",
        };
        let [user, author] =
            [&self.names.user, &self.names.author].map(|name| FluentValue::from(in_text(name, locale)));
        locale.text_with(key, &HashMap::from([("user".into(), user), ("author".into(), author)]))
    }
}

/// Returns a nickname as a part of a sentence.
fn in_text(nickname: &Option<Nickname>, locale: Locale) -> String {
    match nickname {
        Some(nickname) => {
            let name = FluentValue::from(nickname.as_str().to_owned());
            locale.text_with("event-name", &HashMap::from([("name".into(), name)]))
        }
        None => locale.text("deleted-user"),
    }
}

impl EventLine {
    /// Returns about how many bytes the event occupies with its HTML.
    pub(super) fn approximate_size(&self) -> usize {
        SIZE
    }

    pub(super) fn element(&self, views: &Views, locale: Locale) -> Result<Arc<str>> {
        #[derive(Serialize)]
        struct EventContext<'a> {
            event: &'a EventView,
            text: String,
        }
        self.get_or_render(locale, |event| {
            views.render("chats/_event.html.tera", locale, &EventContext { event, text: event.text(locale) })
        })
    }

    /// Charges the bytes of the event until it is dropped.
    pub(super) fn prepare(&self) {
        self.charge_value(SIZE);
    }
}
