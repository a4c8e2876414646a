//! What people type, turned into checked types at the door; inside, nothing is checked again.
//! A character is a Unicode scalar value unless it says grapheme.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Error, FieldError};

/// What a user signs in with: 3–32 letters, digits, `_`, `-`, `.` of any script, kept as its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Login(String);

impl Login {
    /// # Errors
    /// `Empty`, `TooShort`, `TooLong`, `Control` or `Alphabet`.
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let login: String = line(typed)?.nfkc().collect();
        // Many scripts write vowels and tones as marks upon a letter.
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

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name that others see: 1–40 graphemes on one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nickname(String);

impl Nickname {
    /// # Errors
    /// `Empty`, `TooLong` or `Control`.
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let nickname: String = line(typed)?.nfc().collect();
        within(1, 40, nickname.graphemes(true).count())?;
        // A grapheme may be made of any number of combining characters.
        within(1, 40 * 8, nickname.chars().count()).map_err(|_| FieldError::TooLong(40))?;
        Ok(Self(nickname))
    }

    /// The nickname as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first grapheme that shows by itself.
    pub fn initial(&self) -> &str {
        let shows = |c: char| is_visible(c) && !is_combining_mark(c);
        self.0.graphemes(true).find(|grapheme| grapheme.chars().any(shows)).unwrap_or(&self.0)
    }
}

/// A password as typed: 8–256 characters, composed (NFC), for keyboards differ in how they send one.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// # Errors
    /// `Empty`, `TooShort`, `TooLong` or `Control`.
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let password: String = typed.nfc().collect();
        reject(&password, |c| c.is_control() || overrides_text(c), FieldError::Control)?;
        // Spaces are as good as other keys; what no key types is not.
        if !password.chars().any(|c| c == ' ' || is_visible(c)) {
            return Err(FieldError::Empty);
        }
        within(8, 256, password.chars().count())?;
        Ok(Self(password))
    }

    /// The bytes that are hashed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Password(…)")
    }
}

/// A room's name: 1–60 characters on one line, unique by its [`RoomName::key`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoomName(String);

impl RoomName {
    /// # Errors
    /// `Empty`, `TooLong` or `Control`.
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let name: String = line(typed)?.nfc().collect();
        within(1, 60, name.chars().count())?;
        Ok(Self(name))
    }

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two names share when people would take them for one.
    pub fn key(&self) -> String {
        collapse(&key(&self.0))
    }
}

/// What a room is about: at most 200 characters on one line, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Topic(String);

impl Topic {
    /// # Errors
    /// `TooLong` or `Control`.
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let topic = match line(typed) {
            Err(FieldError::Empty) => return Ok(Self::default()),
            topic => topic?,
        };
        within(0, 200, topic.chars().count())?;
        Ok(Self(topic))
    }

    /// The topic as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is said: 1–4,000 characters, lines ended by LF, nothing but what can be seen at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChatText(String);

impl ChatText {
    /// The most characters that a chat has.
    pub const MOST: usize = 4_000;

    /// # Errors
    /// `Empty`, `TooLong` or `Control`.
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let text = typed.replace("\r\n", "\n").replace('\r', "\n");
        let text = text.trim_end();
        // Isolates are left to writers of two directions: they end with the block that a chat is.
        let is_refused = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || overrides_text(c);
        reject(text, is_refused, FieldError::Control)?;
        if !text.chars().any(is_visible) {
            return Err(FieldError::Empty);
        }
        within(1, Self::MOST, text.chars().count())?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What makes a chat the same chat when it is sent again: 1–64 of `A-Z a-z 0-9 _ -`, made by the page or the bot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonce(String);

impl Nonce {
    /// # Errors
    /// `Empty`, `TooLong` or `Alphabet`.
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        reject(typed, |c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')), FieldError::Alphabet)?;
        within(1, 64, typed.len())?;
        Ok(Self(typed.to_owned()))
    }

    /// A new one: 128 random bits.
    ///
    /// # Errors
    /// `Internal` when the machine has no random bits.
    pub fn random() -> crate::error::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(random)))
    }

    /// The nonce.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a picture is on the image server: `/image/`, the hash of what is in it, `.jpg`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PicturePath(String);

impl PicturePath {
    /// # Errors
    /// `Path`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let hash = text.strip_prefix("/image/").and_then(|name| name.strip_suffix(".jpg"));
        let is_hash =
            |hash: &str| hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hash.is_some_and(is_hash) { Ok(Self(text.to_owned())) } else { Err(FieldError::Path) }
    }

    /// The path of the larger file.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of the smaller file.
    pub fn small(&self) -> String {
        self.0.replace(".jpg", "-small.jpg")
    }
}

/// One line: ends trimmed, spaces collapsed, without what cannot be seen or turns its surroundings.
fn line(typed: &str) -> Result<String, FieldError> {
    let typed = typed.trim();
    reject(typed, |c| c.is_control() || turns_text(c) || matches!(c, '\u{2028}' | '\u{2029}'), FieldError::Control)?;
    if !typed.chars().any(is_visible) {
        return Err(FieldError::Empty);
    }
    Ok(collapse(typed))
}

/// NFKC and casefold, twice, since folding can undo the first normalization (Unicode 3.13, D147).
fn key(text: &str) -> String {
    let fold = |text: &str| UniCase::new(text).to_folded_case().nfkc().collect::<String>();
    fold(&fold(&text.nfkc().collect::<String>()))
}

fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Refuses a text with the first character for which `is_refused` holds.
fn reject(text: &str, is_refused: impl Fn(char) -> bool, fault: fn(char) -> FieldError) -> Result<(), FieldError> {
    text.chars().find(|c| is_refused(*c)).map_or(Ok(()), |c| Err(fault(c)))
}

fn within(least: usize, most: usize, length: usize) -> Result<(), FieldError> {
    match length {
        0 if least > 0 => Err(FieldError::Empty),
        length if length < least => Err(FieldError::TooShort(least)),
        length if length > most => Err(FieldError::TooLong(most)),
        _ => Ok(()),
    }
}

/// Embeddings and overrides: they make text read as what it is not (Unicode Annex 9).
fn overrides_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}')
}

/// These and isolates: on one line with others they reorder what stands around them.
fn turns_text(c: char) -> bool {
    overrides_text(c) || matches!(c, '\u{2066}'..='\u{2069}')
}

/// Whether a character shows by itself: not white space, not a joiner or another of zero width, not a filler.
pub fn is_visible(c: char) -> bool {
    !(c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'))
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
        assert_eq!(Login::parse(&"가".repeat(33)), Err(FieldError::TooLong(32)));
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

    #[test]
    fn a_nickname_counts_what_people_see() {
        assert!(Nickname::parse(&"👩‍👩‍👧‍👦".repeat(40)).is_ok());
        assert_eq!(Nickname::parse(&"👩‍👩‍👧‍👦".repeat(41)), Err(FieldError::TooLong(40)));
        let tower = format!("a{}", "\u{301}".repeat(5_000));
        assert_eq!(Nickname::parse(&tower), Err(FieldError::TooLong(40)));
        assert_eq!(Nickname::parse("  길   동 ").unwrap().as_str(), "길 동");
    }

    #[test]
    fn what_cannot_be_seen_or_turns_text_is_refused() {
        for unseen in ["\u{200b}\u{200d}", "\u{3164}", "\u{2800}", "\u{feff}", "\u{e0020}"] {
            assert_eq!(Nickname::parse(unseen), Err(FieldError::Empty), "{unseen:?}");
            assert_eq!(ChatText::parse(unseen), Err(FieldError::Empty), "{unseen:?}");
        }
        for turning in ['\u{202e}', '\u{202a}', '\u{0}', '\u{1b}', '\u{7f}'] {
            let typed = format!("a{turning}b\u{202d}c");
            assert_eq!(RoomName::parse(&typed), Err(FieldError::Control(turning)), "{turning:?}");
            assert_eq!(ChatText::parse(&typed), Err(FieldError::Control(turning)), "{turning:?}");
        }
        assert_eq!(Nickname::parse("a\u{2067}b"), Err(FieldError::Control('\u{2067}')));
        assert!(ChatText::parse("a \u{2067}b\u{2069}").is_ok());
        assert_eq!(Topic::parse("one\ntwo"), Err(FieldError::Control('\n')));
        assert_eq!(Topic::parse("\u{200b}").unwrap(), Topic::default());
    }

    #[test]
    fn a_nickname_begins_with_what_is_seen() {
        let initial = |typed| Nickname::parse(typed).unwrap().initial().to_owned();
        assert_eq!(initial("길동"), "길");
        assert_eq!(initial("👩‍👩‍👧 family"), "👩‍👩‍👧");
        assert_eq!(initial("\u{200b}\u{301}\u{2800}x"), "x");
        assert_eq!(initial("e\u{301}a"), "é");
    }

    #[test]
    fn rooms_that_read_alike_share_a_key() {
        let key = |name| RoomName::parse(name).unwrap().key();
        assert_eq!(key("Straße  42"), key("ＳＴＲＡＳＳＥ\u{3000}42"));
        assert_ne!(key("사랑방"), key("사랑 방"));
        assert_eq!(RoomName::parse(&"방".repeat(61)), Err(FieldError::TooLong(60)));
    }

    #[test]
    fn a_text_keeps_its_lines_and_loses_its_end() {
        assert_eq!(ChatText::parse("  a\r\nb\rc\t\n \n").unwrap().as_str(), "  a\nb\nc");
        assert!(ChatText::parse(&"😀".repeat(4_000)).is_ok());
        assert_eq!(ChatText::parse(&"a".repeat(4_001)), Err(FieldError::TooLong(4_000)));
        assert!(ChatText::parse(&format!("a{}", "\r\n".repeat(4_000))).is_ok());
    }

    #[test]
    fn a_password_is_the_same_from_every_keyboard() {
        let composed = Password::parse("비밀번호입니다요").unwrap();
        let decomposed = Password::parse(&"비밀번호입니다요".nfd().collect::<String>()).unwrap();
        assert_eq!(composed.as_bytes(), decomposed.as_bytes());
        assert!(matches!(Password::parse("1234567"), Err(FieldError::TooShort(8))));
        assert!(matches!(Password::parse(&"\u{200b}".repeat(8)), Err(FieldError::Empty)));
        assert!(matches!(Password::parse("password\u{202e}"), Err(FieldError::Control('\u{202e}'))));
        assert!(Password::parse("        ").is_ok());
    }

    #[test]
    fn a_nonce_takes_one_alphabet() {
        assert!(Nonce::parse(&"aZ9_-".repeat(12)).is_ok());
        assert_eq!(Nonce::parse(""), Err(FieldError::Empty));
        assert_eq!(Nonce::parse(&"a".repeat(65)), Err(FieldError::TooLong(64)));
        assert_eq!(Nonce::parse("a가"), Err(FieldError::Alphabet('가')));
    }
}
