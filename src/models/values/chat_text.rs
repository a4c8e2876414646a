use serde::{Deserialize, Serialize};

use super::text::{is_visible, overrides_text, reject, within};
use crate::error::FieldError;

/// The text of a chat: 1–4,000 characters, lines ended by LF, no invisible characters at the end. Beside files it may be
/// empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChatText(String);

impl ChatText {
    pub(crate) const MOST: usize = 4_000;

    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let text = typed.replace("\r\n", "\n").replace('\r', "\n");
        let text = text.trim_end();
        // Isolates are allowed: they end with the block element of the chat.
        let is_refused = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || overrides_text(c);
        reject(text, is_refused, FieldError::Control)?;
        if !text.chars().any(is_visible) {
            return Err(FieldError::Empty);
        }
        within(1, Self::MOST, text.chars().count())?;
        Ok(Self(text.to_owned()))
    }

    /// Parses a text that may be empty, because the chat has files.
    pub(crate) fn parse_beside_files(typed: &str) -> Result<Self, FieldError> {
        match Self::parse(typed) {
            Err(FieldError::Empty) => Ok(Self::default()),
            parsed => parsed,
        }
    }

    /// Keeps a stored text as it is, also if it breaks a rule of today.
    pub(crate) fn from_stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_lines_and_loses_its_end() {
        assert_eq!(ChatText::parse("  a\r\nb\rc\t\n \n").unwrap().as_str(), "  a\nb\nc");
        assert!(ChatText::parse(&"😀".repeat(4_000)).is_ok());
        assert_eq!(ChatText::parse(&"a".repeat(4_001)), Err(FieldError::TooLong { limit: 4_000, excess: 1 }));
        assert!(ChatText::parse(&format!("a{}", "\r\n".repeat(4_000))).is_ok());
    }
}
