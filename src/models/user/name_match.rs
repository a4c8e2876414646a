//! Matches nicknames with what was typed: parts of names, first consonants, and keys of the other keyboard layout.
//!
//! | typed | finds | because |
//! |---|---|---|
//! | 길 | 홍길동 | part of the name |
//! | ㅎㄱㄷ, 홍ㄱㄷ | 홍길동 | a consonant stands for any syllable that begins with it |
//! | 기, 홍기 | 길동, 홍길동 | the last syllable may still get a final consonant |
//! | 긷 | 기도 | the final consonant may still begin the next syllable |
//! | rlfehd, ㅗ디ㅣㅐ | 길동, hello | typed in the other layout |

use std::str::Chars;

use unicode_normalization::UnicodeNormalization;

use crate::models::values::{collapse, key};

const INITIALS: &str = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
const VOWELS: &str = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ";
/// From index 1 on: index 0 is no final consonant.
const FINALS: &str = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ";
/// Letters that the Korean keyboard enters with two keys, followed by those two.
const COMPOUNDS: [&str; 18] = [
    "ㅘㅗㅏ",
    "ㅙㅗㅐ",
    "ㅚㅗㅣ",
    "ㅝㅜㅓ",
    "ㅞㅜㅔ",
    "ㅟㅜㅣ",
    "ㅢㅡㅣ",
    "ㄳㄱㅅ",
    "ㄵㄴㅈ",
    "ㄶㄴㅎ",
    "ㄺㄹㄱ",
    "ㄻㄹㅁ",
    "ㄼㄹㅂ",
    "ㄽㄹㅅ",
    "ㄾㄹㅌ",
    "ㄿㄹㅍ",
    "ㅀㄹㅎ",
    "ㅄㅂㅅ",
];
/// The keys of the Korean keyboard, and what they enter in its Latin layout.
const HANGUL_KEYS: &str = "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡㅃㅉㄸㄲㅆㅒㅖ";
const LATIN_KEYS: &str = "qwertyuiopasdfghjklzxcvbnmQWERTOP";

const FIRST_SYLLABLE: u32 = 0xac00;
const LAST_SYLLABLE: u32 = 0xd7a3;
const VOWEL_COUNT: u32 = 21;
/// Syllables with the same initial consonant and vowel.
const FINAL_COUNT: u32 = 28;
/// No name is longer.
const MAX_TYPED: usize = 400;

/// What somebody typed to find people.
#[derive(Debug)]
pub(crate) struct NamePattern {
    literal: Vec<Unit>,
    /// What the same keys enter otherwise.
    guesses: Vec<Vec<Unit>>,
}

/// One typed character.
#[derive(Debug, PartialEq)]
enum Unit {
    Character(char),
    /// A consonant, by its index in [`INITIALS`].
    Initial(u32),
    /// A last syllable without a final consonant.
    Open(char),
    /// A last syllable with one. It may also be the syllable `open` and the consonant `next` of another one.
    Closed {
        syllable: char,
        open: char,
        next: u32,
    },
}

/// How well a name matches. The best rank comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Start,
    Part,
    Guess,
}

impl NamePattern {
    /// Returns `None` for a text without visible characters, which all names match.
    pub(crate) fn new(typed: &str) -> Option<Self> {
        let typed: String = typed.chars().take(MAX_TYPED).nfc().collect();
        let literal = folded(&typed);
        if literal.is_empty() {
            return None;
        }
        let mut readings = vec![literal];
        for guess in guesses(&typed) {
            let guess = folded(&guess);
            if !guess.is_empty() && !readings.contains(&guess) {
                readings.push(guess);
            }
        }
        let mut readings = readings.iter().map(|reading| units(reading));
        Some(Self { literal: readings.next()?, guesses: readings.collect() })
    }

    /// Ranks a folded name. Returns `None` if the name does not match.
    pub(crate) fn rank(&self, name: &str) -> Option<Rank> {
        if begins(name, &self.literal) {
            Some(Rank::Start)
        } else if contains(name, &self.literal) {
            Some(Rank::Part)
        } else {
            self.guesses.iter().any(|guess| contains(name, guess)).then_some(Rank::Guess)
        }
    }
}

impl Unit {
    /// Consumes what matches.
    fn matches(&self, name: &mut Chars<'_>) -> bool {
        let Some(character) = name.next() else { return false };
        match self {
            Self::Character(expected) => character == *expected,
            Self::Initial(initial) => initial_of(character) == Some(*initial),
            Self::Open(open) => without_final(character) == Some(*open),
            Self::Closed { syllable, open, next } => {
                character == *syllable || (character == *open && name.next().and_then(initial_of) == Some(*next))
            }
        }
    }
}

fn begins(name: &str, units: &[Unit]) -> bool {
    let mut name = name.chars();
    units.iter().all(|unit| unit.matches(&mut name))
}

fn contains(name: &str, units: &[Unit]) -> bool {
    name.char_indices().any(|(at, _)| begins(&name[at..], units))
}

fn folded(typed: &str) -> String {
    // NFKC would attach double consonants to the syllable before.
    let single: String = typed.chars().flat_map(keys_of_consonant).collect();
    collapse(&key(&single))
}

fn units(folded: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> =
        folded.chars().map(|c| initial_jamo(c).map_or(Unit::Character(c), Unit::Initial)).collect();
    if let Some(last) = units.last_mut()
        && let Unit::Character(syllable) = *last
        && let Some((initial, vowel, end)) = syllable_parts(syllable)
    {
        *last = match end.checked_sub(1).and_then(|end| nth(FINALS, end)) {
            None => Unit::Open(syllable),
            Some(end) => closed(syllable, initial, vowel, end),
        };
    }
    units
}

fn closed(syllable: char, initial: u32, vowel: u32, end: char) -> Unit {
    let (rest, next) = match keys(end) {
        (first, Some(second)) => (Some(first), second),
        (only, None) => (None, only),
    };
    let rest = rest.and_then(|rest| index(FINALS, rest)).map_or(0, |index| index + 1);
    match (syllable_of(initial, vowel, rest), index(INITIALS, next)) {
        (Some(open), Some(next)) => Unit::Closed { syllable, open, next },
        _ => Unit::Character(syllable),
    }
}

/// Returns what the same keys enter in one go, and in the other layout.
fn guesses(typed: &str) -> Vec<String> {
    let wide_as_narrow: String = typed.nfkc().filter(char::is_ascii).collect();
    let is_hangul = |c: char| key_in(HANGUL_KEYS, LATIN_KEYS, keys(c).0).is_some() || syllable_parts(c).is_some();
    if typed.chars().any(is_hangul) {
        let strokes: Vec<char> = typed.chars().flat_map(strokes).collect();
        let latin = strokes.iter().map(|c| key_in(HANGUL_KEYS, LATIN_KEYS, *c).unwrap_or(*c)).collect();
        return vec![compose(&strokes), latin];
    }
    if wide_as_narrow.chars().filter(char::is_ascii_alphabetic).count() < 2 {
        return Vec::new();
    }
    let hangul = |text: &str| {
        let key = |c: char| key_in(LATIN_KEYS, HANGUL_KEYS, c);
        let strokes = text.chars().map(|c| key(c).or_else(|| key(c.to_ascii_lowercase())).unwrap_or(c));
        compose(&strokes.collect::<Vec<_>>())
    };
    // Phones begin with a capital letter.
    vec![hangul(&wide_as_narrow), hangul(&wide_as_narrow.to_ascii_lowercase())]
}

/// Composes letters of the keyboard into syllables, as an input method does.
fn compose(strokes: &[char]) -> String {
    let vowel = |at: usize| strokes.get(at).copied().filter(|c| index(VOWELS, *c).is_some());
    let end = |at: usize| strokes.get(at).copied().filter(|c| index(FINALS, *c).is_some() && vowel(at + 1).is_none());
    let mut composed = String::new();
    let mut at = 0;
    while let Some(first) = strokes.get(at).copied() {
        at += 1;
        let (Some(initial), Some(mut middle)) = (index(INITIALS, first), vowel(at)) else {
            composed.push(first);
            continue;
        };
        at += 1;
        if let Some(both) = vowel(at).and_then(|second| compound(middle, second)) {
            (middle, at) = (both, at + 1);
        }
        let mut last = end(at);
        if let Some(only) = last {
            at += 1;
            if let Some(both) = end(at).and_then(|second| compound(only, second)) {
                (last, at) = (Some(both), at + 1);
            }
        }
        let last = last.and_then(|last| index(FINALS, last)).map_or(0, |index| index + 1);
        let middle = index(VOWELS, middle).unwrap_or_default();
        composed.extend(syllable_of(initial, middle, last));
    }
    composed
}

/// Returns the letters of the keyboard that enter a character.
fn strokes(c: char) -> impl Iterator<Item = char> {
    let letters = match syllable_parts(c) {
        Some((initial, vowel, end)) => {
            [nth(INITIALS, initial), nth(VOWELS, vowel), end.checked_sub(1).and_then(|end| nth(FINALS, end))]
        }
        None => [Some(c), None, None],
    };
    letters.into_iter().flatten().flat_map(|letter| {
        let (first, second) = keys(letter);
        [Some(first), second].into_iter().flatten()
    })
}

fn keys_of_consonant(c: char) -> impl Iterator<Item = char> {
    let (first, second) = if index(FINALS, c).is_some() { keys(c) } else { (c, None) };
    [Some(first), second].into_iter().flatten()
}

fn keys(letter: char) -> (char, Option<char>) {
    let mut keys =
        COMPOUNDS.iter().find(|compound| compound.starts_with(letter)).map_or("", |compound| compound).chars();
    match (keys.next(), keys.next(), keys.next()) {
        (Some(_), Some(first), second) => (first, second),
        _ => (letter, None),
    }
}

fn compound(first: char, second: char) -> Option<char> {
    let is_both = |compound: &&&str| compound.chars().skip(1).eq([first, second]);
    COMPOUNDS.iter().find(is_both)?.chars().next()
}

fn key_in(layout: &str, other: &str, key: char) -> Option<char> {
    nth(other, index(layout, key)?)
}

fn syllable_parts(c: char) -> Option<(u32, u32, u32)> {
    let code = u32::from(c);
    (FIRST_SYLLABLE..=LAST_SYLLABLE).contains(&code).then(|| {
        let (code, end) = ((code - FIRST_SYLLABLE) / FINAL_COUNT, (code - FIRST_SYLLABLE) % FINAL_COUNT);
        (code / VOWEL_COUNT, code % VOWEL_COUNT, end)
    })
}

fn syllable_of(initial: u32, vowel: u32, end: u32) -> Option<char> {
    char::from_u32(FIRST_SYLLABLE + (initial * VOWEL_COUNT + vowel) * FINAL_COUNT + end)
}

fn without_final(c: char) -> Option<char> {
    let (initial, vowel, _) = syllable_parts(c)?;
    syllable_of(initial, vowel, 0)
}

/// Returns the index of a syllable's initial consonant, or that of a consonant that stands alone.
fn initial_of(c: char) -> Option<u32> {
    syllable_parts(c).map(|(initial, ..)| initial).or_else(|| initial_jamo(c))
}

/// Folded names have conjoining consonants.
fn initial_jamo(c: char) -> Option<u32> {
    matches!(c, '\u{1100}'..='\u{1112}').then(|| u32::from(c) - 0x1100)
}

fn index(letters: &str, letter: char) -> Option<u32> {
    letters.chars().zip(0..).find(|(c, _)| *c == letter).map(|(_, index)| index)
}

fn nth(letters: &str, index: u32) -> Option<char> {
    letters.chars().nth(usize::try_from(index).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(typed: &str, name: &str) -> Option<Rank> {
        NamePattern::new(typed).unwrap().rank(&key(name))
    }

    #[track_caller]
    fn finds(typed: &str, names: &[&str]) {
        for name in names {
            assert!(rank(typed, name).is_some(), "{typed} does not find {name}");
        }
    }

    #[track_caller]
    fn misses(typed: &str, names: &[&str]) {
        for name in names {
            assert_eq!(rank(typed, name), None, "{typed} finds {name}");
        }
    }

    #[test]
    fn a_part_of_a_name_is_found_however_it_is_written() {
        assert_eq!(rank("홍", "홍길동"), Some(Rank::Start));
        assert_eq!(rank("길동", "홍길동"), Some(Rank::Part));
        finds("KIM", &["kim", "Ｋｉｍ", "Mr. Kim"]);
        finds(" 길  동 ", &["홍 길 동", "길 동"]);
        finds("\u{1112}\u{1169}\u{11bc}\u{1100}\u{1175}\u{11af}", &["홍길동"]);
        finds("strasse", &["Straße 42"]);
        finds("👩‍👩‍👧", &["👩‍👩‍👧 family"]);
        misses("길동", &["홍길", "길 동", "동길"]);
        misses("홍길동이", &["홍길동"]);
    }

    #[test]
    fn consonants_stand_for_syllables() {
        finds("ㅎㄱㄷ", &["홍길동", "황길동", "ㅎㄱㄷ"]);
        finds("홍ㄱㄷ", &["홍길동"]);
        finds("ㅎ길ㄷ", &["홍길동"]);
        finds("ㄱ", &["홍길동", "길"]);
        finds("ㄲ", &["까치"]);
        finds("ㄱㅅ", &["김수한"]);
        finds("ㄳ", &["김수한"]);
        finds("홍ㄳ", &["홍길수"]);
        finds("\u{1112}\u{1100}", &["홍길동"]);
        misses("ㄱ", &["까치", "kim"]);
        misses("ㅎㄷ", &["홍길동"]);
        misses("ㅎㄱㄷㅇ", &["홍길동"]);
    }

    #[test]
    fn the_last_syllable_may_be_incomplete() {
        finds("기", &["길동", "홍길동", "기도", "김"]);
        finds("홍기", &["홍길동"]);
        finds("긷", &["긷다", "기도"]);
        finds("달ㄱ", &["달걀"]);
        finds("닭", &["닭", "달걀"]);
        finds("가", &["갓", "각하"]);
        misses("기", &["게", "끼", "그"]);
        misses("기동", &["길동"]);
        misses("길", &["기동", "긷"]);
        misses("홍기", &["홍게"]);
        misses("과", &["고양이"]);
    }

    #[test]
    fn letters_that_are_not_composed_are_composed() {
        finds("ㅎㅗㅇㄱㅣㄹ", &["홍길동"]);
        finds("ㅎㅗㅇㄱㄷ", &["홍길동"]);
        finds("ㄱㅏㅄ", &["값"]);
        finds("ㄱㅗㅏ", &["과일"]);
    }

    #[test]
    fn keys_of_the_other_layout_are_a_guess() {
        assert_eq!(rank("rlfehd", "홍길동"), Some(Rank::Guess));
        finds("Rlfehd", &["길동"]);
        finds("ghdrlfehd", &["홍길동"]);
        finds("ghdrl", &["홍길동"]);
        finds("grE", &["홍길똥"]);
        finds("ekfr", &["닭"]);
        finds("ekfrdl", &["닭이"]);
        finds("rhkwk", &["과자"]);
        finds("dhkd", &["왕"]);
        finds("ㅏㅑㅡ", &["Kim"]);
        finds("ㅗ디ㅣㅐ", &["Hello"]);
        finds("미ㅑㅊㄷ", &["Alice"]);
        finds("쏘므", &["Tham"]);
        assert_eq!(rank("al", "Alice"), Some(Rank::Start));
        misses("r", &["길동"]);
        misses("rlfehd", &["길도"]);
    }

    #[test]
    fn nothing_visible_is_no_pattern_and_nothing_panics() {
        for typed in ["", "  ", "\u{3000}\n"] {
            assert!(NamePattern::new(typed).is_none(), "{typed:?}");
        }
        let typed = ["\u{0}", "\u{301}", "\u{ac00}\u{11a8}\u{11a8}", "ㆅㆆ", "\u{ffa1}", "\u{1161}", "\u{11a8}", "ﷺ"];
        for typed in typed {
            assert!(rank(typed, typed).is_some(), "{typed:?}");
        }
        misses(&"가".repeat(100_000), &["가"]);
    }

    #[test]
    fn every_syllable_is_composed_from_its_strokes() {
        for syllable in (FIRST_SYLLABLE..=LAST_SYLLABLE).filter_map(char::from_u32) {
            let strokes: Vec<char> = strokes(syllable).collect();
            assert_eq!(compose(&strokes), syllable.to_string());
        }
    }
}
