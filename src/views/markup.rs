//! Renders the text of a chat: links, `code` and blocks of code. All else is escaped; the style sheet keeps line breaks.
//! Each character is read a bounded number of times.

mod emoji;
mod link;

use unicode_segmentation::UnicodeSegmentation;

use link::Link;

const ELLIPSIS: char = '…';
/// The bytes of a link's tags and attributes.
const LINK_MARKUP: usize = 80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span<'a> {
    Plain(&'a str),
    Code(&'a str),
    Block(&'a str),
}

/// Returns whether the text is only a few emoji. They are shown large.
pub(super) fn is_all_emoji(text: &str) -> bool {
    emoji::is_all(text)
}

pub(super) fn to_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    for span in spans(text) {
        match span {
            Span::Plain(plain) => write_links(&mut html, plain),
            Span::Code(code) => write_code(&mut html, "<code>", code, "</code>"),
            Span::Block(code) => write_code(&mut html, "<pre><code>", code, "</code></pre>"),
        }
    }
    html
}

/// Shortens a text to one line of at most `limit` characters. A longer text is cut between graphemes.
pub(super) fn excerpt(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for span in spans(text) {
        let (Span::Plain(text) | Span::Code(text) | Span::Block(text)) = span;
        line.push_str(text);
        if matches!(span, Span::Block(_)) {
            line.push('\n');
        }
    }
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

/// Splits a text into spans. A fence of a block includes the end of its line.
fn spans(text: &str) -> Vec<Span<'_>> {
    let (mut spans, mut plain, mut at) = (Vec::new(), 0, 0);
    while let Some((start, ticks)) = next_backticks(text, at) {
        at = start + ticks;
        let Some((span, end)) = code_span(text, at, ticks) else { continue };
        spans.push(Span::Plain(&text[plain..start]));
        spans.push(span);
        (plain, at) = (end, end);
    }
    spans.push(Span::Plain(&text[plain..]));
    spans.retain(|span| *span != Span::Plain(""));
    spans
}

/// Returns the code behind an opening fence that ends at `start`, and the end of the closing fence. Reads no farther than
/// the next fence of the same length, so all calls together read the text once.
fn code_span(text: &str, start: usize, ticks: usize) -> Option<(Span<'_>, usize)> {
    if ticks != 1 && ticks != 3 {
        return None;
    }
    let mut at = start;
    let (close, end) = loop {
        let (close, closing) = next_backticks(text, at)?;
        at = close + closing;
        if closing == ticks {
            break (close, at);
        }
    };
    let code = &text[start..close];
    if code.trim().is_empty() {
        return None;
    }
    if ticks == 1 {
        return (!code.contains('\n')).then_some((Span::Code(code), end));
    }
    let end = end + usize::from(text[end..].starts_with('\n'));
    Some((Span::Block(code.strip_prefix('\n').unwrap_or(code)), end))
}

/// Finds the next run of backticks. Returns its start and its length.
fn next_backticks(text: &str, from: usize) -> Option<(usize, usize)> {
    let start = from + text[from..].find('`')?;
    Some((start, text[start..].bytes().take_while(|byte| *byte == b'`').count()))
}

fn write_links(html: &mut String, plain: &str) {
    let mut at = 0;
    for Link { start, end } in link::links(plain) {
        escape(html, &plain[at..start]);
        html.push_str("<a href=\"");
        escape(html, &plain[start..end]);
        html.push_str("\" rel=\"nofollow noopener noreferrer ugc\" target=\"_blank\">");
        escape(html, &plain[start..end]);
        html.push_str("</a>");
        at = end;
    }
    escape(html, &plain[at..]);
}

fn write_code(html: &mut String, before: &str, code: &str, after: &str) {
    html.push_str(before);
    escape(html, code);
    html.push_str(after);
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

/// Returns about how many bytes of HTML a text becomes, without rendering it.
pub(super) fn approximate_html_size(text: &str) -> usize {
    text.chars().map(escaped_length).sum::<usize>() + text.matches("://").count() * LINK_MARKUP
}

fn escaped_length(c: char) -> usize {
    match c {
        '&' | '\'' => 5,
        '<' | '>' => 4,
        '"' => 6,
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Text with its markup taken away, and its characters as they were.
    fn read(html: &str) -> String {
        let mut text = String::new();
        for (n, part) in html.split('<').enumerate() {
            text.push_str(if n == 0 { part } else { part.split_once('>').unwrap().1 });
        }
        let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        entities.iter().fold(text, |text, (entity, character)| text.replace(entity, character))
    }

    /// What is between brackets is a link, between braces code.
    fn marked(text: &str) -> String {
        let mut html = to_html(text);
        while let Some((before, rest)) = html.split_once("<a ") {
            let (tag, rest) = rest.split_once('>').unwrap();
            let (label, rest) = rest.split_once("</a>").unwrap();
            assert!(tag.starts_with(&format!("href=\"{label}\" ")), "{tag}");
            html = format!("{before}[{label}]{rest}");
        }
        let tags = [("<pre><code>", "{{"), ("</code></pre>", "}}"), ("<code>", "{"), ("</code>", "}")];
        tags.iter().fold(html, |html, (tag, mark)| html.replace(tag, mark))
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(to_html("<b>\"&amp;'</b>"), "&lt;b&gt;&quot;&amp;amp;&#39;&lt;/b&gt;");
        assert_eq!(to_html("`<b>` ```\n<i>```"), "<code>&lt;b&gt;</code> <pre><code>&lt;i&gt;</code></pre>");
        assert_eq!(to_html("one\ntwo"), "one\ntwo");
    }

    #[test]
    fn a_link_is_followed_without_a_word_about_where_from() {
        let link = "<a href=\"https://a.kr/?b=1&amp;c\" rel=\"nofollow noopener noreferrer ugc\" target=\"_blank\">\
                    https://a.kr/?b=1&amp;c</a>";
        assert_eq!(to_html("https://a.kr/?b=1&c"), link);
    }

    #[test]
    fn backticks_in_pairs_are_code() {
        for (text, seen) in [
            ("use `x` here", "use {x} here"),
            ("`a` and `b`", "{a} and {b}"),
            ("`a``b` c", "{a``b} c"),
            ("` a `", "{ a }"),
            ("```\n  fn a() {}\n```\nafter", "{{  fn a() {}\n}}after"),
            ("```\n\n a```\n\nb", "{{\n a}}\nb"),
            ("see ```a `b` c``` d", "see {{a `b` c}} d"),
            ("`a ``` b`", "{a ``` b}"),
            ("`https://a.kr` ```https://b.kr``` https://c.kr", "{https://a.kr} {{https://b.kr}} [https://c.kr]"),
        ] {
            assert_eq!(marked(text), seen, "{text}");
        }
    }

    #[test]
    fn backticks_without_a_partner_are_text() {
        for text in [
            "`",
            "``",
            "```",
            "````",
            "a `b",
            "`a\nb`",
            "```a",
            "``a``",
            "`` ` ``` ````",
            "` `",
            "``` \n ```",
            "```a````",
        ] {
            assert_eq!(to_html(text), text);
        }
        assert_eq!(marked("`a\n`b`"), "`a\n{b}");
    }

    #[test]
    fn an_excerpt_is_one_line_cut_between_graphemes() {
        assert_eq!(excerpt("  one\n\ttwo  ", 80), "one two");
        assert_eq!(excerpt("see `x`:\n```\ncode\n```\nthere", 80), "see x: code there");
        assert_eq!(excerpt(&"가".repeat(80), 80), "가".repeat(80));
        assert_eq!(excerpt(&"가".repeat(81), 80), format!("{}…", "가".repeat(79)));
        assert_eq!(excerpt("aaa 👩‍👩‍👧 b", 8), "aaa…");
        assert_eq!(excerpt("aaa 👩‍👩‍👧 b", 10), "aaa 👩‍👩‍👧…");
        assert_eq!(excerpt(&format!("e{}", "\u{301}".repeat(100)), 80), "…");
    }

    #[test]
    fn whatever_is_typed_is_read_as_it_was_typed() {
        let parts = [
            "`",
            "``",
            "```",
            "\n",
            " ",
            "<",
            ">",
            "&",
            "&lt;",
            "\"",
            "'",
            "<script>",
            "https://",
            "http://a.kr",
            "/",
            "?",
            "가",
            "을",
            "a",
            "(",
            ")",
            "]",
            ".",
            "😀",
            "\u{2067}",
            "--",
            "https://ㅎ.kr/\"onclick=",
        ];
        let mut seed = 1_u64;
        let mut below = |n: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % n
        };
        let (mut codes, mut links) = (0, 0);
        for _ in 0..20_000 {
            let text: String = (0..below(24)).map(|_| parts[below(parts.len())]).collect();
            let html = to_html(&text);
            assert_eq!(read(&html), without_fences(&text), "{text:?}");
            let mut bare = html.clone();
            for tag in ["<code>", "</code>", "<pre>", "</pre>", "</a>"] {
                codes += bare.matches(tag).count();
                bare = bare.replace(tag, "");
            }
            for link in bare.clone().split("<a href=\"").skip(1) {
                let (address, rest) =
                    link.split_once("\" rel=\"nofollow noopener noreferrer ugc\" target=\"_blank\">").unwrap();
                assert!(!address.contains(['"', '<', '>', '`', ' ', '\n']) && rest.starts_with(address), "{html}");
                links += 1;
            }
            let bare = bare
                .replace("<a href=\"", "")
                .replace("\" rel=\"nofollow noopener noreferrer ugc\" target=\"_blank\">", "");
            assert!(!bare.contains(['<', '>', '"', '\'']), "{text:?}: {html}");
        }
        assert!(codes > 10_000 && links > 10_000, "{codes} {links}");
    }

    /// The text without the backticks that are fences, and the line ends that go with them; written as a rule of its own.
    fn without_fences(text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let run = |at: usize| chars[at..].iter().take_while(|c| **c == '`').count();
        let (mut out, mut at) = (String::new(), 0);
        while at < chars.len() {
            let ticks = run(at);
            if ticks == 0 {
                out.push(chars[at]);
                at += 1;
                continue;
            }
            let begin = at + ticks;
            let mut close = begin;
            while close < chars.len() && run(close) != ticks {
                close += run(close).max(1);
            }
            let code: String = chars[begin..close].iter().collect();
            let is_code = close < chars.len() && !code.trim().is_empty();
            match ticks {
                1 if is_code && !code.contains('\n') => {
                    out.push_str(&code);
                    at = close + 1;
                }
                3 if is_code => {
                    out.push_str(code.strip_prefix('\n').unwrap_or(&code));
                    at = close + 3;
                    at += usize::from(chars.get(at) == Some(&'\n'));
                }
                _ => {
                    out.push_str(&"`".repeat(ticks));
                    at = begin;
                }
            }
        }
        out
    }

    #[test]
    fn no_text_takes_long() {
        let limit = 4_000;
        let long = [
            "`",
            "[",
            "(",
            "` ",
            "`a",
            "``` ",
            "`\n",
            "` `` ",
            "http://",
            "https://a/",
            "https://a/(",
            "http://[",
            "https://a을",
        ];
        let long = long.iter().map(|part| part.repeat(limit * 50 / part.len()));
        let closers = format!("https://a/{}", ")".repeat(limit * 50));
        for text in long.chain([closers]) {
            let begun = Instant::now();
            to_html(&text);
            excerpt(&text, 80);
            // Fifty times the longest chat: the square of it would take minutes.
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?} for {:?}…", begun.elapsed(), &text[..12]);
        }
    }
}
