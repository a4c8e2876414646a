//! Chats: one template and one shape in JSON, wherever a chat is shown.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::time::{self, TimeFormat};
use super::{Locale, PerLocale, Views, markup};
use crate::error::Result;
use crate::models;
use crate::models::values::Nickname;

/// The start of each chat's element.
const TAG: &str = "<article";
/// The bytes of a chat besides its text.
const OVERHEAD: usize = 1_024;

#[derive(Clone, Debug, Serialize)]
pub struct ChatView {
    room: String,
    pub seq: i64,
    no: i64,
    pub rev: i64,
    author: String,
    /// `None` for a deleted user.
    nickname: Option<String>,
    text: String,
    #[serde(skip)]
    html: OnceLock<String>,
    at: String,
    #[serde(skip)]
    time: Timestamp,
    removed: bool,
}

pub type Article = PerLocale<ChatView>;

pub type Fragment = PerLocale<ChatBatch>;

/// Chats that are sent together, in order.
pub struct ChatBatch {
    pub articles: Vec<Arc<Article>>,
    /// The cursor behind the last chat.
    pub upto: i64,
    /// The room is closed, and its log ends here.
    pub closed: bool,
}

#[derive(Serialize)]
pub struct ChatBatchJson<'a> {
    pub upto: i64,
    pub chats: Vec<&'a ChatView>,
}

impl ChatView {
    pub fn new(chat: models::Chat, nickname: Option<&Nickname>) -> Self {
        Self {
            room: chat.room.to_string(),
            seq: chat.seq,
            no: chat.no,
            rev: chat.rev,
            author: chat.author.to_string(),
            nickname: nickname.map(|nickname| nickname.as_str().to_owned()),
            html: OnceLock::new(),
            text: chat.text,
            at: time::rfc3339(chat.at),
            time: time::timestamp(chat.at),
            removed: chat.removed,
        }
    }

    /// Returns its number among the chats of its room.
    pub(crate) fn number(&self) -> i64 {
        self.no
    }

    /// Returns about how many bytes the chat occupies with its HTML. Renders nothing.
    pub fn approximate_size(&self) -> usize {
        self.text.len() + markup::approximate_html_size(&self.text) + OVERHEAD
    }

    fn html(&self) -> &str {
        self.html.get_or_init(|| markup::to_html(&self.text))
    }
}

impl Article {
    pub fn element(&self, views: &Views, locale: Locale) -> Result<Arc<str>> {
        #[derive(Serialize)]
        struct ArticleContext<'a> {
            chat: &'a ChatView,
            html: &'a str,
            is_emoji: bool,
        }
        self.get_or_render(locale, |chat| {
            let view = ArticleContext { chat, html: chat.html(), is_emoji: markup::is_all_emoji(&chat.text) };
            views.render("chats/_chat.html.tera", locale, &view)
        })
    }

    /// Renders the text, and charges the bytes of the chat until it is dropped.
    pub fn prepare(&self) {
        self.html();
        self.charge_value(self.approximate_size());
    }
}

impl ChatBatch {
    /// Returns the elements of the chats. The first chat of each day names it in `data-day`. That depends on the chats
    /// before it, so it is no part of the shared rendering. `day` is the latest day of the page, and never goes back.
    pub fn elements(&self, views: &Views, locale: Locale, day: &mut Option<Date>) -> Result<String> {
        let mut elements = String::new();
        for chat in &self.articles {
            let element = chat.element(views, locale)?;
            let date = views.clock.date(chat.time);
            match element.strip_prefix(TAG) {
                Some(rest) if !chat.removed && day.is_none_or(|day| day < date) => {
                    *day = Some(date);
                    elements.push_str(TAG);
                    elements.push_str(" data-day=\"");
                    markup::escape(&mut elements, &views.clock.format(chat.time, TimeFormat::Day, locale));
                    elements.push('"');
                    elements.push_str(rest);
                }
                _ => elements.push_str(&element),
            }
        }
        Ok(elements)
    }

    /// Renders the fragment of the batch; `day` as in [`ChatBatch::elements`].
    pub fn fragment(&self, views: &Views, locale: Locale, day: &mut Option<Date>) -> Result<String> {
        #[derive(Serialize)]
        struct FragmentContext {
            upto: i64,
            elements: String,
        }
        let view = FragmentContext { upto: self.upto, elements: self.elements(views, locale, day)? };
        views.render("chats/_fragment.html.tera", locale, &view)
    }

    pub fn json(&self) -> ChatBatchJson<'_> {
        ChatBatchJson { upto: self.upto, chats: self.articles.iter().map(|article| &***article).collect() }
    }
}

impl Fragment {
    /// Returns the fragment that sockets and `GET …/chat` send.
    pub fn element(&self, views: &Views, locale: Locale) -> Result<Arc<str>> {
        self.get_or_render(locale, |batch| batch.fragment(views, locale, &mut None))
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::DateTime;

    use super::*;

    #[test]
    fn the_size_of_a_chat_is_known_without_rendering_it() {
        let [room, author] = ["0123456789abcdef01234567"; 2];
        let chat = models::Chat {
            room: room.parse().unwrap(),
            seq: 1,
            no: 1,
            rev: 1,
            author: author.parse().unwrap(),
            text: "**a** https://example.com".repeat(50),
            at: DateTime::now(),
            removed: false,
        };
        let view = ChatView::new(chat, None);
        let size = view.approximate_size();
        assert!(view.html.get().is_none(), "recent chats ask for the size under their lock");
        assert!(size >= view.text.len() + OVERHEAD, "{size}");
    }
}
