//! Finds code, links and emphasis within a line.
//!
//! Marks of emphasis open before a word and close behind one, so `2*3*4`, `홍*동`, `snake_case` and `^_^` are text.
//! A particle may follow: `**"사랑"**은`. Within a word `**` marks letters only: `이것**만**은`.

use std::ops::Range;

use super::link::{self, Link};

/// Marks of one kind that are remembered while they are open. It limits how deep elements nest.
const MAX_OPEN: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Code(&'a str),
    Link(&'a str),
    Mention(&'a str),
    Open(Mark),
    Close(Mark),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Emphasis,
    Strong,
    Strike,
}

/// A piece that replaces the bytes from `start` to `end`.
struct Found<'a> {
    start: usize,
    end: usize,
    piece: Piece<'a>,
}

/// Splits a line. `mentions` are the places of its mentions, in order.
pub(crate) fn pieces<'a>(line: &'a str, mentions: &[Range<usize>]) -> Vec<Piece<'a>> {
    let mut found = code_links_and_mentions(line, mentions);
    let marks = marks(line, &found);
    found.extend(marks);
    found.sort_by_key(|found| found.start);
    let (mut pieces, mut at) = (Vec::with_capacity(2 * found.len() + 1), 0);
    for Found { start, end, piece } in found {
        pieces.push(Piece::Text(&line[at..start]));
        pieces.push(piece);
        at = end;
    }
    pieces.push(Piece::Text(&line[at..]));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// Finds the next run of backticks. Returns its start and its length.
pub(super) fn next_backticks(text: &str, from: usize) -> Option<(usize, usize)> {
    let start = from + text[from..].find('`')?;
    Some((start, text[start..].bytes().take_while(|byte| *byte == b'`').count()))
}

/// Returns the code behind a run of backticks that ends at `start`, and the end of the closing backtick. Reads no farther
/// than the next single backtick, so all calls together read the line once.
pub(super) fn code(line: &str, start: usize, ticks: usize) -> Option<(&str, usize)> {
    if ticks != 1 {
        return None;
    }
    let mut at = start;
    loop {
        let (close, closing) = next_backticks(line, at)?;
        at = close + closing;
        if closing == 1 {
            return Some((&line[start..close], at)).filter(|(code, _)| !code.trim().is_empty());
        }
    }
}

fn code_links_and_mentions<'a>(line: &'a str, mentions: &[Range<usize>]) -> Vec<Found<'a>> {
    let (mut found, mut plain, mut at) = (Vec::new(), 0, 0);
    while let Some((start, ticks)) = next_backticks(line, at) {
        at = start + ticks;
        let Some((code, end)) = code(line, at, ticks) else { continue };
        push_plain(&mut found, line, plain..start, mentions);
        found.push(Found { start, end, piece: Piece::Code(code) });
        (plain, at) = (end, end);
    }
    push_plain(&mut found, line, plain..line.len(), mentions);
    found
}

/// Finds links and mentions where no code is.
fn push_plain<'a>(found: &mut Vec<Found<'a>>, line: &'a str, plain: Range<usize>, mentions: &[Range<usize>]) {
    let mut at = plain.start;
    for mention in mentions {
        let fits = mention.start >= at && mention.start < mention.end && mention.end <= plain.end;
        let Some(name) = line.get(mention.clone()).filter(|_| fits) else { continue };
        push_links(found, line, at, mention.start);
        found.push(Found { start: mention.start, end: mention.end, piece: Piece::Mention(name) });
        at = mention.end;
    }
    push_links(found, line, at, plain.end);
}

fn push_links<'a>(found: &mut Vec<Found<'a>>, line: &'a str, from: usize, to: usize) {
    found.extend(link::links(&line[from..to]).map(|Link { start, end }| {
        let (start, end) = (from + start, from + end);
        Found { start, end, piece: Piece::Link(&line[start..end]) }
    }));
}

/// A run of one marker. It shrinks while its characters are used.
struct Run {
    marker: u8,
    start: usize,
    end: usize,
    opens: bool,
    closes: bool,
    /// Stands between letters of a script whose words are not ASCII.
    is_inside_word: bool,
    /// Where the last text before the run ends. Marks around nothing but marks are text.
    text_end: usize,
}

impl Run {
    fn len(&self) -> usize {
        self.end - self.start
    }
}

/// Pairs the marks of a line outside of code and links.
fn marks<'a>(line: &'a str, taken: &[Found<'_>]) -> Vec<Found<'a>> {
    let mut runs = runs(line, taken);
    let (mut open, mut found) = (Open::default(), Vec::new());
    for at in 0..runs.len() {
        let (before, rest) = runs.split_at_mut(at);
        let run = &mut rest[0];
        let is_closing = run.closes && close(run, before, &mut open, &mut found);
        if run.opens && !is_closing {
            open.push(run, at);
        }
        if !is_closing
            && run.closes
            && let Some(previous) = before.last_mut()
            && within_word(line, previous, run)
        {
            pair(previous, run, 2, &mut found);
        }
    }
    found
}

/// Returns whether two runs mark letters within a word.
fn within_word(line: &str, opening: &Run, closing: &Run) -> bool {
    let is_pair = opening.is_inside_word && closing.marker == b'*' && opening.len() == 2 && closing.len() == 2;
    is_pair && line[opening.end..closing.start].chars().all(char::is_alphanumeric)
}

fn runs(line: &str, taken: &[Found<'_>]) -> Vec<Run> {
    let (mut runs, mut at, mut text_end) = (Vec::new(), 0, 0);
    let mut taken = taken.iter().peekable();
    while at < line.len() {
        if let Some(found) = taken.next_if(|found| found.start == at) {
            (at, text_end) = (found.end, found.end);
            continue;
        }
        let marker = line.as_bytes()[at];
        if !is_marker(marker) {
            at += 1;
            text_end = at;
            continue;
        }
        let end = at + line.as_bytes()[at..].iter().take_while(|byte| **byte == marker).count();
        runs.extend(run(line, at, end, text_end));
        at = end;
    }
    runs
}

fn is_marker(byte: u8) -> bool {
    matches!(byte, b'*' | b'_' | b'~')
}

fn run(line: &str, start: usize, end: usize, text_end: usize) -> Option<Run> {
    let marker = line.as_bytes()[start];
    let (before, after) = (line[..start].chars().next_back(), line[end..].chars().next());
    let length = end - start;
    let is_known = match marker {
        b'*' => length <= 3,
        b'_' => length == 1,
        _ => length == 2,
    };
    let is_face = length == 1 && (is_single(line[..start].bytes().rev()) || is_single(line[end..].bytes()));
    if !is_known || is_face || before == Some('\\') {
        return None;
    }
    let is_foreign = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !c.is_ascii());
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    Some(Run {
        marker,
        start,
        end,
        opens: may_open_behind(before, length) && is_edge(after, length, &OPENING),
        closes: may_close_before(after, length) && is_edge(before, length, &CLOSING),
        is_inside_word: marker == b'*' && length == 2 && is_foreign(before) && is_word(after),
        text_end,
    })
}

/// Returns whether bytes begin with a marker that is not doubled, as on both sides of `*_*`.
fn is_single(mut bytes: impl Iterator<Item = u8>) -> bool {
    bytes.next().is_some_and(|byte| is_marker(byte) && bytes.next() != Some(byte))
}

const OPENING: [char; 16] = ['(', '[', '{', '<', '"', '\'', '“', '‘', '「', '『', '《', '〈', '【', '（', '«', '#'];
const CLOSING: [char; 16] = [')', ']', '}', '>', '"', '\'', '”', '’', '」', '』', '》', '〉', '】', '）', '»', '%'];

fn may_open_behind(before: Option<char>, length: usize) -> bool {
    before.is_none_or(|c| match c {
        c if length > 1 => !(c.is_alphanumeric() || ")]}".contains(c)),
        c if c.is_ascii() => c.is_ascii_whitespace() || "([{\"'-/:,.!?*_~|`".contains(c),
        c => !c.is_alphanumeric(),
    })
}

fn may_close_before(after: Option<char>, length: usize) -> bool {
    after.is_none_or(|c| if length == 1 { !c.is_ascii_alphanumeric() } else { !c.is_ascii_digit() })
}

/// Returns whether marked text may begin or end with a character. `quotes` are the brackets and quotes of that side. Longer
/// marks are rarely typed for another reason.
fn is_edge(c: Option<char>, length: usize, quotes: &[char; 16]) -> bool {
    let others = if quotes == &OPENING { &CLOSING } else { &OPENING };
    c.is_some_and(|c| match c {
        c if c.is_whitespace() => false,
        c if quotes.contains(&c) || c.is_alphanumeric() || !c.is_ascii() || is_marker(c as u8) => true,
        c if others.contains(&c) => false,
        '`' | '$' | '@' | '&' => true,
        ',' | ';' => false,
        '.' | '!' | '?' | ':' => length > 1 || quotes == &CLOSING,
        _ => length > 1,
    })
}

/// The open runs of each kind, in order: the places in the list of runs.
#[derive(Default)]
struct Open([Vec<usize>; 5]);

impl Open {
    fn kind(marker: u8, length: usize) -> usize {
        match marker {
            b'*' => length - 1,
            b'_' => 3,
            _ => 4,
        }
    }

    fn push(&mut self, run: &Run, at: usize) {
        let kind = &mut self.0[Self::kind(run.marker, run.len())];
        if kind.len() == MAX_OPEN {
            kind.remove(0);
        }
        kind.push(at);
    }

    /// Finds the last run that another one may close. Three asterisks are one and two.
    fn find(&self, closing: &Run, runs: &[Run]) -> Option<usize> {
        let kinds: &[usize] = match (closing.marker, closing.len()) {
            (b'*', 1) => &[0, 2],
            (b'*', 2) => &[1, 2],
            (b'*', _) => &[0, 1, 2],
            (b'_', _) => &[3],
            _ => &[4],
        };
        let last = kinds.iter().filter_map(|kind| self.0[*kind].last().copied()).max()?;
        (closing.text_end >= runs[last].end).then_some(last)
    }

    /// Forgets the runs from `at` on.
    fn truncate(&mut self, at: usize) {
        for kind in &mut self.0 {
            while kind.last().is_some_and(|last| *last >= at) {
                kind.pop();
            }
        }
    }
}

/// Closes what a run can close. Returns whether it closed anything.
fn close(run: &mut Run, before: &mut [Run], open: &mut Open, found: &mut Vec<Found<'_>>) -> bool {
    let mut has_closed = false;
    while run.len() > 0
        && let Some(at) = open.find(run, before)
    {
        let opening = &mut before[at];
        let length = opening.len().min(run.len());
        open.truncate(at);
        pair(opening, run, length, found);
        if opening.len() > 0 {
            open.push(opening, at);
        }
        has_closed = true;
    }
    has_closed
}

/// Uses the inner characters of two runs.
fn pair(opening: &mut Run, closing: &mut Run, length: usize, found: &mut Vec<Found<'_>>) {
    let marks: &[(Mark, usize)] = match (opening.marker, length) {
        (b'~', _) => &[(Mark::Strike, 2)],
        (_, 1) => &[(Mark::Emphasis, 1)],
        (_, 2) => &[(Mark::Strong, 2)],
        _ => &[(Mark::Emphasis, 1), (Mark::Strong, 2)],
    };
    for (mark, length) in marks {
        found.push(Found { start: opening.end - length, end: opening.end, piece: Piece::Open(*mark) });
        found.push(Found { start: closing.start, end: closing.start + length, piece: Piece::Close(*mark) });
        opening.end -= length;
        closing.start += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes strong text between 〔〕, emphasis between ⟨⟩ and struck text between ⟦⟧.
    fn marked(line: &str) -> String {
        let bracket = |piece: &Piece<'_>| match *piece {
            Piece::Text(text) | Piece::Code(text) | Piece::Link(text) | Piece::Mention(text) => text.to_owned(),
            Piece::Open(Mark::Strong) => "〔".into(),
            Piece::Close(Mark::Strong) => "〕".into(),
            Piece::Open(Mark::Emphasis) => "⟨".into(),
            Piece::Close(Mark::Emphasis) => "⟩".into(),
            Piece::Open(Mark::Strike) => "⟦".into(),
            Piece::Close(Mark::Strike) => "⟧".into(),
        };
        pieces(line, &[]).iter().map(bracket).collect()
    }

    #[test]
    fn emphasis_begins_before_a_word_and_ends_behind_one() {
        for (line, seen) in [
            ("**bold** *it* _it_ ~~no~~", "〔bold〕 ⟨it⟩ ⟨it⟩ ⟦no⟧"),
            ("(**a**), \"*b*\"; _c_. **d**!", "(〔a〕), \"⟨b⟩\"; ⟨c⟩. 〔d〕!"),
            ("***both*** **a *b*** ***a* b** ***a** b*", "〔⟨both⟩〕 〔a ⟨b⟩〕 〔⟨a⟩ b〕 ⟨〔a〕 b⟩"),
            ("**a ~~b _c_~~** ~~**d**~~", "〔a ⟦b ⟨c⟩⟧〕 ⟦〔d〕⟧"),
            ("**a ~~b** c~~", "〔a ~~b〕 c~~"),
            ("**PR**s **👍** **`a*b`** **https://a.kr** *a*", "〔PR〕s 〔👍〕 〔a*b〕 〔https://a.kr〕 ⟨a⟩"),
            ("**a** **b** **c", "〔a〕 〔b〕 **c"),
            ("**...네** **-5도** **#1** a=**b** <b>**c**</b>", "〔...네〕 〔-5도〕 〔#1〕 a=〔b〕 <b>〔c〕</b>"),
        ] {
            assert_eq!(marked(line), seen, "{line}");
        }
    }

    #[test]
    fn a_particle_may_follow_emphasis() {
        for (line, seen) in [
            ("**사랑**은 *강조*한 _이_는 ~~취소~~를", "〔사랑〕은 ⟨강조⟩한 ⟨이⟩는 ⟦취소⟧를"),
            (
                "**\"사랑\"**은 **‘말’**을 **(가)**는 **「책」**의 *\"말\"*은",
                "〔\"사랑\"〕은 〔‘말’〕을 〔(가)〕는 〔「책」〕의 ⟨\"말\"⟩은",
            ),
            ("**끝!**이라고 **30%**는 **A**와", "〔끝!〕이라고 〔30%〕는 〔A〕와"),
            ("이것**만**은 これは**重要**です", "이것〔만〕은 これは〔重要〕です"),
            ("한국어**와** English", "한국어〔와〕 English"),
        ] {
            assert_eq!(marked(line), seen, "{line}");
        }
    }

    #[test]
    fn what_people_type_for_other_reasons_stays() {
        for line in [
            "2*3*4 2**3**4 a*b*c f(x)*2*3 5 * 3 * 2",
            "snake_case_words __init__ _private _a b_c",
            "홍*동 님과 김*수 님, 홍**님, 김**님",
            "010-****-1234, 010-****-5678 ****",
            "^_^ 네 ^_^ -_- 네 -_- >_< @_@ *_* (*_*) 아 (*_*) T_T ㅠ_ㅠ ;_; ._.",
            ":-* 안녕 :-* :* ",
            "안녕~~ 뭐해~~ 네~~~ ~~~ ~~ 1~3 ~5 ~~3시 ~~5시",
            "¯\\_(ツ)_/¯ ¯\\_(ツ)_/¯ \\*a\\* \\**b**",
            "f(*args, **kwargs) int *p, *q; *.rs *.toml",
            "(*) and (*) **, ** ** a ** * a * _ _ ** **** *****",
        ] {
            assert_eq!(marked(line), line);
        }
    }

    #[test]
    fn emphasis_nests_no_deeper_than_a_browser_can_show() {
        let open = MAX_OPEN + 3;
        let html = marked(&format!("{}b{}", "*a ".repeat(open), " b*".repeat(open)));
        assert_eq!(html.matches('⟨').count(), MAX_OPEN);
    }
}
