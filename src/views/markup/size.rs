//! How large a text becomes, for caches that hold what is not rendered yet.

use super::MENTION_MARKUP;

/// The bytes of a link's tags and attributes.
const LINK_MARKUP: usize = 100;

/// Returns about how many bytes of HTML a text becomes, without rendering it. The tags of marks are counted with the marks.
pub(crate) fn approximate_html_size(text: &str, mentions: usize) -> usize {
    let links = text.matches("://").count() + text.matches("www.").count();
    text.chars().map(written_length).sum::<usize>() + links * LINK_MARKUP + mentions * MENTION_MARKUP
}

fn written_length(c: char) -> usize {
    match c {
        '&' | '\'' => 5,
        '<' => 4,
        '"' => 6,
        '*' | '_' | '~' => 5,
        // A mark of a list or a quote, and a part of a fence.
        '-' | '>' | '`' => 12,
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::to_html;
    use super::*;

    #[test]
    fn a_size_is_estimated_closely_without_rendering() {
        for text in [
            "안녕하세요",
            "**a** _b_ ~~c~~ `d`",
            "```js\n1\n```",
            "> a\n> b",
            "- a\n- b\n- c",
            "www.a.kr <b>",
            "https://a.kr/b",
        ] {
            let (size, about) = (to_html(text, &[]).len(), approximate_html_size(text, 0));
            assert!((size..=3 * size).contains(&(about + 8)), "{text:?}: {size}, estimated {about}");
        }
    }
}
