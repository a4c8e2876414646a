//! Mentions: `@` and the nickname of somebody who may read the room. A text is scanned for candidates, whose names are
//! looked up in `chat/mentions.rs`, and resolved to mentions.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use super::UserId;
use super::values::{collapse, key};
use crate::markup::{code_and_links, is_hangul};

const MAX_CANDIDATES: usize = 20;
/// A nickname has as many graphemes, each of which may consist of several characters.
const MAX_NAME_GRAPHEMES: usize = 40;
const MAX_NAME_CHARACTERS: usize = 40 * 8;
/// A name of more people mentions none of them, unless the author says who is meant.
const MAX_NAMESAKES: usize = 5;
/// Further mentions stay text, so that an entry stays small.
const MAX_MENTIONS: usize = 100;
/// The folded names of everybody in the room, in all languages.
pub(crate) const EVERYBODY: [&str; 2] = ["모두", "all"];

/// A mention as it is stored with a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// `None`: everybody in the room. Several people with one name are several mentions in one place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The place of `@` in the text, in bytes.
    pub at: u32,
    /// The length of `@` and the name, in bytes.
    pub len: u32,
}

/// An `@` with the names that the text continues with, the longest first.
#[derive(Debug)]
pub(crate) struct Candidate {
    at: usize,
    /// The length of `@` and the name in bytes, and the folded name.
    names: Vec<(usize, String)>,
}

/// The people whose names the candidates have, as far as they may read the room.
#[derive(Default)]
pub(crate) struct Namesakes {
    /// By folded name.
    pub(crate) people: HashMap<String, Vec<UserId>>,
    /// Names of more people than were looked up.
    pub(crate) crowded: HashSet<String>,
}

/// What the author says about a text.
#[derive(Clone, Copy, Default)]
pub(crate) struct Choice<'a> {
    /// The people whom the author picked among those with the same name.
    pub(crate) picked: &'a [UserId],
    /// The mentions of the chat before an edit.
    pub(crate) before: &'a [Mention],
    pub(crate) may_mention_everybody: bool,
}

impl Mention {
    /// Returns the bytes of the text that the mention is.
    pub(crate) fn place(&self) -> Range<usize> {
        let at = self.at as usize;
        at..at + self.len as usize
    }
}

impl Candidate {
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(_, name)| name.as_str())
    }

    /// Returns whether one of the names stands for everybody.
    pub(crate) fn may_be_everybody(&self) -> bool {
        self.names().any(is_everybody)
    }
}

/// Returns whether a folded name stands for everybody.
fn is_everybody(name: &str) -> bool {
    EVERYBODY.contains(&name)
}

/// Finds the first `@` of a text that may begin mentions, outside of code and links.
pub(crate) fn candidates(text: &str) -> Vec<Candidate> {
    if !text.contains('@') {
        return Vec::new();
    }
    let mut opaque = code_and_links(text).into_iter().peekable();
    let mut found = Vec::new();
    for (at, _) in text.match_indices('@') {
        while opaque.next_if(|range| range.end <= at).is_some() {}
        let next = opaque.peek().map_or(text.len(), |range| range.start);
        let is_in_word = text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        if next <= at || is_in_word {
            continue;
        }
        found.push(Candidate { at, names: names(&text[at + 1..], next - at - 1) });
        if found.len() == MAX_CANDIDATES {
            break;
        }
    }
    found
}

/// Returns the names that a text may begin with, the longest first. They end before `end`, and no word goes on behind them.
fn names(text: &str, end: usize) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    for (start, grapheme) in text.grapheme_indices(true).take(MAX_NAME_GRAPHEMES) {
        let length = start + grapheme.len();
        if grapheme.contains(['\n', '\r']) || length > end || (start == 0 && grapheme.trim().is_empty()) {
            break;
        }
        let is_word = |c: char| c.is_alphanumeric() && !is_hangul(c);
        let name = &text[..length];
        if grapheme.trim().is_empty() || text[length..].starts_with(is_word) {
            continue;
        }
        if name.chars().count() > MAX_NAME_CHARACTERS {
            break;
        }
        names.push((1 + length, key(&collapse(name))));
    }
    names.reverse();
    names
}

/// Returns the mentions of a text: at each candidate the longest name that somebody has.
pub(crate) fn resolve(candidates: &[Candidate], namesakes: &Namesakes, choice: Choice<'_>) -> Vec<Mention> {
    let (mut mentions, mut end) = (Vec::new(), 0);
    for Candidate { at, names } in candidates {
        let is_known = |(_, name): &&(usize, String)| {
            namesakes.people.contains_key(name) || (choice.may_mention_everybody && is_everybody(name))
        };
        let Some((length, name)) = names.iter().find(is_known).filter(|_| *at >= end) else { continue };
        let users = choice.users(name, namesakes);
        if mentions.len() + users.len() > MAX_MENTIONS {
            break;
        }
        // A text has at most 16,000 bytes.
        let (at, length) = (*at as u32, *length as u32);
        mentions.extend(users.into_iter().map(|user| Mention { user, at, len: length }));
        end = (at + length) as usize;
    }
    mentions
}

impl Choice<'_> {
    /// Returns whom a name mentions. `None` is everybody.
    fn users(&self, name: &str, namesakes: &Namesakes) -> Vec<Option<UserId>> {
        let all = namesakes.people.get(name).map(Vec::as_slice).unwrap_or_default();
        let among = |is_chosen: &dyn Fn(&UserId) -> bool| -> Vec<_> {
            all.iter().copied().filter(|user| is_chosen(user)).map(Some).collect()
        };
        let picked = among(&|user| self.picked.contains(user));
        if !picked.is_empty() {
            return picked;
        }
        if self.may_mention_everybody && is_everybody(name) {
            return vec![None];
        }
        let before = among(&|user| self.before.iter().any(|mention| mention.user == Some(*user)));
        if !before.is_empty() {
            return before;
        }
        let is_clear = all.len() <= MAX_NAMESAKES && !namesakes.crowded.contains(name);
        if is_clear { among(&|_| true) } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// People by their names; somebody's id is the place in the list.
    fn namesakes(names: &[&str]) -> Namesakes {
        let mut found = Namesakes::default();
        for (n, name) in names.iter().enumerate() {
            found.people.entry(key(name)).or_default().push(id(n));
        }
        found
    }

    fn id(n: usize) -> UserId {
        format!("{n:024x}").parse().unwrap()
    }

    /// Writes each mention in brackets with the place of the person in the list.
    fn marked(text: &str, names: &[&str], choice: Choice<'_>) -> String {
        let mentions = resolve(&candidates(text), &namesakes(names), choice);
        let (mut marked, mut end) = (String::new(), 0);
        for mention in &mentions {
            let place = mention.place();
            if place.start >= end {
                marked.push_str(&text[end..place.start]);
                marked.push_str(&format!("[{}]", &text[place.clone()]));
            }
            let who = mention.user.map(|user| (0..99).find(|n| id(*n) == user).unwrap().to_string());
            marked.push_str(&who.unwrap_or("all".into()));
            end = place.end;
        }
        marked + &text[end..]
    }

    #[test]
    fn a_name_behind_an_at_sign_is_mentioned_without_what_follows() {
        let names = ["길동", "길동님", "Kim Lee", "한 솔", "kim", "a_b", "*별*", "ｅ\u{301}"];
        for (seen, text) in [
            ("[@길동]0", ""),
            ("[@길동님]1", "the longer name wins"),
            ("[@길동]0이가 [@길동]0씨, [@길동]0! ([@길동]0) \"[@길동]0\" [@길동]0\n[@길동]0", ""),
            ("가[@길동]0 @[@길동]0 .[@길동]0 _[@길동]0_ **[@길동]0**", "only an ASCII letter or digit joins"),
            ("a@길동.kr 1@길동 @길동2 @길동a @길동é @길", "nobody"),
            ("[@KIM]4은 [@kim  lee]2, [@Kim Lee]2님 @kimchi [@Kim]4 Le", "folded"),
            ("[@한 솔]3이 @한 @ 길동 @\n길동", ""),
            ("[@a_b]5_c [@*별*]6 [@é]7", ""),
            ("[@길동]0[@kim]4", "one behind the other"),
            ("`@길동` ```\n@길동\n``` https://a.kr/@길동 www.a.kr/@kim", "code and links"),
            ("> `@길동` [@길동]0\n> > [@kim]4\n- [@길동]0\n  `@길동`", ""),
            ("[@길동]0`님` [@kim]4👍", ""),
        ] {
            let typed = seen.replace('[', "");
            let typed = typed.split(']').enumerate();
            let typed: String = typed.map(|(n, part)| &part[usize::from(n > 0)..]).collect();
            assert_eq!(marked(&typed, &names, Choice::default()), seen, "{text}");
        }
    }

    #[test]
    fn a_name_of_several_mentions_all_unless_the_author_says_who() {
        let (five, six) = (["길동"; 5], ["길동"; 6]);
        assert_eq!(marked("@길동님", &five, Choice::default()), "[@길동]01234님");
        assert_eq!(marked("@길동님", &six, Choice::default()), "@길동님");
        let picked = [id(4), id(77), id(2)];
        let choice = Choice { picked: &picked, ..Choice::default() };
        assert_eq!(marked("@길동님 @길동", &six, choice), "[@길동]24님 [@길동]24");
        // An edit keeps whom the chat mentioned.
        let before = [Mention { user: Some(id(3)), at: 9, len: 7 }];
        let choice = Choice { before: &before, ..Choice::default() };
        assert_eq!(marked("@길동", &six, choice), "[@길동]3");
        assert_eq!(marked("@길동", &six, Choice { picked: &picked, ..choice }), "[@길동]24");
        let mut crowded = namesakes(&["길동"]);
        crowded.crowded.insert("길동".into());
        assert!(resolve(&candidates("@길동"), &crowded, Choice::default()).is_empty());
        assert_eq!(resolve(&candidates("@길동"), &crowded, Choice { picked: &[id(0)], ..Choice::default() }).len(), 1);
    }

    #[test]
    fn everybody_is_mentioned_by_those_who_may() {
        let may = Choice { may_mention_everybody: true, ..Choice::default() };
        for (text, seen) in
            [("@모두 @all @ALL!", "[@모두]all [@all]all [@ALL]all!"), ("@모두들, @allen", "[@모두]all들, @allen")]
        {
            assert_eq!(marked(text, &[], may), seen);
            assert_eq!(marked(text, &[], Choice::default()), text);
        }
        assert_eq!(marked("@모두", &["모두"], Choice::default()), "[@모두]0");
        assert_eq!(marked("@모두", &["모두"], may), "[@모두]all");
        assert_eq!(marked("@모두", &["모두"], Choice { picked: &[id(0)], ..may }), "[@모두]0");
        assert_eq!(marked("@모두 다", &["모두 다"], may), "[@모두 다]0");
    }

    #[test]
    fn a_text_has_a_bounded_number_of_candidates_and_names() {
        let found = candidates(&"@길동 ".repeat(60));
        assert_eq!(found.len(), MAX_CANDIDATES);
        assert!(found.iter().all(|candidate| candidate.names().count() <= MAX_NAME_GRAPHEMES));
        assert_eq!(marked(&"@길동 ".repeat(21), &["길동"], Choice::default()).matches("0").count(), MAX_CANDIDATES);
        assert_eq!(candidates(&format!("a@b {}@길동", "`@` ".repeat(30))).len(), 1, "others do not count");
        let many = ["길동"; 50];
        let picked: Vec<_> = (0..50).map(id).collect();
        let choice = Choice { picked: &picked, ..Choice::default() };
        let mentions = resolve(&candidates(&"@길동 ".repeat(20)), &namesakes(&many), choice);
        assert_eq!(mentions.len(), MAX_MENTIONS);
        for text in ["@".repeat(4_000), "@ 가".repeat(1_000), format!("@a{}", "\u{301}".repeat(3_998))] {
            let names: usize = candidates(&text).iter().map(|candidate| candidate.names().count()).sum();
            assert!(names <= MAX_CANDIDATES * MAX_NAME_GRAPHEMES);
        }
    }
}
