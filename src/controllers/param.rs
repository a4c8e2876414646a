//! Pieces of a path and of a query, turned into checked types.

use std::fmt;

use rocket::http::impl_from_uri_param_identity;
use rocket::http::uri::fmt::{Formatter, Path, UriDisplay};
use rocket::request::FromParam;

use crate::error::{Error, Fault, Result};
use crate::models::{RoomId, UserId};

/// The number of an entry or of a chat, from 1.
pub(super) struct Number(pub i64);

macro_rules! param {
    ($kind:ty, $parse:expr, $text:expr) => {
        impl<'a> FromParam<'a> for $kind {
            type Error = ();

            fn from_param(text: &'a str) -> Result<Self, ()> {
                #[allow(clippy::redundant_closure_call, reason = "the macro's argument")]
                $parse(text)
            }
        }

        impl UriDisplay<Path> for $kind {
            fn fmt(&self, out: &mut Formatter<'_, Path>) -> fmt::Result {
                out.write_value($text(self))
            }
        }

        impl_from_uri_param_identity!([Path] $kind);
    };
}

param!(RoomId, |text: &str| text.parse(), |id: &RoomId| id.to_string());
param!(UserId, |text: &str| text.parse(), |id: &UserId| id.to_string());
param!(Number, |text: &str| text.parse().ok().filter(|n| *n > 0).map(Number).ok_or(()), |n: &Number| n.0);

/// A number in a query, not below `least`.
pub(super) fn number(name: &'static str, text: Option<&str>, least: i64) -> Result<Option<i64>> {
    let number = |text: &str| text.parse().ok().filter(|number| *number >= least);
    text.map(|text| number(text).ok_or_else(|| Error::field(name, Fault::Number))).transpose()
}
