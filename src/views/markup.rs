//! Renders the text of a chat, as `crate::markup` parses it, and its mentions. All else is escaped, and only this file
//! writes tags. The style sheet keeps line breaks.

mod emoji;
mod excerpt;
mod size;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::markup::{Block, Item, MAX_DEPTH, Mark, Piece, Source, blocks, missing_scheme, pieces};
use crate::models::Mention;

pub(super) use excerpt::excerpt;
pub(super) use size::approximate_html_size;

/// The bytes of a mention's tags and attributes.
const MENTION_MARKUP: usize = 120;

/// Returns whether the text is only a few emoji. They are shown large.
pub(super) fn is_all_emoji(text: &str) -> bool {
    emoji::is_all(text)
}

pub(super) fn to_html(text: &str, mentions: &[Mention]) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8 + mentions.len() * MENTION_MARKUP);
    write_blocks(&mut html, &Content { source: Source::new(text), mentions }, 0);
    html
}

/// A text with the mentions of the whole chat.
struct Content<'a> {
    source: Source<'a>,
    mentions: &'a [Mention],
}

impl Content<'_> {
    /// Returns the places of the mentions in a line.
    fn mentions_in(&self, line: &str) -> Vec<Range<usize>> {
        if self.mentions.is_empty() {
            return Vec::new();
        }
        let typed = self.source.range(line);
        let is_within = |place: &Range<usize>| place.start >= typed.start && place.end <= typed.end;
        let places = self.mentions.iter().map(Mention::place).filter(is_within);
        let mut places: Vec<_> = places.map(|place| place.start - typed.start..place.end - typed.start).collect();
        places.dedup();
        places
    }
}

fn write_blocks(html: &mut String, content: &Content<'_>, depth: usize) {
    if depth > MAX_DEPTH {
        return write_lines(html, content, content.source.text.split('\n'));
    }
    for block in blocks(content.source.text) {
        match block {
            Block::Paragraph(text) => write_lines(html, content, text.split('\n')),
            Block::Code { language, code } => write_code(html, language, code),
            Block::List(items) => write_list(html, content, &items),
            Block::Quote(quoted) => {
                html.push_str("<blockquote>");
                let quoted = Content { source: content.source.quoted(&quoted), mentions: content.mentions };
                write_blocks(html, &quoted, depth + 1);
                html.push_str("</blockquote>");
            }
        }
    }
}

fn write_code(html: &mut String, language: Option<&str>, code: &str) {
    html.push_str("<figure class=\"code\"");
    if let Some(language) = language {
        html.push_str(" data-language=\"");
        escape(html, language);
        html.push('"');
    }
    html.push_str("><pre><code>");
    // HTML ignores the first line end within `pre`.
    if code.starts_with('\n') {
        html.push('\n');
    }
    escape(html, code);
    html.push_str("</code></pre></figure>");
}

/// Writes lists within lists: an item that is indented by two more columns begins a list within the item before it.
fn write_list(html: &mut String, content: &Content<'_>, items: &[Item<'_>]) {
    let mut open: Vec<(usize, bool)> = Vec::new();
    for item in items {
        let is_ordered = item.number.is_some();
        while let Some((indent, ordered)) = open.last().copied() {
            let is_within = item.indent >= indent + 2 && open.len() < MAX_DEPTH;
            if is_within {
                break;
            }
            html.push_str("</li>");
            if item.indent >= indent && ordered == is_ordered {
                break;
            }
            html.push_str(if ordered { "</ol>" } else { "</ul>" });
            open.pop();
        }
        let is_same = open.last().is_some_and(|(indent, _)| item.indent < indent + 2 || open.len() == MAX_DEPTH);
        if !is_same {
            html.push_str(if is_ordered { "<ol>" } else { "<ul>" });
            open.push((item.indent, is_ordered));
        }
        match item.number {
            // The number as it was typed.
            Some(number) => html.extend(["<li value=\"", number, "\">"]),
            None => html.push_str("<li>"),
        }
        write_lines(html, content, item.lines.iter().copied());
    }
    for (_, ordered) in open.iter().rev() {
        html.push_str(if *ordered { "</li></ol>" } else { "</li></ul>" });
    }
}

fn write_lines<'a>(html: &mut String, content: &Content<'_>, lines: impl Iterator<Item = &'a str>) {
    for (n, line) in lines.enumerate() {
        if n > 0 {
            html.push('\n');
        }
        for piece in pieces(line, &content.mentions_in(line)) {
            write_piece(html, content, piece);
        }
    }
}

fn write_piece(html: &mut String, content: &Content<'_>, piece: Piece<'_>) {
    match piece {
        Piece::Mention(name) => write_mention(html, content, name),
        Piece::Text(text) => escape(html, text),
        Piece::Code(code) => {
            html.push_str("<code>");
            escape(html, code);
            html.push_str("</code>");
        }
        Piece::Link(link) => {
            html.extend(["<a href=\"", missing_scheme(link)]);
            escape(html, link);
            html.push_str("\" rel=\"nofollow noopener noreferrer ugc\" target=\"_blank\">");
            escape(html, link);
            html.push_str("</a>");
        }
        Piece::Open(mark) => html.extend(["<", element(mark), ">"]),
        Piece::Close(mark) => html.extend(["</", element(mark), ">"]),
    }
}

/// Writes a mention of one person, of several with the same name, or of everybody.
fn write_mention(html: &mut String, content: &Content<'_>, name: &str) {
    let place = content.source.range(name);
    let users: Vec<String> = content
        .mentions
        .iter()
        .filter(|it| it.place() == place)
        .filter_map(|it| it.user)
        .map(|it| it.to_string())
        .collect();
    let Some(first) = users.first() else {
        html.push_str("<b class=\"mention\" data-user=\"all\">");
        escape(html, name);
        return html.push_str("</b>");
    };
    html.extend(["<a class=\"mention\" href=\"/user/", first, "\" data-user=\"", first, "\""]);
    if users.len() > 1 {
        html.extend([" data-users=\"", &users.join(" "), "\""]);
    }
    html.push('>');
    escape(html, name);
    html.push_str("</a>");
}

fn element(mark: Mark) -> &'static str {
    match mark {
        Mark::Emphasis => "em",
        Mark::Strong => "strong",
        Mark::Strike => "del",
    }
}

/// Writes text between tags or in a quoted attribute.
pub(super) fn escape(html: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
}
