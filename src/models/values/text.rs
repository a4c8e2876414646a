use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use crate::error::FieldError;

/// Trims the ends, collapses spaces and rejects control characters and directional formatting.
pub(crate) fn line(typed: &str) -> Result<String, FieldError> {
    let typed = typed.trim();
    reject(typed, |c| c.is_control() || turns_text(c) || matches!(c, '\u{2028}' | '\u{2029}'), FieldError::Control)?;
    if !typed.chars().any(is_visible) {
        return Err(FieldError::Empty);
    }
    Ok(collapse(typed))
}

/// Folds with NFKC and case folding, twice: folding can undo the first normalization (Unicode 3.13, D147).
pub(crate) fn key(text: &str) -> String {
    let fold = |text: &str| UniCase::new(text).to_folded_case().nfkc().collect::<String>();
    fold(&fold(&text.nfkc().collect::<String>()))
}

pub(crate) fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn reject(
    text: &str,
    is_refused: impl Fn(char) -> bool,
    fault: fn(char) -> FieldError,
) -> Result<(), FieldError> {
    text.chars().find(|c| is_refused(*c)).map_or(Ok(()), |c| Err(fault(c)))
}

pub(crate) fn within(least: usize, most: usize, length: usize) -> Result<(), FieldError> {
    match length {
        0 if least > 0 => Err(FieldError::Empty),
        length if length < least => Err(FieldError::TooShort(least)),
        length if length > most => Err(FieldError::TooLong { limit: most, excess: length - most }),
        _ => Ok(()),
    }
}

/// Embeddings and overrides make text read as something else (Unicode Annex 9).
pub(crate) fn overrides_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}')
}

/// On a shared line isolates reorder their surroundings too.
pub(crate) fn turns_text(c: char) -> bool {
    overrides_text(c) || matches!(c, '\u{2066}'..='\u{2069}')
}

/// Returns whether a character is visible by itself: no white space, joiner or filler.
pub(crate) fn is_visible(c: char) -> bool {
    !(c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'))
}

/// Returns the first character of a name that is seen.
pub(crate) fn initial(name: &str) -> &str {
    let shows = |c: char| is_visible(c) && !is_combining_mark(c);
    name.graphemes(true).find(|grapheme| grapheme.chars().any(shows)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::super::{ChatText, Nickname, RoomName, Topic};
    use super::*;

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
}
