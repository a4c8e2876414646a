//! A chat as it is shown: one template, and one shape in JSON, wherever it travels.

use std::sync::{Arc, OnceLock};

use serde::Serialize;
use tera::{Kwargs, State};

use super::{Locale, Rendered, Views, text};
use crate::error::Result;
use crate::models;
use crate::models::checked::Nickname;

/// A chat, joined with its author's nickname.
#[derive(Clone, Debug, Serialize)]
pub struct Chat {
    room: String,
    /// What it is known by in its room.
    pub seq: i64,
    no: i64,
    /// The number of the last entry about it.
    pub rev: i64,
    author: String,
    /// `None` when the author is gone.
    nickname: Option<String>,
    text: String,
    /// The text as HTML, made when it is first asked for.
    #[serde(skip)]
    html: OnceLock<String>,
    /// RFC 3339, in UTC, with milliseconds.
    at: String,
    removed: bool,
}

/// A chat that is rendered once a language.
pub type Article = Rendered<Chat>;

/// Chats that go out together.
pub type Fragment = Rendered<Feed>;

/// What a reader gets at once.
pub struct Feed {
    /// In order.
    pub articles: Vec<Arc<Article>>,
    /// The cursor behind them.
    pub upto: i64,
    /// Whether the room ends here.
    pub closed: bool,
}

/// A feed in JSON.
#[derive(Serialize)]
pub struct FeedJson<'a> {
    /// The cursor behind them.
    pub upto: i64,
    /// In order.
    pub chats: Vec<&'a Chat>,
}

impl Chat {
    /// Joins a chat with its author's nickname.
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
            at: chat.at.try_to_rfc3339_string().unwrap_or_default(),
            removed: chat.removed,
        }
    }

    fn html(&self) -> &str {
        self.html.get_or_init(|| text::html(&self.text))
    }
}

impl Article {
    /// The chat's element.
    ///
    /// # Errors
    /// `Internal` when the template does not fit.
    pub fn element(&self, views: &Views, locale: Locale) -> Result<Arc<str>> {
        #[derive(Serialize)]
        struct View<'a> {
            chat: &'a Chat,
            html: &'a str,
            is_emoji: bool,
        }
        self.html(locale, |chat| {
            let view = View { chat, html: chat.html(), is_emoji: text::is_all_emoji(&chat.text) };
            views.render("chats/_chat.html.tera", locale, &view)
        })
    }

    /// Renders the chat's text, and charges the bytes that the chat takes until it is dropped.
    pub fn prepare(&self) {
        self.charge_view(self.weight());
    }

    /// Returns about how many bytes it takes. Renders the text unless [`Article::prepare`] has done so.
    pub fn weight(&self) -> usize {
        self.view.text.len() + self.view.html().len() + 1_024
    }
}

impl Feed {
    /// The elements of its chats, one after the other.
    ///
    /// # Errors
    /// `Internal` when the template does not fit.
    pub fn elements(&self, views: &Views, locale: Locale) -> Result<String> {
        let mut elements = String::new();
        for article in &self.articles {
            elements.push_str(&article.element(views, locale)?);
        }
        Ok(elements)
    }

    /// The same in JSON.
    pub fn json(&self) -> FeedJson<'_> {
        FeedJson { upto: self.upto, chats: self.articles.iter().map(|article| &article.view).collect() }
    }
}

impl Fragment {
    /// The fragment's element: what a socket sends and `GET …/chat` answers.
    ///
    /// # Errors
    /// `Internal` when the template does not fit.
    pub fn element(&self, views: &Views, locale: Locale) -> Result<Arc<str>> {
        #[derive(Serialize)]
        struct View {
            upto: i64,
            elements: String,
        }
        self.html(locale, |feed| {
            let view = View { upto: feed.upto, elements: feed.elements(views, locale)? };
            views.render("chats/_fragment.html.tera", locale, &view)
        })
    }
}

/// `at | clock` in templates: `2026-11-24 08:01 UTC` of an RFC 3339 time. The page puts it in the reader's zone.
pub(super) fn clock(at: &str, _: Kwargs, _: &State<'_>) -> String {
    let minute = at.get(..16).unwrap_or(at);
    format!("{} UTC", minute.replace('T', " "))
}
