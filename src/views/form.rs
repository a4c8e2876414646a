//! Forms that were refused: the errors of their fields, and the values to show again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use fluent_templates::fluent_bundle::FluentValue;
use serde::Serialize;
use unicode_normalization::char::is_combining_mark;

use super::Locale;
use crate::error::{FieldError, FieldErrors};
use crate::models::values::is_visible;

/// The error of each refused field, in the reader's language.
pub type FieldMessages = BTreeMap<Cow<'static, str>, String>;

pub fn field_messages(errors: &FieldErrors, locale: Locale) -> FieldMessages {
    errors.0.iter().map(|(field, error)| (field.clone(), message(*error, locale))).collect()
}

fn message(error: FieldError, locale: Locale) -> String {
    let values = [
        ("limit", error.limit().map(FluentValue::from)),
        ("excess", error.excess().map(FluentValue::from)),
        ("character", error.character().map(|character| FluentValue::from(character_name(character, locale)))),
    ];
    let values = values.into_iter().filter_map(|(name, value)| Some((Cow::from(name), value?)));
    locale.text_with(&format!("field-error-{}", error.code()), &values.collect())
}

/// Names a character: a word for white space, the character itself if it is visible, else its code point.
fn character_name(character: char, locale: Locale) -> String {
    match character {
        ' ' => locale.text("character-space"),
        '\t' => locale.text("character-tab"),
        '\n' | '\r' | '\u{2028}' | '\u{2029}' => locale.text("character-line-break"),
        // Isolated, because its direction may differ from the sentence's.
        _ if is_visible(character) && !is_combining_mark(character) => format!("\u{2068}{character}\u{2069}"),
        _ => format!("U+{:04X}", u32::from(character)),
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct ResubmitForm {
    pub action: String,
    pub typed: Vec<(&'static str, String)>,
    pub hidden: Vec<(String, String)>,
    pub needs_password: bool,
    /// Offers to send the form again. Otherwise its text is shown to be copied.
    pub can_send: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_character_is_named_so_that_it_can_be_seen() {
        let message = |tag, error| message(error, Locale::from_tag(tag).unwrap());
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
            for error in [FieldError::Control(character), FieldError::Alphabet(character)] {
                assert!(message("en", error).contains(english), "{}", message("en", error));
                assert!(message("ko", error).contains(korean), "{}", message("ko", error));
            }
        }
    }
}
