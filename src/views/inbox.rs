//! The inbox of a user.

use std::borrow::Cow;
use std::collections::HashMap;

use fluent_templates::fluent_bundle::FluentValue;
use serde::Serialize;

use super::file::FilesSummary;
use super::{Locale, markup, time};
use crate::models::Chat;
use crate::models::inbox::{InboxEntry, InboxKind};

const EXCERPT_CHARACTERS: usize = 200;

#[derive(Serialize)]
pub struct InboxPage {
    pub entries: Vec<InboxItem>,
    /// The number of the last entry of the inbox.
    pub head: i64,
    pub unread: bool,
    /// The `before` of the next page.
    pub before: Option<i64>,
}

/// One entry, joined with what it is about.
#[derive(Serialize)]
pub struct InboxItem {
    no: i64,
    kind: InboxKind,
    at: String,
    /// Who has mentioned or invited the reader. `None` for a deleted user.
    by: Option<String>,
    unread: bool,
    /// `None` if the reader may not see the room any more.
    room: Option<InboxRoom>,
    /// `None` if there is no chat or it was removed.
    excerpt: Option<String>,
    /// What stands for the files of a chat without text.
    files: Option<FilesSummary>,
    removed: bool,
}

#[derive(Serialize)]
pub struct InboxRoom {
    pub name: String,
    pub path: String,
}

impl InboxItem {
    /// Shows an entry. `read` is the last entry that the reader has read.
    pub(crate) fn new(
        entry: &InboxEntry,
        read: i64,
        by: Option<String>,
        (room, chat): (Option<InboxRoom>, Option<&Chat>),
    ) -> Self {
        let visible = chat.filter(|chat| !chat.removed);
        Self {
            no: entry.no,
            kind: entry.kind,
            at: time::rfc3339(entry.at),
            by,
            unread: entry.no > read,
            room,
            files: visible.filter(|chat| !chat.files.is_empty()).map(|chat| FilesSummary::new(&chat.files)),
            excerpt: visible.map(|chat| markup::excerpt(&chat.text, EXCERPT_CHARACTERS)),
            removed: entry.seq.is_some() && visible.is_none(),
        }
    }
}

/// Renders the element `#inbox-count`.
pub(crate) fn inbox_count(count: i64, locale: Locale) -> String {
    let values = HashMap::from([(Cow::from("count"), FluentValue::from(count))]);
    let words = locale.text_with("inbox-count", &values);
    let shown = if count > 99 { "99+".to_owned() } else { count.to_string() };
    format!(
        "<i id=\"inbox-count\" class=\"unread\" data-count=\"{count}\" data-mentions=\"{count}\"> <span aria-hidden=\"true\">{shown}</span><span class=\"visually-hidden\">{words}</span></i>"
    )
}
