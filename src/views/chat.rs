//! Chats: one template and one shape in JSON, wherever a chat is shown. Fragments carry them, and the events between them.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Serialize, Serializer};

use super::event::{EventLine, EventView};
use super::file::{FileElement, FileView, FilesSummary};
use super::time::{self, TimeFormat};
use super::{Locale, PerLocale, Views, markup};
use crate::error::Result;
use crate::models;
use crate::models::values::Nickname;

/// The start of each chat's and each event's element.
const CHAT_TAG: &str = "<article";
const EVENT_TAG: &str = "<p";
/// Events in a row that are shown. Their number behind these is bounded, as in `groups.js`.
const SHOWN_EVENTS: usize = 3;
const MAX_POSITION: usize = 5;
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
    #[serde(serialize_with = "mentions_json")]
    mentions: Vec<models::Mention>,
    files: Vec<FileView>,
    #[serde(skip)]
    summary: FilesSummary,
    #[serde(skip)]
    html: OnceLock<String>,
    at: String,
    #[serde(skip)]
    time: Timestamp,
    removed: bool,
}

/// Writes the mentions of a chat. `user` is null for everybody in the room.
fn mentions_json<S: Serializer>(mentions: &[models::Mention], json: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct MentionJson {
        user: Option<String>,
        at: u32,
        len: u32,
    }
    json.collect_seq(mentions.iter().map(|&models::Mention { user, at, len }| MentionJson {
        user: user.map(|user| user.to_string()),
        at,
        len,
    }))
}

pub type Article = PerLocale<ChatView>;

pub type Fragment = PerLocale<ChatBatch>;

/// An element of a feed.
#[derive(Clone)]
pub enum FeedItem {
    Chat(Arc<Article>),
    Event(Arc<EventLine>),
}

/// Chats and events that are sent together, in order.
pub struct ChatBatch {
    pub items: Vec<FeedItem>,
    /// The cursor behind the last item.
    pub upto: i64,
    /// The room is closed, and its log ends here.
    pub closed: bool,
}

#[derive(Serialize)]
pub struct ChatBatchJson<'a> {
    pub upto: i64,
    pub chats: Vec<&'a ChatView>,
    pub events: Vec<&'a EventView>,
}

/// The end of a page, on which the marks of the next elements depend.
#[derive(Default)]
pub struct PageEnd {
    /// The latest day of the page. It never goes back.
    day: Option<Date>,
    /// Events since the last visible chat or the begin of the day.
    events: usize,
}

impl ChatView {
    pub fn new(chat: models::Chat, nickname: Option<&Nickname>) -> Self {
        Self {
            files: chat.files.iter().map(|file| FileView::new(file, chat.room, chat.seq)).collect(),
            summary: FilesSummary::new(&chat.files),
            room: chat.room.to_string(),
            seq: chat.seq,
            no: chat.no,
            rev: chat.rev,
            author: chat.author.to_string(),
            nickname: nickname.map(|nickname| nickname.as_str().to_owned()),
            html: OnceLock::new(),
            text: chat.text,
            mentions: chat.mentions,
            at: time::rfc3339(chat.at),
            time: time::timestamp(chat.at),
            removed: chat.removed,
        }
    }

    /// Returns about how many bytes the chat occupies with its HTML. Renders nothing.
    pub fn approximate_size(&self) -> usize {
        let files: usize = self.files.iter().map(FileView::approximate_size).sum();
        self.text.len() + markup::approximate_html_size(&self.text, self.mentions.len()) + files + OVERHEAD
    }

    fn html(&self) -> &str {
        self.html.get_or_init(|| markup::to_html(&self.text, &self.mentions))
    }
}

impl Article {
    pub fn element(&self, views: &Views, locale: Locale) -> Result<Arc<str>> {
        #[derive(Serialize)]
        struct ArticleContext<'a> {
            chat: &'a ChatView,
            html: &'a str,
            is_emoji: bool,
            files: Vec<FileElement<'a>>,
            /// What stands for the files where a chat is shown on one line.
            summary: String,
        }
        self.get_or_render(locale, |chat| {
            let view = ArticleContext {
                chat,
                html: chat.html(),
                is_emoji: markup::is_all_emoji(&chat.text),
                files: chat.files.iter().map(FileView::element).collect(),
                summary: if chat.text.is_empty() { chat.summary.text(locale) } else { String::new() },
            };
            views.render("chats/_chat.html.tera", locale, &view)
        })
    }

    /// Renders the text, and charges the bytes of the chat until it is dropped.
    pub fn prepare(&self) {
        self.html();
        self.charge_value(self.approximate_size());
    }
}

impl FeedItem {
    pub fn seq(&self) -> i64 {
        match self {
            Self::Chat(article) => article.seq,
            Self::Event(event) => event.seq,
        }
    }

    /// Returns the number of the last entry about it.
    pub fn rev(&self) -> i64 {
        match self {
            Self::Chat(article) => article.rev,
            Self::Event(event) => event.seq,
        }
    }

    pub fn approximate_size(&self) -> usize {
        match self {
            Self::Chat(article) => article.approximate_size(),
            Self::Event(event) => event.approximate_size(),
        }
    }

    /// Renders the text of a chat, and charges the bytes of the item until it is dropped.
    pub fn prepare(&self) {
        match self {
            Self::Chat(article) => article.prepare(),
            Self::Event(event) => event.prepare(),
        }
    }

    fn element(&self, views: &Views, locale: Locale) -> Result<Arc<str>> {
        match self {
            Self::Chat(article) => article.element(views, locale),
            Self::Event(event) => event.element(views, locale),
        }
    }

    /// Returns the start of the element and the time of the item. `None` for a removed chat.
    fn visible(&self) -> Option<(&'static str, Timestamp)> {
        match self {
            Self::Chat(article) => (!article.removed).then_some((CHAT_TAG, article.time)),
            Self::Event(event) => Some((EVENT_TAG, event.time)),
        }
    }
}

impl PageEnd {
    /// Adds a visible item. Returns whether it begins a day, and its position among events in a row.
    fn push(&mut self, item: &FeedItem, date: Date) -> (bool, usize) {
        let begins_day = self.day.is_none_or(|day| day < date);
        let is_event = matches!(item, FeedItem::Event(_));
        let position = if is_event && !begins_day { self.events } else { 0 };
        (self.day, self.events) = (self.day.max(Some(date)), if is_event { position + 1 } else { 0 });
        (begins_day, position)
    }
}

impl ChatBatch {
    /// Returns the ids of the authors of all chats.
    pub fn authors(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.items.iter().filter_map(|item| match item {
            FeedItem::Chat(article) => Some(article.author.as_str()),
            FeedItem::Event(_) => None,
        })
    }

    /// Returns the first chat behind number `read`.
    pub(crate) fn first_unread(&self, read: i64) -> Option<i64> {
        self.items.iter().find_map(|item| match item {
            FeedItem::Chat(chat) if chat.no > read && !chat.removed => Some(chat.seq),
            _ => None,
        })
    }

    /// Returns the elements of the items. The first item of each day names it in `data-day`, and `data-position` folds
    /// events in a row. Both depend on the items before, so they are no part of the shared rendering.
    pub fn elements(&self, views: &Views, locale: Locale, end: &mut PageEnd) -> Result<String> {
        let mut elements = String::new();
        for item in &self.items {
            let element = item.element(views, locale)?;
            let visible = item.visible().and_then(|(tag, time)| Some((tag, time, element.strip_prefix(tag)?)));
            let Some((tag, time, rest)) = visible else {
                elements.push_str(&element);
                continue;
            };
            let (begins_day, position) = end.push(item, views.clock.date(time));
            elements.push_str(tag);
            if begins_day {
                elements.push_str(" data-day=\"");
                markup::escape(&mut elements, &views.clock.format(time, TimeFormat::Day, locale));
                elements.push('"');
            }
            if position >= SHOWN_EVENTS {
                elements.push_str(&format!(" data-position=\"{}\"", position.min(MAX_POSITION)));
            }
            elements.push_str(rest);
        }
        Ok(elements)
    }

    /// Renders the fragment of the batch behind the end of a page.
    pub fn fragment(&self, views: &Views, locale: Locale, end: &mut PageEnd) -> Result<String> {
        #[derive(Serialize)]
        struct FragmentContext {
            upto: i64,
            elements: String,
        }
        let view = FragmentContext { upto: self.upto, elements: self.elements(views, locale, end)? };
        views.render("chats/_fragment.html.tera", locale, &view)
    }

    pub fn json(&self) -> ChatBatchJson<'_> {
        let (mut chats, mut events) = (Vec::new(), Vec::new());
        for item in &self.items {
            match item {
                FeedItem::Chat(article) => chats.push(&***article),
                FeedItem::Event(event) => events.push(&***event),
            }
        }
        ChatBatchJson { upto: self.upto, chats, events }
    }
}

impl Fragment {
    /// Returns the fragment that sockets and `GET …/chat` send.
    pub fn element(&self, views: &Views, locale: Locale) -> Result<Arc<str>> {
        self.get_or_render(locale, |batch| batch.fragment(views, locale, &mut PageEnd::default()))
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use mongodb::bson::DateTime;

    use super::*;
    use crate::models::room::log::EntryKind;
    use crate::views::event::EventNames;
    use crate::views::time::Clock;

    fn chat(seq: i64, text: &str) -> ChatView {
        let [room, author] = ["0123456789abcdef01234567"; 2];
        let chat = models::Chat {
            room: room.parse().unwrap(),
            seq,
            no: seq,
            rev: seq,
            author: author.parse().unwrap(),
            text: text.into(),
            mentions: Vec::new(),
            files: Vec::new(),
            at: DateTime::from_millis(0),
            removed: text.is_empty(),
        };
        ChatView::new(chat, None)
    }

    fn event(seq: i64, at: i64) -> FeedItem {
        let event = models::Event {
            seq,
            kind: EntryKind::Joined,
            author: "0123456789abcdef01234567".parse().unwrap(),
            user: "0123456789abcdef01234568".parse().unwrap(),
            at: DateTime::from_millis(at),
            is_beyond: seq == 9,
        };
        let names = EventNames { user: Some(Nickname::parse("<b>길동").unwrap()), author: None };
        FeedItem::Event(Arc::new(EventLine::new(EventView::new(&event, names))))
    }

    /// The `data-position` of each event.
    fn folds(items: Vec<FeedItem>) -> Vec<Option<String>> {
        let views = Views::new(Clock::new(TimeZone::UTC)).unwrap();
        let batch = ChatBatch { items, upto: 0, closed: false };
        let elements = batch.elements(&views, Locale::from_tag("ko").unwrap(), &mut PageEnd::default()).unwrap();
        let position = |element: &str| Some(element.split_once("data-position=\"")?.1[..1].to_owned());
        elements.lines().filter(|line| line.contains("class=\"event\"")).map(position).collect()
    }

    #[test]
    fn the_fourth_of_events_in_a_row_is_folded_whatever_is_removed_between() {
        let article = |seq, text: &str| FeedItem::Chat(Arc::new(Article::new(chat(seq, text))));
        let (day, some) = (86_400_000, |position: &str| Some(position.to_owned()));
        assert_eq!(folds((1..=4).map(|seq| event(seq, 0)).collect()), [None, None, None, some("3")]);
        let items = vec![event(1, 0), event(2, 0), article(3, ""), event(4, 0), article(5, ""), event(6, 0)];
        assert_eq!(folds(items), [None, None, None, some("3")]);
        assert_eq!(folds((1..=7).map(|seq| event(seq, 0)).collect())[3..], ["3", "4", "5", "5"].map(some));
        let items = vec![event(1, 0), event(2, 0), article(3, "text"), event(4, 0), event(5, 0)];
        assert_eq!(folds(items), [None, None, None, None], "a chat ends the row");
        let items = vec![event(1, 0), event(2, 0), event(3, 0), event(4, day), event(5, day)];
        assert_eq!(folds(items), [None, None, None, None, None], "so does a day");
    }

    #[test]
    fn an_event_says_who_did_what() {
        let views = Views::new(Clock::new(TimeZone::UTC)).unwrap();
        let element = |seq, tag| event(seq, 0).element(&views, Locale::from_tag(tag).unwrap()).unwrap();
        assert!(
            element(1, "ko").contains("탈퇴한 사용자가 \u{2068}&lt;b&gt;길동\u{2069}님을 추가했어요"),
            "{}",
            element(1, "ko")
        );
        assert!(element(1, "en").contains("deleted user added \u{2068}&lt;b&gt;길동\u{2069}<"), "{}", element(1, "en"));
        assert!(element(9, "ko").contains("그 밖에 여러 명"));
    }

    #[test]
    fn the_size_of_a_chat_is_known_without_rendering_it() {
        let view = chat(1, &"**a** https://example.com".repeat(50));
        let size = view.approximate_size();
        assert!(view.html.get().is_none(), "recent chats ask for the size under their lock");
        assert!(size >= view.text.len() + OVERHEAD, "{size}");
    }
}
