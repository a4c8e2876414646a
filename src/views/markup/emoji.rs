//! Recognizes texts of only a few emoji (Unicode Technical Standard 51).

use unicode_properties::emoji::{EmojiStatus, UnicodeEmoji};
use unicode_segmentation::UnicodeSegmentation;

const MAX_EMOJI: usize = 6;

const EMOJI_STYLE: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';
const JOINER: char = '\u{200d}';

pub(super) fn is_all(text: &str) -> bool {
    let mut emoji = text.graphemes(true).filter(|grapheme| !grapheme.trim().is_empty());
    let mut few = emoji.by_ref().take(MAX_EMOJI).peekable();
    few.peek().is_some() && few.all(is_emoji) && emoji.next().is_none()
}

/// Returns whether a grapheme is a keycap, a flag, or a picture with its joined characters.
fn is_emoji(grapheme: &str) -> bool {
    let mut chars = grapheme.chars();
    let Some(first) = chars.next() else { return false };
    let rest = chars.as_str();
    match first {
        '0'..='9' | '#' | '*' => rest.strip_prefix(EMOJI_STYLE).unwrap_or(rest).chars().eq([KEYCAP]),
        first if is_flag_letter(first) => rest.starts_with(is_flag_letter) && rest.chars().count() == 1,
        first => is_picture(first, rest.chars().next()) && rest.chars().all(is_joined),
    }
}

/// Returns whether a character is shown as a picture, by itself or because of the next one.
fn is_picture(c: char, next: Option<char>) -> bool {
    let is_requested = next.is_some_and(|next| next == EMOJI_STYLE || is_skin_tone(next));
    let by_itself = matches!(
        c.emoji_status(),
        EmojiStatus::EmojiPresentation
            | EmojiStatus::EmojiPresentationAndModifierBase
            | EmojiStatus::EmojiPresentationAndEmojiComponent
            | EmojiStatus::EmojiPresentationAndModifierAndEmojiComponent
    );
    c.is_emoji_char() && (by_itself || is_requested)
}

/// Returns whether a character may follow the first one of an emoji. The text variant may not.
fn is_joined(c: char) -> bool {
    matches!(c, JOINER | EMOJI_STYLE | '\u{e0020}'..='\u{e007f}') || (c.is_emoji_char() && !c.is_ascii())
}

fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

fn is_flag_letter(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_emoji_are_all_there_is() {
        for text in
            ["😀", "😀 😀\n😀", "👩‍👩‍👧‍👦", "🇰🇷🇯🇵", "1️⃣#️⃣*⃣", "👍🏽", "☝🏽", "❤️", "❤️‍🔥", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏳️‍🌈", "⌚", "👩🏽‍🚀 🙏 🎉 🇰🇷 9️⃣ 🤷🏻‍♀️"]
        {
            assert!(is_all(text), "{text}");
        }
    }

    #[test]
    fn all_else_is_text() {
        for text in [
            "",
            " ",
            "ㅋㅋ",
            "ㅋㅋ😀",
            "😀.",
            "1",
            "#",
            "*",
            "12",
            "1\u{fe0f}",
            "a",
            "©",
            "™",
            "❤\u{fe0e}",
            "❤",
            "☎",
            "🇰",
            "🇰🇷🇯",
            "😀😀😀😀😀😀😀",
            "😀\u{301}",
            "⌚\u{fe0e}",
            "\u{200d}",
            "\u{fe0f}",
            "😀\u{200b}",
        ] {
            assert!(!is_all(text), "{text:?}");
        }
    }
}
