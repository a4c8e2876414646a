//! Parameters of a path. A resource has one address, so each value has one spelling.

use std::fmt;
use std::str::FromStr;

use rocket::http::impl_from_uri_param_identity;
use rocket::http::uri::fmt::{Formatter, Path, UriDisplay};
use rocket::request::FromParam;

use crate::models::{RoomId, UserId};

/// The number of an entry, from 1.
pub(crate) struct Seq(pub(crate) i64);

impl FromStr for Seq {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.parse().ok().filter(|seq| *seq > 0).map(Self).ok_or(())
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

macro_rules! param {
    ($type:ty) => {
        impl<'a> FromParam<'a> for $type {
            type Error = ();

            fn from_param(text: &'a str) -> Result<Self, ()> {
                let parsed: Option<Self> = text.parse().ok();
                parsed.filter(|parsed| text == parsed.to_string()).ok_or(())
            }
        }

        impl UriDisplay<Path> for $type {
            fn fmt(&self, out: &mut Formatter<'_, Path>) -> fmt::Result {
                out.write_value(self.to_string())
            }
        }

        impl_from_uri_param_identity!([Path] $type);
    };
}

param!(RoomId);
param!(UserId);
param!(Seq);
