use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::text::{initial, key, line, within};
use crate::error::FieldError;

/// A displayed name: 1–40 graphemes on one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nickname(String);

impl Nickname {
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let nickname: String = line(typed)?.nfc().collect();
        within(1, 40, nickname.graphemes(true).count())?;
        // A grapheme may consist of any number of combining characters.
        within(1, 40 * 8, nickname.chars().count()).map_err(|_| FieldError::TooLong { limit: 40, excess: 0 })?;
        Ok(Self(nickname))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the folded name. Names that read alike have the same one.
    pub(crate) fn key(&self) -> String {
        key(&self.0)
    }

    /// Returns the first character that is seen.
    pub(crate) fn initial(&self) -> &str {
        initial(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nickname_counts_what_people_see() {
        assert!(Nickname::parse(&"👩‍👩‍👧‍👦".repeat(40)).is_ok());
        assert_eq!(Nickname::parse(&"👩‍👩‍👧‍👦".repeat(41)), Err(FieldError::TooLong { limit: 40, excess: 1 }));
        let tower = format!("a{}", "\u{301}".repeat(5_000));
        assert_eq!(Nickname::parse(&tower), Err(FieldError::TooLong { limit: 40, excess: 0 }));
        assert_eq!(Nickname::parse("  길   동 ").unwrap().as_str(), "길 동");
    }

    #[test]
    fn a_nickname_begins_with_what_is_seen() {
        let initial = |typed| Nickname::parse(typed).unwrap().initial().to_owned();
        assert_eq!(initial("길동"), "길");
        assert_eq!(initial("👩‍👩‍👧 family"), "👩‍👩‍👧");
        assert_eq!(initial("\u{200b}\u{301}\u{2800}x"), "x");
        assert_eq!(initial("e\u{301}a"), "é");
    }
}
