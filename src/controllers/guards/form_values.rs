//! The value types of models as fields of Rocket's forms.

use rocket::form::{self, FromFormField, ValueField};

use crate::error::FieldError;
use crate::models::UserId;
use crate::models::room::{Level, RoomKind};
use crate::models::user::Theme;
use crate::models::values::{ChatText, Login, Nickname, Nonce, Password, RoomName, Topic};
use crate::views::Locale;

/// A field that may be absent. Rocket's own `Option` turns an invalid value into `None`.
pub(crate) struct Optional<T>(pub(crate) Option<T>);

/// A choice. The empty value clears it.
#[derive(Clone, Copy)]
pub(crate) struct Selection<T>(pub(crate) Option<T>);

/// A number from 0.
#[derive(Clone, Copy)]
pub(crate) struct FormNumber(pub(crate) i64);

/// The text of a chat that may have files. It may be empty.
pub(crate) struct TextBesideFiles(pub(crate) ChatText);

macro_rules! form_value {
    ($($type:ty),+) => { $(
        impl<'r> FromFormField<'r> for $type {
            fn from_value(field: ValueField<'r>) -> form::Result<'r, Self> {
                Self::parse(field.value).map_err(invalid)
            }
        }
    )+ };
}

form_value!(ChatText, Level, Login, Nickname, Nonce, Password, RoomKind, RoomName, Theme, Topic);

impl<'r> FromFormField<'r> for FormNumber {
    fn from_value(field: ValueField<'r>) -> form::Result<'r, Self> {
        let number = field.value.parse().ok().filter(|number| *number >= 0);
        number.map(Self).ok_or_else(|| invalid(FieldError::Number))
    }
}

impl<'r> FromFormField<'r> for TextBesideFiles {
    fn from_value(field: ValueField<'r>) -> form::Result<'r, Self> {
        ChatText::parse_beside_files(field.value).map(Self).map_err(invalid)
    }
}

impl<'r> FromFormField<'r> for UserId {
    fn from_value(field: ValueField<'r>) -> form::Result<'r, Self> {
        field.value.parse().map_err(|()| invalid(FieldError::People))
    }
}

impl<'r> FromFormField<'r> for Locale {
    fn from_value(field: ValueField<'r>) -> form::Result<'r, Self> {
        Self::from_tag(field.value).ok_or_else(|| invalid(FieldError::Language))
    }
}

impl<'r, T: FromFormField<'r>> FromFormField<'r> for Selection<T> {
    fn from_value(field: ValueField<'r>) -> form::Result<'r, Self> {
        if field.value.is_empty() { Ok(Self(None)) } else { T::from_value(field).map(Some).map(Self) }
    }
}

impl<'r, T: FromFormField<'r>> FromFormField<'r> for Optional<T> {
    fn from_value(field: ValueField<'r>) -> form::Result<'r, Self> {
        T::from_value(field).map(Some).map(Self)
    }

    fn default() -> Option<Self> {
        Some(Self(None))
    }
}

/// Wraps a field's error in one of Rocket's.
pub(crate) fn invalid<'r>(error: FieldError) -> form::Errors<'r> {
    form::Error::custom(error).into()
}
