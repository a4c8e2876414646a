//! Errors, in the reader's words.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use fluent_templates::fluent_bundle::FluentValue;
use serde::Serialize;
use unicode_normalization::char::is_combining_mark;

use super::Locale;
use super::user::Me;
use crate::error::{Error, FieldError, FieldErrors};
use crate::models::values::is_visible;

/// What is wrong, by field.
pub type Messages = BTreeMap<Cow<'static, str>, String>;

/// The sentences for refused fields.
pub fn messages(faults: &FieldErrors, locale: Locale) -> Messages {
    faults.0.iter().map(|(field, fault)| (field.clone(), sentence(*fault, locale))).collect()
}

fn sentence(fault: FieldError, locale: Locale) -> String {
    let limit = fault.limit().map(|limit| (Cow::from("limit"), FluentValue::from(limit)));
    let named = fault.character().map(|character| name_of(character, locale));
    let character = named.map(|name| (Cow::from("character"), FluentValue::from(name)));
    locale.text_with(&format!("fault-{}", fault.code()), &limit.into_iter().chain(character).collect())
}

/// Names a character: a word for white space, the character itself if it is visible, else its code point.
fn name_of(character: char, locale: Locale) -> String {
    match character {
        ' ' => locale.text("character-space"),
        '\t' => locale.text("character-tab"),
        '\n' | '\r' | '\u{2028}' | '\u{2029}' => locale.text("character-line-break"),
        // Isolated, because it may be of the other direction.
        _ if is_visible(character) && !is_combining_mark(character) => format!("\u{2068}{character}\u{2069}"),
        _ => format!("U+{:04X}", u32::from(character)),
    }
}

/// An error page.
#[derive(Serialize)]
pub struct ErrorPage {
    me: Option<Me>,
    /// Whether somebody is signed in, or may be.
    signed_in: bool,
    status: u16,
    code: &'static str,
    message: String,
    hint: String,
    kept: Option<Kept>,
    /// The id of the user whose page the form stood on.
    author: Option<String>,
    /// That user's nickname, where the form is refused for it and somebody has that id.
    author_nickname: Option<String>,
    /// The number of the request, as the log has it.
    id: String,
}

/// A form that was refused.
#[derive(Clone, Debug, Serialize)]
pub struct Kept {
    /// Where it was sent.
    pub action: String,
    /// Its fields that are typed by people, in order; a password is none of them.
    pub typed: Vec<(&'static str, String)>,
    /// Those that are not.
    pub hidden: Vec<(String, String)>,
    /// Whether a password has to be typed again.
    pub password: bool,
    /// Whether it is offered to be sent again; otherwise its text is shown to be copied.
    pub is_sendable: bool,
}

/// An error in JSON.
#[derive(Serialize)]
pub struct ErrorJson {
    error: Body,
}

#[derive(Serialize)]
struct Body {
    code: &'static str,
    message: String,
    /// What to do about it, with the setting where one is wrong.
    hint: String,
    fields: Messages,
}

impl ErrorPage {
    /// The page about an error, with who reads it, if that is known, whether somebody does who is signed in, or may
    /// be. No form is kept, and the request has no number.
    pub fn new(error: &Error, locale: Locale, me: Option<Me>, signed_in: bool) -> Self {
        let (status, code) = (error.status(), error.code());
        let reader = me.as_ref().map(|me| me.nickname.as_str());
        let (message, hint) = (message(error, locale), hint(error, locale, reader.unwrap_or_default()));
        let author_nickname = match error {
            Error::WrongAuthor { nickname } => nickname.clone(),
            _ => None,
        };
        let (kept, author, id) = (None, None, String::new());
        Self { me, signed_in, status, code, message, hint, kept, author, author_nickname, id }
    }

    /// The same with the form that was refused, and the id of the user whose page it stood on.
    pub fn keeping(self, kept: Option<Kept>, author: Option<&str>) -> Self {
        Self { kept, author: author.map(str::to_owned), ..self }
    }

    /// The same with the number of the request, as the log has it.
    pub fn numbered(self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self }
    }
}

impl ErrorJson {
    /// The same for programs. `reader` is who is signed in, if that is known.
    pub fn new(error: &Error, locale: Locale, reader: Option<&Me>) -> Self {
        let fields = match error {
            Error::Invalid(faults) => messages(faults, locale),
            _ => Messages::new(),
        };
        let hint = hint(error, locale, reader.map(|me| me.nickname.as_str()).unwrap_or_default());
        Self { error: Body { code: error.code(), message: message(error, locale), hint, fields } }
    }
}

fn message(error: &Error, locale: Locale) -> String {
    let values = match error {
        Error::WrongAuthor { nickname } => {
            HashMap::from([(Cow::from("author"), FluentValue::from(author(nickname.as_deref(), locale)))])
        }
        _ => HashMap::new(),
    };
    locale.text_with(&format!("error-{}", error.code()), &values)
}

/// How an error names the user whose page a form stood on.
fn author(nickname: Option<&str>, locale: Locale) -> String {
    nickname.map_or_else(|| locale.text("deleted-user"), str::to_owned)
}

/// What to do about it.
fn hint(error: &Error, locale: Locale, reader: &str) -> String {
    let key = format!("error-{}-hint", error.code());
    let Error::RateLimited { retry_after } = error else {
        return locale.text_with(&key, &HashMap::from([(Cow::from("me"), FluentValue::from(reader))]));
    };
    let (key, wait) = match retry_after.as_secs() + 1 {
        seconds @ ..=90 => (key, seconds),
        seconds => (format!("{key}-minutes"), seconds.div_ceil(60)),
    };
    locale.text_with(&key, &HashMap::from([(Cow::from("wait"), FluentValue::from(wait))]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_character_is_named_so_that_it_can_be_seen() {
        let said = |tag, fault| sentence(fault, Locale::tagged(tag).unwrap());
        for (character, english, korean) in [
            ('\u{202e}', "U+202E", "U+202E"),
            ('\u{0}', "U+0000", "U+0000"),
            ('\u{301}', "U+0301", "U+0301"),
            ('\u{200d}', "U+200D", "U+200D"),
            (' ', "a space", "공백"),
            ('\n', "a line break", "줄 바꿈"),
            ('!', "\u{2068}!\u{2069}", "\u{2068}!\u{2069}"),
            ('😀', "\u{2068}😀\u{2069}", "\u{2068}😀\u{2069}"),
        ] {
            for fault in [FieldError::Control(character), FieldError::Alphabet(character)] {
                assert!(said("en", fault).contains(english), "{}", said("en", fault));
                assert!(said("ko", fault).contains(korean), "{}", said("ko", fault));
            }
        }
    }
}
