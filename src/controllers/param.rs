//! Pieces of a path and of a query, turned into checked types.

use std::fmt;
use std::str::FromStr;

use rocket::form::{self, FromFormField, ValueField};
use rocket::http::impl_from_uri_param_identity;
use rocket::http::uri::fmt::{Formatter, Ignorable, Path, Query, UriDisplay};
use rocket::request::FromParam;

use crate::error::{Error, Fault, Result};
use crate::models::room::ListCursor;
use crate::models::{RoomId, UserId};

/// The number of an entry or of a chat, from 1.
pub(super) struct Number(pub i64);

impl FromStr for Number {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.parse().ok().filter(|number| *number > 0).map(Self).ok_or(())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

macro_rules! param {
    ($kind:ty) => {
        impl<'a> FromParam<'a> for $kind {
            type Error = ();

            fn from_param(text: &'a str) -> Result<Self, ()> {
                let parsed: Option<Self> = text.parse().ok();
                // A thing has one address.
                parsed.filter(|parsed| text == parsed.to_string()).ok_or(())
            }
        }

        impl UriDisplay<Path> for $kind {
            fn fmt(&self, out: &mut Formatter<'_, Path>) -> fmt::Result {
                out.write_value(self.to_string())
            }
        }

        impl_from_uri_param_identity!([Path] $kind);
    };
}

param!(RoomId);
param!(UserId);
param!(Number);

/// What a query says a number is; what it says first, if it says so twice. With an `Option` that would be as if it said
/// nothing.
#[derive(Clone, Copy)]
pub(super) struct Asked<'r>(Option<&'r str>);

impl Asked<'_> {
    /// The number, not below `least`, if there is one.
    pub(super) fn number(self, name: &'static str, least: i64) -> Result<Option<i64>> {
        let number = |text: &str| text.parse().ok().filter(|number| *number >= least);
        self.0.map(|text| number(text).ok_or_else(|| Error::field(name, Fault::Number))).transpose()
    }

    /// The place in the list of rooms; its beginning, if none is named.
    pub(super) fn place(self, name: &'static str) -> Result<ListCursor> {
        // A page has one address: no signs, no leading zeros.
        let at_least =
            |text: &str, least| text.parse().ok().filter(|number: &i64| *number >= least && number.to_string() == text);
        let place = |text: &str| match text.split_at_checked(1) {
            Some(("b", no)) => at_least(no, 1).map(ListCursor::Below),
            Some(("a", no)) => at_least(no, 0).map(ListCursor::Above),
            _ => at_least(text, 1).map(|page| ListCursor::Page(page as usize)),
        };
        self.0.map_or(Ok(ListCursor::Page(1)), |text| place(text).ok_or_else(|| Error::field(name, Fault::Number)))
    }
}

/// Returns what [`Asked::place`] reads.
pub(super) fn page_of(place: ListCursor) -> String {
    match place {
        ListCursor::Page(page) => page.to_string(),
        ListCursor::Below(no) => format!("b{no}"),
        ListCursor::Above(no) => format!("a{no}"),
    }
}

impl<'r> FromFormField<'r> for Asked<'r> {
    fn from_value(field: ValueField<'r>) -> form::Result<'r, Self> {
        Ok(Self(Some(field.value)))
    }

    fn default() -> Option<Self> {
        Some(Self(None))
    }
}

impl Ignorable<Query> for Asked<'_> {}
