//! Numbers in a query.

use rocket::form::{self, FromFormField, ValueField};
use rocket::http::uri::fmt::{Ignorable, Query};

use crate::error::{Error, FieldError, Result};
use crate::models::room::ListCursor;

/// A number in a query, the first one if it is repeated. An `Option<i64>` would turn a malformed number into `None`.
#[derive(Clone, Copy)]
pub(crate) struct QueryNumber<'r>(Option<(&'r str, &'r str)>);

impl QueryNumber<'_> {
    /// Returns whether the text is a word.
    pub(crate) fn is(self, word: &str) -> bool {
        self.0.is_some_and(|(_, text)| text == word)
    }

    /// Returns the number, which must not be below `min`.
    pub(crate) fn at_least(self, min: i64) -> Result<Option<i64>> {
        self.parsed(|text| text.parse().ok().filter(|number| *number >= min))
    }

    /// Returns the position in the list of rooms, by default its first page.
    pub(crate) fn place(self) -> Result<ListCursor> {
        // A page has one address, so signs and leading zeros are invalid.
        let canonical = |text: &str, min| {
            let number = text.parse().ok().filter(|number: &i64| *number >= min);
            number.filter(|number| number.to_string() == text)
        };
        let place = self.parsed(|text| match text.split_at_checked(1) {
            Some(("b", number)) => canonical(number, 1).map(ListCursor::Below),
            Some(("a", number)) => canonical(number, 0).map(ListCursor::Above),
            _ => canonical(text, 1).map(|page| ListCursor::Page(page as usize)),
        })?;
        Ok(place.unwrap_or(ListCursor::Page(1)))
    }

    fn parsed<T>(self, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>> {
        let Some((name, text)) = self.0 else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| Error::field(name.to_owned(), FieldError::Number))
    }
}

/// Writes a position as [`QueryNumber::place`] reads it.
pub(crate) fn place_query(place: ListCursor) -> String {
    match place {
        ListCursor::Page(page) => page.to_string(),
        ListCursor::Below(number) => format!("b{number}"),
        ListCursor::Above(number) => format!("a{number}"),
    }
}

impl<'r> FromFormField<'r> for QueryNumber<'r> {
    fn from_value(field: ValueField<'r>) -> form::Result<'r, Self> {
        Ok(Self(Some((field.name.source().as_str(), field.value))))
    }

    fn default() -> Option<Self> {
        Some(Self(None))
    }
}

impl Ignorable<Query> for QueryNumber<'_> {}
