use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::text::{is_visible, key, line, within};
use crate::error::FieldError;

/// A login id: 3–32 letters, digits, `_`, `-`, `.` of any script, stored as its folded key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Login(String);

impl Login {
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let login: String = line(typed)?.nfkc().collect();
        // Many scripts write vowels and tones as marks on a letter.
        let mut after_letter = false;
        for c in login.chars() {
            let is_mark = is_combining_mark(c) && after_letter;
            if !is_visible(c) || !(c.is_alphanumeric() || is_mark || matches!(c, '_' | '-' | '.')) {
                return Err(FieldError::Alphabet(c));
            }
            after_letter = is_mark || c.is_alphabetic();
        }
        within(3, 32, login.chars().count())?;
        Ok(Self(key(&login)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_the_same_however_it_is_typed() {
        let same = ["Straße.1", "STRASSE.1", "ｓｔｒａｓｓｅ．１", " strasse.1 "];
        for typed in same {
            assert_eq!(Login::parse(typed).unwrap().as_str(), "strasse.1", "{typed}");
        }
        let composed = Login::parse("한글이름").unwrap();
        assert_eq!(Login::parse(&"한글이름".nfd().collect::<String>()).unwrap(), composed);
    }

    #[test]
    fn a_login_has_3_to_32_letters_digits_and_three_signs() {
        assert_eq!(Login::parse("ab"), Err(FieldError::TooShort(3)));
        assert_eq!(Login::parse(&"가".repeat(33)), Err(FieldError::TooLong { limit: 32, excess: 1 }));
        assert!(Login::parse(&"가".repeat(32)).is_ok());
        for (typed, refused) in [
            ("a b c", ' '),
            ("abc!", '!'),
            ("abc/?", '/'),
            ("abc\u{200d}d", '\u{200d}'),
            ("a😀😀", '😀'),
            ("\u{301}abc", '\u{301}'),
            ("ab\u{1160}c", '\u{1160}'),
            ("ab.\u{301}c", '\u{301}'),
        ] {
            assert_eq!(Login::parse(typed), Err(FieldError::Alphabet(refused)), "{typed}");
        }
        assert_eq!(Login::parse("   "), Err(FieldError::Empty));
        for typed in ["हिन्दी", "ไทยแลนด์", "ë̀ee", &"ß".repeat(32)] {
            assert!(Login::parse(typed).is_ok(), "{typed}");
        }
    }
}
