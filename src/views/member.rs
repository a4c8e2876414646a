//! The members of a room.

use serde::Serialize;

use super::room::Person;
use super::{Locale, Views};
use crate::error::Result;

/// The people whom a message may mention.
#[derive(Serialize)]
pub struct Suggestions {
    pub people: Vec<Person>,
    /// Whether everybody in the room is suggested too.
    pub everybody: bool,
    #[serde(skip)]
    pub is_everybody_first: bool,
}

impl Suggestions {
    /// Renders a list of options.
    pub fn element(&self, views: &Views, locale: Locale) -> Result<String> {
        #[derive(Serialize)]
        struct List<'a> {
            people: &'a [Person],
            count: usize,
            everybody_before: bool,
            everybody_after: bool,
        }
        let list = List {
            people: &self.people,
            count: self.people.len() + usize::from(self.everybody),
            everybody_before: self.everybody && self.is_everybody_first,
            everybody_after: self.everybody && !self.is_everybody_first,
        };
        views.render("rooms/_suggestions.html.tera", locale, &list)
    }
}
