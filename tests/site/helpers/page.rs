//! A room's page, as code sees it: by the hooks of the contract and by nothing else.

use std::collections::BTreeMap;

use scraper::{ElementRef, Html, Selector};

/// What a page shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// By `data-seq`.
    pub chats: BTreeMap<i64, Article>,
    /// What the lines between them say, by `data-seq`.
    pub events: BTreeMap<i64, String>,
    /// The feed's cursor.
    pub upto: i64,
    /// The link to the page before.
    pub older: Option<String>,
    /// The link to the page behind.
    pub newer: Option<String>,
    /// The composer's nonce.
    pub nonce: String,
}

/// One chat.
#[derive(Clone, Debug, PartialEq)]
pub struct Article {
    pub no: i64,
    pub rev: i64,
    pub author: String,
    pub nickname: String,
    pub text: String,
    pub at: String,
    pub removed: bool,
}

impl Page {
    /// Reads a room's page.
    pub fn read(html: &str) -> Self {
        let document = Html::parse_document(html);
        let feed = one(&document, "chat-feed#feed[role=log][data-room]");
        let link = |css| document.select(&selector(css)).next().map(|link| attribute(&link, "href"));
        let mut page = Self {
            upto: number(&feed, "data-upto"),
            older: link("#load-older"),
            newer: link("#load-newer"),
            nonce: attribute(&one(&document, "#composer [name=nonce]"), "value"),
            ..Self::default()
        };
        page.place_all(feed);
        page
    }

    /// Places a fragment, by the page's one rule.
    pub fn place(&mut self, fragment: &str) {
        let document = Html::parse_fragment(fragment);
        let feed = one(&document, "chat-feed");
        self.place_all(feed);
        self.upto = self.upto.max(number(&feed, "data-upto"));
    }

    fn place_all(&mut self, feed: ElementRef<'_>) {
        let mut last = 0;
        for element in feed.child_elements() {
            let seq = number(&element, "data-seq");
            assert!(seq > last, "in order of data-seq");
            last = seq;
            if element.value().name() == "p" {
                assert_eq!(
                    (attribute(&element, "class"), attribute(&element, "id")),
                    ("event".into(), format!("entry-{seq}"))
                );
                assert!(attribute(&one_in(element, "time"), "datetime").ends_with('Z'));
                self.events.entry(seq).or_insert(one_in(element, "span").text().collect());
                continue;
            }
            assert_eq!(element.value().name(), "article");
            assert_eq!(attribute(&element, "id"), format!("chat-{seq}"));
            let article = Article::read(element);
            match self.chats.get(&seq) {
                Some(there) if there.rev >= article.rev => {}
                _ => drop(self.chats.insert(seq, article)),
            }
        }
    }

    /// The texts, in order.
    pub fn texts(&self) -> Vec<&str> {
        self.chats.values().map(|chat| chat.text.as_str()).collect()
    }

    /// Fails unless chats `no` = 1 to `count` are there, each once.
    pub fn assert_whole(&self, count: i64) {
        let numbers: Vec<i64> = self.chats.values().map(|chat| chat.no).collect();
        assert_eq!(numbers, (1..=count).collect::<Vec<_>>());
    }
}

impl Article {
    fn read(element: ElementRef<'_>) -> Self {
        let text = |css: &str| {
            element.select(&selector(css)).next().map(|found| found.text().collect::<String>()).unwrap_or_default()
        };
        let removed = element.value().has_class("removed", scraper::CaseSensitivity::CaseSensitive);
        assert_eq!(element.select(&selector("img.picture")).count(), usize::from(!removed));
        assert_eq!(removed, element.value().attr("hidden").is_some());
        Self {
            no: number(&element, "data-no"),
            rev: number(&element, "data-rev"),
            author: attribute(&element, "data-author"),
            nickname: text(".nickname"),
            text: text(".text[dir=auto]"),
            at: element.select(&selector("time")).next().map(|at| attribute(&at, "datetime")).unwrap_or_default(),
            removed,
        }
    }
}

/// The text of the first element that fits.
pub fn text_of(html: &str, css: &str) -> Option<String> {
    let document = Html::parse_document(html);
    let found = document.select(&selector(css)).next()?;
    Some(found.text().collect::<String>().trim().to_owned())
}

/// An attribute of the first element that fits.
pub fn attribute_of(html: &str, css: &str, name: &str) -> Option<String> {
    let document = Html::parse_document(html);
    Some(attribute(&document.select(&selector(css)).next()?, name))
}

fn one<'a>(document: &'a Html, css: &str) -> ElementRef<'a> {
    document.select(&selector(css)).next().unwrap_or_else(|| panic!("no {css} in {}", document.html()))
}

fn one_in<'a>(element: ElementRef<'a>, css: &str) -> ElementRef<'a> {
    element.select(&selector(css)).next().unwrap_or_else(|| panic!("no {css} in {}", element.html()))
}

fn attribute(element: &ElementRef<'_>, name: &str) -> String {
    element.value().attr(name).unwrap_or_else(|| panic!("no {name} in {}", element.html())).to_owned()
}

fn number(element: &ElementRef<'_>, name: &str) -> i64 {
    attribute(element, name).parse().unwrap()
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).unwrap()
}
