//! The people who are online in a room, and who type.

use std::sync::Arc;

use serde::Serialize;

use crate::error::Result;
use crate::views::{Locale, PerLocale, Views};

/// Some people by name, and how many there are in all.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct People {
    pub people: Vec<Person>,
    pub count: usize,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Person {
    pub nickname: String,
    pub id: String,
}

pub fn presence(presence: &PerLocale<People>, views: &Views, locale: Locale) -> Result<Arc<str>> {
    presence.get_or_render(locale, |people| views.render("rooms/_presence.html.tera", locale, people))
}

pub fn typing(typing: &PerLocale<People>, views: &Views, locale: Locale) -> Result<Arc<str>> {
    typing.get_or_render(locale, |people| views.render("rooms/_typing.html.tera", locale, people))
}
