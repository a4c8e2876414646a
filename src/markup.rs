//! Parses the text of a chat: blocks of code, quotes, lists, and within a line `code`, links, mentions and emphasis. Knows
//! no HTML.
//!
//! Why no crate: CommonMark reads `홍*동, 김*수`, `^_^ ^_^` and `2*3*4` as emphasis, but not `**"사랑"**은`. It reads dates
//! (`2024. 3. 1.`) as nested lists and `~~~` as a fence, continues quotes on the next line, and drops the backslashes of
//! `¯\_(ツ)_/¯`, entities and `[a]: b`. `pulldown-cmark` and `comrak` cannot switch these off, and `markdown` cannot
//! switch off the first three. Undoing them takes more code than these rules. Each character is read a bounded number
//! of times.

mod block;
mod inline;
mod link;

use std::ops::Range;

pub(crate) use block::{Block, Item, Quoted, blocks};
pub(crate) use inline::{Mark, Piece, pieces};
pub(crate) use link::{is_hangul, missing_scheme};

/// How deep quotes and lists nest. Marks beyond it are shown as typed.
pub(crate) const MAX_DEPTH: usize = 3;

/// A text or the text within its quotes, with the place of each line in the typed text.
pub(crate) struct Source<'a> {
    pub(crate) text: &'a str,
    /// Where lines begin, here and in the typed text.
    lines: Vec<(usize, usize)>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, lines: vec![(0, 0)] }
    }

    pub(crate) fn quoted<'b>(&self, quoted: &'b Quoted) -> Source<'b> {
        let lines = quoted.lines.iter().map(|(here, there)| (*here, self.typed_at(*there))).collect();
        Source { text: &quoted.text, lines }
    }

    /// Returns the place of a part of this text in the typed text.
    pub(crate) fn range(&self, part: &str) -> Range<usize> {
        let start = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        self.typed_at(start)..self.typed_at(start + part.len())
    }

    fn typed_at(&self, at: usize) -> usize {
        let line = self.lines.partition_point(|(here, _)| *here <= at).saturating_sub(1);
        self.lines.get(line).map_or(at, |(here, there)| there + at.saturating_sub(*here))
    }
}

/// Returns the places of code and links, in order.
pub(crate) fn code_and_links(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    push_code_and_links(&mut ranges, &Source::new(text), 0);
    ranges
}

fn push_code_and_links(ranges: &mut Vec<Range<usize>>, source: &Source<'_>, depth: usize) {
    let push_line = |ranges: &mut Vec<Range<usize>>, line: &str| {
        for piece in pieces(line, &[]) {
            if let Piece::Code(part) | Piece::Link(part) = piece {
                ranges.push(source.range(part));
            }
        }
    };
    if depth > MAX_DEPTH {
        return source.text.split('\n').for_each(|line| push_line(ranges, line));
    }
    for block in blocks(source.text) {
        match block {
            Block::Paragraph(text) => text.split('\n').for_each(|line| push_line(ranges, line)),
            Block::Code { code, .. } => ranges.push(source.range(code)),
            Block::List(items) => items.iter().flat_map(|item| &item.lines).for_each(|line| push_line(ranges, line)),
            Block::Quote(quoted) => push_code_and_links(ranges, &source.quoted(&quoted), depth + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_links_are_found_where_they_were_typed() {
        for (text, found) in [
            ("a `b` https://c.kr d", vec!["b", "https://c.kr"]),
            ("```js\nb\n```\n> 가 `c`\n> > `d` e\n- `f`\n  `g` 나", vec!["b", "c", "d", "f", "g"]),
            ("> ```\n> b\n> c\n> ```\n`d`", vec!["b\n> c", "d"]),
            ("> > > > > `b`", vec!["b"]),
            ("a `b", vec![]),
        ] {
            let ranges = code_and_links(text);
            assert_eq!(ranges.into_iter().map(|range| &text[range]).collect::<Vec<_>>(), found, "{text}");
        }
    }
}
