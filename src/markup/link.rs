//! Finds the links of a text.

const SCHEMES: [&str; 2] = ["https://", "http://"];
const WWW: &str = "www.";

/// Korean particles and endings that follow a link without a space. A longer one comes before its own beginning.
const PARTICLES: &str = "이라고 이에요 입니다 에서 에게 으로 부터 까지 처럼 보다 마다 조차 마저 밖에 대로 이랑 이나 이라 이고 이며 \
                         이죠 인데 예요 하고 라고 라는 라도 께서 한테 같은 은 는 이 가 을 를 과 와 도 만 의 에 로 나 랑 야";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) start: usize,
    pub(super) end: usize,
}

pub(super) fn links(text: &str) -> impl Iterator<Item = Link> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + text[at..].find(['h', 'H', 'w', 'W'])?;
            at = start + 1;
            let Some(length) = link_length(&text[start..], &text[..start]) else { continue };
            at = start + length;
            return Some(Link { start, end: at });
        }
    })
}

/// Returns the length of the link at the start of a text. A letter or digit before it makes it part of a word.
fn link_length(text: &str, before: &str) -> Option<usize> {
    if before.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let starts_with = |prefix: &&&str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if let Some(scheme) = SCHEMES.iter().find(starts_with) {
        return Some(scheme.len() + url_length(&text[scheme.len()..])?);
    }
    if !starts_with(&&WWW) || before.ends_with(['.', '/', '@', '-', '_', ':', '=', '&', '?', '%']) {
        return None;
    }
    let length = url_length(text)?;
    let is_name = |part: &str| part.starts_with(char::is_alphanumeric);
    let host = text.get(WWW.len()..length)?.split(['/', '?', '#', ':']).next().unwrap_or_default();
    (host.contains('.') && host.split('.').all(is_name)).then_some(length)
}

/// Returns what the address of a link begins with where the text leaves it out.
pub(crate) fn missing_scheme(link: &str) -> &'static str {
    if link.contains("://") && !link[..WWW.len()].eq_ignore_ascii_case(WWW) { "" } else { SCHEMES[0] }
}

/// Returns the length of a URL behind its scheme.
fn url_length(text: &str) -> Option<usize> {
    let host = host(text);
    if !text[..host].starts_with(char::is_alphanumeric) {
        return None;
    }
    let port = port(&text[host..]);
    let end = host + port;
    // A URL with a user name may look like another site's.
    let beside = &text[end..];
    let beside =
        &beside[..beside.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#')).unwrap_or(beside.len())];
    if beside.contains('@') {
        return None;
    }
    let whole = match text[end..].chars().next() {
        Some('/' | '?' | '#') => end + path(&text[end..], text[..end].is_ascii()),
        _ => end,
    };
    Some(trim_trailing(&text[..whole]))
}

/// Returns the length of a host. Hangul behind an ASCII host belongs to the sentence.
fn host(text: &str) -> usize {
    let is_ascii = text.starts_with(|c: char| c.is_ascii());
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.find(|c: char| !is_host(c) || (is_ascii && is_hangul(c))).unwrap_or(text.len())
}

fn port(text: &str) -> usize {
    let Some(number) = text.strip_prefix(':') else { return 0 };
    match number.bytes().take_while(u8::is_ascii_digit).count() {
        0 => 0,
        digits => 1 + digits,
    }
}

fn path(text: &str, mut is_ascii: bool) -> usize {
    for (at, c) in text.char_indices() {
        // A name begins behind each slash but the first.
        let is_name = at > 1 && text[..at].ends_with(['/', '=']);
        if !is_path(c) || (is_ascii && !is_name && is_hangul(c) && begins_with_particle(&text[at..])) {
            return at;
        }
        is_ascii &= c.is_ascii();
    }
    text.len()
}

/// Excludes spaces, quotes, CJK punctuation, and invisible or direction marks.
fn is_path(c: char) -> bool {
    let is_unseen = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let is_mark = matches!(c, '\u{2018}'..='\u{201f}' | '…' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{ff01}' | '\u{ff08}' | '\u{ff09}' | '\u{ff0c}' | '\u{ff0e}' | '\u{ff1a}' | '\u{ff1b}' | '\u{ff1f}');
    !(c.is_whitespace() || c.is_control() || is_unseen || is_mark || matches!(c, '<' | '>' | '"' | '`'))
}

pub(crate) fn is_hangul(c: char) -> bool {
    matches!(c, '가'..='힣' | '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}')
}

/// Returns whether the Hangul at the start of a text consists of particles only.
fn begins_with_particle(text: &str) -> bool {
    let end = text.find(|c| !is_hangul(c)).unwrap_or(text.len());
    let mut rest = &text[..end];
    while let Some(behind) = PARTICLES.split(' ').find_map(|particle| rest.strip_prefix(particle)) {
        rest = behind;
    }
    rest.is_empty()
}

/// Returns the length without the sentence's punctuation, and without brackets that the URL does not open.
fn trim_trailing(address: &str) -> usize {
    let count = |brackets: [char; 2]| brackets.map(|bracket| address.matches(bracket).count());
    let mut brackets = [['(', ')'], ['[', ']'], ['{', '}']].map(|pair| (pair[1], count(pair)));
    let mut end = address.len();
    while let Some(last) = address[..end].chars().next_back() {
        if let Some((_, [opened, closed])) = brackets.iter_mut().find(|(closing, _)| *closing == last) {
            if closed <= opened {
                break;
            }
            *closed -= 1;
        } else if let Some(struck) = address[..end].strip_suffix("~~") {
            end = struck.len();
            continue;
        } else if !matches!(last, '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*') {
            break;
        }
        end -= last.len_utf8();
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_hangul_behind_a_slash_is_no_particle() {
        for whole in ["https://namu.wiki/w/도로", "https://ko.example/wiki/이", "https://a.example/?q=나"] {
            assert_eq!(marked(whole), format!("⟦{whole}⟧"));
        }
        assert_eq!(marked("https://a.example/w/를 보세요"), "⟦https://a.example/w/를⟧ 보세요");
        assert_eq!(marked("https://a.example/를"), "⟦https://a.example/⟧를");
    }

    /// The text with its links in braces.
    fn marked(text: &str) -> String {
        let (mut marked, mut at) = (String::new(), 0);
        for link in links(text) {
            marked.push_str(&format!("{}⟦{}⟧", &text[at..link.start], &text[link.start..link.end]));
            at = link.end;
        }
        marked + &text[at..]
    }

    #[test]
    fn a_link_ends_where_the_sentence_goes_on() {
        for seen in [
            "⟦https://example.com⟧",
            "⟦HTTP://Example.com⟧ and ⟦https://a.kr/b⟧.",
            "(⟦https://example.com/a_(b)⟧), [⟦https://example.com/a⟧]; \"⟦https://a.kr/?q=1&r=%20#x⟧\"!",
            "<⟦https://a.kr/⟧> ‘⟦https://a.kr/b⟧’ 「⟦https://a.kr/c⟧」。",
            "⟦http://localhost:8000/room⟧: ⟦http://127.0.0.1:1⟧:",
            "⟦https://a.kr/b⟧?! ⟦https://a.kr/b?c⟧… ⟦https://a.kr/~b/_c_⟧",
            "one ⟦https://a.kr⟧\n⟦https://b.kr⟧\ttwo",
            "⟦https://a/https://a/https://a/⟧",
            "⟦https://a.kr/b⟧\u{2069}\u{202c}c",
            "⟦www.a.kr⟧, (⟦WWW.a.kr/b⟧) 주소는⟦www.example.org:80/a⟧을 **⟦www.a.kr⟧** ~~⟦www.a.kr/b⟧~~",
            "http ⟦https://www.a.kr⟧",
        ] {
            assert_eq!(marked(&seen.replace(['⟦', '⟧'], "")), seen);
        }
    }

    #[test]
    fn hangul_behind_a_link_is_outside_and_hangul_in_it_inside() {
        for seen in [
            "⟦https://example.com/a⟧을 보세요",
            "⟦https://example.com⟧은 ⟦https://example.com/⟧에서는, ⟦https://example.com:80⟧으로",
            "⟦https://example.com⟧참고하세요",
            "(⟦https://example.com/a⟧)에 ⟦https://example.com/?a=1⟧입니다.",
            "주소는⟦https://example.com⟧",
            "⟦https://ko.wikipedia.org/wiki/사랑방⟧ ⟦https://namu.wiki/w/K팝⟧",
            "⟦https://한국.kr/경로⟧ ⟦https://한국.kr⟧",
        ] {
            assert_eq!(marked(&seen.replace(['⟦', '⟧'], "")), seen);
        }
    }

    #[test]
    fn what_is_no_link_is_none() {
        for text in [
            "",
            "://",
            "http://",
            "https:// a.kr",
            "xhttp://a.kr",
            "ftp://a.kr",
            "javascript://a.kr/%0aalert(1)",
            "https://.",
            "https://-a.kr",
            "http://[::1]/",
            "https:///a",
            "https://@a.kr",
            "https://bank.com@evil.com",
            "https://user:password@evil.com/",
            "가://a",
            "example.com a@www.example.com xwww.a.kr -www.a.kr",
            "www. www.a www.a. www..a.kr www.-a.kr www.user@evil.com www.a.kr@evil.com",
        ] {
            assert_eq!(marked(text), text);
        }
    }
}
