//! Splits a text into paragraphs, quotes, lists and blocks of code, line by line.

use super::inline::next_backticks;

const FENCE: usize = 3;
const MAX_LANGUAGE: usize = 32;
/// Years and other long numbers at the start of a line begin no list.
const MAX_DIGITS: usize = 3;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Block<'a> {
    /// Lines as they were typed, without the line ends next to another block.
    Paragraph(&'a str),
    Quote(Quoted),
    List(Vec<Item<'a>>),
    Code {
        language: Option<&'a str>,
        code: &'a str,
    },
}

/// The quoted lines without their marks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Quoted {
    pub(crate) text: String,
    /// Where lines begin, here and in the text that has the quote.
    pub(crate) lines: Vec<(usize, usize)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item<'a> {
    pub(crate) indent: usize,
    /// The typed number. `None` in a list of bullets.
    pub(crate) number: Option<&'a str>,
    /// The item's lines, without indentation.
    pub(crate) lines: Vec<&'a str>,
}

pub(crate) fn blocks(text: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut plain, mut at) = (Vec::new(), 0, 0);
    while at < text.len() {
        let is_line_start = at == 0 || text[..at].ends_with('\n');
        let found = if is_line_start { quote(text, at).or_else(|| list(text, at)) } else { None };
        let found = found.map(|(block, end)| (at, block, end)).or_else(|| code_in_line(text, at));
        let Some((start, block, end)) = found else {
            at = next_line(text, at);
            continue;
        };
        push_paragraph(&mut blocks, &text[plain..start], false);
        blocks.push(block);
        (plain, at) = (end, end);
    }
    push_paragraph(&mut blocks, &text[plain..], true);
    blocks
}

/// Takes away the line end and one blank line next to other blocks, whose margins stand for them.
fn push_paragraph<'a>(blocks: &mut Vec<Block<'a>>, mut text: &'a str, is_last: bool) {
    if !blocks.is_empty() {
        text = text.strip_prefix(['\n', ' ']).unwrap_or(text);
    }
    if !is_last && let Some(line) = text.strip_suffix('\n') {
        text = line.strip_suffix('\n').unwrap_or(line);
    }
    if !text.is_empty() {
        blocks.push(Block::Paragraph(text));
    }
}

fn next_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

/// Returns the lines from `start` on, each with the start of the next one.
fn lines(text: &str, start: usize) -> impl Iterator<Item = (&str, usize)> {
    let mut at = start;
    text[start..].split_inclusive('\n').map(move |line| {
        at += line.len();
        (line.strip_suffix('\n').unwrap_or(line), at)
    })
}

/// Returns the quote that begins at a line, and its end. `>_<` and `>>` are no quotes: a space follows the mark.
fn quote(text: &str, start: usize) -> Option<(Block<'_>, usize)> {
    let (first, _) = lines(text, start).next()?;
    first.strip_prefix("> ").filter(|line| !line.trim().is_empty())?;
    let (mut quoted, mut end) = (Quoted { text: String::new(), lines: Vec::new() }, start);
    for (typed, next) in lines(text, start) {
        let Some(line) = typed.strip_prefix("> ").or((typed == ">").then_some("")) else { break };
        quoted.lines.push((quoted.text.len(), end + typed.len() - line.len()));
        quoted.text.push_str(line);
        quoted.text.push('\n');
        end = next;
    }
    quoted.text.truncate(quoted.text.trim_end().len());
    Some((Block::Quote(quoted), end))
}

fn list(text: &str, start: usize) -> Option<(Block<'_>, usize)> {
    let (mut items, mut end) = (Vec::<Item<'_>>::new(), start);
    for (line, next) in lines(text, start) {
        if let Some(item) = item(line) {
            items.push(item);
        } else {
            let (indent, rest) = indentation(line);
            let Some(last) = items.last_mut().filter(|last| indent >= last.indent + 2 && !rest.starts_with("```"))
            else {
                break;
            };
            last.lines.push(rest);
        }
        end = next;
    }
    (!items.is_empty()).then_some((Block::List(items), end))
}

fn item(line: &str) -> Option<Item<'_>> {
    let (indent, rest) = indentation(line);
    let (number, text) = match rest.strip_prefix("- ") {
        Some(text) => (None, text),
        None => {
            let (number, text) = rest.split_once(". ")?;
            let is_number =
                (1..=MAX_DIGITS).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
            (Some(number).filter(|number| is_number && (*number == "0" || !number.starts_with('0'))), text)
        }
    };
    let is_item = !text.trim().is_empty() && (number.is_some() || rest.starts_with("- "));
    is_item.then(|| Item { indent, number, lines: vec![text.trim_start()] })
}

/// Splits the indentation off a line. A blank line has none.
fn indentation(line: &str) -> (usize, &str) {
    let rest = line.trim_start_matches([' ', '\t']);
    if rest.trim().is_empty() {
        return (0, "");
    }
    let width = |byte| if byte == b'\t' { 4 } else { 1 };
    (line[..line.len() - rest.len()].bytes().map(width).sum(), rest)
}

/// Finds the first block of code whose fence opens in the line at `from`. Returns its start, the block and its end.
fn code_in_line(text: &str, from: usize) -> Option<(usize, Block<'_>, usize)> {
    let line = &text[..next_line(text, from)];
    let mut at = from;
    while let Some((start, ticks)) = next_backticks(line, at) {
        at = start + ticks;
        if let Some((_, end)) = super::inline::code(line, at, ticks) {
            at = end;
        } else if ticks == FENCE
            && let Some((block, end)) = code_block(text, at)
        {
            return Some((start, block, end));
        }
    }
    None
}

/// Returns the block whose opening fence ends at `start`, and its end with the end of the line. Reads no farther than the
/// next fence, so all calls together read the text once.
fn code_block(text: &str, start: usize) -> Option<(Block<'_>, usize)> {
    let mut at = start;
    let close = loop {
        let (close, ticks) = next_backticks(text, at)?;
        if ticks == FENCE {
            break close;
        }
        at = close + ticks;
    };
    let code = &text[start..close];
    if code.trim().is_empty() {
        return None;
    }
    let (language, code) = split_language(code);
    let code = code.strip_suffix('\n').unwrap_or(code);
    let end = close + FENCE;
    Some((Block::Code { language, code }, end + usize::from(text[end..].starts_with('\n'))))
}

/// Takes the language off code, if a single word stands behind the fence and code below it.
fn split_language(code: &str) -> (Option<&str>, &str) {
    let Some((info, rest)) = code.split_once('\n') else { return (None, code) };
    let info = info.trim();
    let is_language = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'#' | b'_');
    if info.is_empty() {
        (None, rest)
    } else if info.bytes().all(is_language) && !rest.trim().is_empty() {
        (Some(&info[..info.len().min(MAX_LANGUAGE)]), rest)
    } else {
        (None, code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_mark_of_a_line_is_text() {
        for text in [
            ">_<",
            ">>",
            "> ",
            ">a",
            ">",
            "- ",
            "-",
            "-5",
            "---",
            "* a",
            "1)",
            "1) a",
            "1.",
            "1. ",
            "1.5 a",
            "2024. 3. 1. 만나요",
            "01. a",
            "~~~\na\n~~~",
            "# a",
            "a\n===",
            "a | b\n--|--",
            "    indented",
            "a\n\n\n\nb",
        ] {
            assert_eq!(blocks(text), [Block::Paragraph(text)]);
        }
    }

    #[test]
    fn a_language_is_one_word_above_code() {
        let language = |code| split_language(code).0;
        assert_eq!(split_language("js\n1"), (Some("js"), "1"));
        assert_eq!(language(" c++ \n1"), Some("c++"));
        let long = format!("{}\n1", "x".repeat(99));
        assert_eq!(split_language(&long).0.map(str::len), Some(MAX_LANGUAGE));
        for none in ["js", "js 1", "js\n", "let x\n1", "가\n1", "\n1"] {
            assert_eq!(language(none), None, "{none}");
        }
    }
}
