use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::text::{collapse, initial, key, line, within};
use crate::error::FieldError;

/// 1–60 characters on one line, unique by [`RoomName::key`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoomName(String);

impl RoomName {
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let name: String = line(typed)?.nfc().collect();
        within(1, 60, name.chars().count())?;
        let name = Self(name);
        // The keys of direct rooms are among those of names.
        if name.key().starts_with("direct:") { Err(FieldError::Taken) } else { Ok(name) }
    }

    /// Returns the stored name of direct rooms, which nobody sees.
    pub(crate) fn of_direct_room() -> Self {
        Self("direct".into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first character that is seen.
    pub(crate) fn initial(&self) -> &str {
        initial(&self.0)
    }

    /// Returns what names share that users would confuse.
    pub(crate) fn key(&self) -> String {
        Self::key_of(&self.0)
    }

    /// Returns the key of a text that need not be a valid name.
    pub(crate) fn key_of(text: &str) -> String {
        collapse(&key(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_that_read_alike_share_a_key() {
        let key = |name| RoomName::parse(name).unwrap().key();
        assert_eq!(key("Straße  42"), key("ＳＴＲＡＳＳＥ\u{3000}42"));
        assert_ne!(key("사랑방"), key("사랑 방"));
        assert_eq!(RoomName::parse("Ｄｉｒｅｃｔ:x"), Err(FieldError::Taken));
        assert_eq!(RoomName::parse(&"방".repeat(61)), Err(FieldError::TooLong { limit: 60, excess: 1 }));
    }
}
