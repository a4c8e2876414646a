//! One line of a chat's words, without marks.

use unicode_segmentation::UnicodeSegmentation;

use crate::markup::{Block, MAX_DEPTH, Piece, blocks, pieces};

const ELLIPSIS: char = '…';

/// Shortens a text to one line of at most `limit` characters. A longer text is cut between graphemes.
pub(crate) fn excerpt(text: &str, limit: usize) -> String {
    let mut line = String::new();
    write_plain(&mut line, text, 0);
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().nth(limit).is_none() {
        return line;
    }
    let mut count = 0;
    let fits = line.graphemes(true).take_while(|grapheme| {
        count += grapheme.chars().count();
        count < limit
    });
    let mut cut: String = fits.collect();
    cut.truncate(cut.trim_end().len());
    cut.push(ELLIPSIS);
    cut
}

/// Writes the words without marks, each block on lines of its own.
fn write_plain(out: &mut String, text: &str, depth: usize) {
    let write = |out: &mut String, line: &str| {
        for piece in pieces(line, &[]) {
            if let Piece::Text(text) | Piece::Code(text) | Piece::Link(text) = piece {
                out.push_str(text);
            }
        }
        out.push('\n');
    };
    if depth > MAX_DEPTH {
        return text.split('\n').for_each(|line| write(out, line));
    }
    for block in blocks(text) {
        match block {
            Block::Paragraph(text) => text.split('\n').for_each(|line| write(out, line)),
            Block::Code { code, .. } => out.extend([code, "\n"]),
            Block::Quote(quoted) => write_plain(out, &quoted.text, depth + 1),
            Block::List(items) => {
                for item in items {
                    out.extend(item.number.into_iter().flat_map(|number| [number, ". "]));
                    item.lines.iter().for_each(|line| write(out, line));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_line_of_words_cut_between_graphemes() {
        assert_eq!(excerpt("  one\n\ttwo  ", 80), "one two");
        assert_eq!(excerpt("see `x`:\n```js\ncode\n```\nthere", 80), "see x: code there");
        assert_eq!(excerpt("> **a**\n- ~~b~~\n1. _c_ https://d.kr", 80), "a b 1. c https://d.kr");
        assert_eq!(excerpt(&"가".repeat(80), 80), "가".repeat(80));
        assert_eq!(excerpt(&"가".repeat(81), 80), format!("{}…", "가".repeat(79)));
        assert_eq!(excerpt("aaa 👩‍👩‍👧 b", 8), "aaa…");
        assert_eq!(excerpt("aaa 👩‍👩‍👧 b", 10), "aaa 👩‍👩‍👧…");
        assert_eq!(excerpt(&format!("e{}", "\u{301}".repeat(100)), 80), "…");
    }
}
