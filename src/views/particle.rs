//! Korean particles (josa) whose form depends on the sound before them: 은/는, 이/가, 을/를, 과/와, (으)로.
//!
//! In a Fluent text `{ PARTICLE($room, "을") }` selects the form of 을/를 for the room's name, by its last character. Quotes
//! and closing brackets behind it are skipped.
//!
//! * A Hangul syllable with a final consonant is closed, any other is open.
//! * Latin words count by how Korean writes their end: Music (뮤직) and Off-topic are closed, Rust (러스트) is open. One
//!   letter and capitals count by the letter's Korean name: L, M, N, R (엘, 엠, 엔, 알) are closed, all others open.
//! * Digits too: 0, 1, 3, 6, 7, 8 (영, 일, 삼, 육, 칠, 팔) are closed, all others open.
//! * Anything else is unknown and gets both forms, as "은(는)".

use fluent_templates::fluent_bundle::{FluentArgs, FluentValue};

pub(super) const NAME: &str = "PARTICLE";

struct Particle {
    closed: &'static str,
    open: &'static str,
    both: &'static str,
}

const PARTICLES: [Particle; 5] = [
    Particle { closed: "은", open: "는", both: "은(는)" },
    Particle { closed: "이", open: "가", both: "이(가)" },
    Particle { closed: "을", open: "를", both: "을(를)" },
    Particle { closed: "과", open: "와", both: "과(와)" },
    Particle { closed: "으로", open: "로", both: "(으)로" },
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sound {
    Open,
    /// Closed with ㄹ: takes 로, as open sounds do.
    Liquid,
    Closed,
    Unknown,
}

/// Selects the form of a particle for a name. Other words are returned as they are.
pub(super) fn select<'a>(name: &str, particle: &'a str) -> &'a str {
    let Some(forms) = PARTICLES.iter().find(|forms| forms.closed == particle || forms.open == particle) else {
        return particle;
    };
    match Sound::of(name) {
        Sound::Open => forms.open,
        Sound::Liquid if forms.open == "로" => forms.open,
        Sound::Liquid | Sound::Closed => forms.closed,
        Sound::Unknown => forms.both,
    }
}

pub(super) fn fluent_function<'a>(values: &[FluentValue<'a>], _: &FluentArgs<'_>) -> FluentValue<'a> {
    match values {
        [name, FluentValue::String(particle)] => {
            let name = match name {
                FluentValue::String(name) => name.to_string(),
                FluentValue::Number(number) => number.as_string().into_owned(),
                _ => String::new(),
            };
            FluentValue::from(select(&name, particle).to_owned())
        }
        _ => FluentValue::Error,
    }
}

impl Sound {
    fn of(name: &str) -> Self {
        let is_skipped = |c: char| c.is_whitespace() || ")]}\"'’”」』》〉】）".contains(c);
        let name = name.trim_end_matches(is_skipped);
        if let Some(sound) = Self::of_latin_word(name) {
            return sound;
        }
        match name.chars().next_back().map(|last| last.to_ascii_lowercase()) {
            Some(syllable @ '가'..='힣') => Self::of_final((u32::from(syllable) - u32::from('가')) % 28),
            // Decomposed Hangul: a vowel or a final consonant.
            Some('\u{1161}'..='\u{1175}') => Self::Open,
            Some(last @ '\u{11a8}'..='\u{11c2}') => Self::of_final(u32::from(last) - 0x11a7),
            Some('l' | 'r' | '1' | '7' | '8') => Self::Liquid,
            Some('m' | 'n' | '0' | '3' | '6') => Self::Closed,
            Some('a'..='z' | '2' | '4' | '5' | '9') => Self::Open,
            _ => Self::Unknown,
        }
    }

    /// Returns the sound of a word's end that is not that of its last letter's name. `None` for single letters and capitals.
    fn of_latin_word(name: &str) -> Option<Self> {
        let mut letters =
            name.bytes().rev().take_while(u8::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase());
        let last = letters.next().filter(|_| name.ends_with(|c: char| c.is_ascii_lowercase()))?;
        let (before, earlier) = (letters.next()?, letters.next());
        let is_vowel = |letter: u8| b"aeiouy".contains(&letter);
        let is_short = is_vowel(before)
            && (!earlier.is_some_and(is_vowel) || matches!((earlier, before), (Some(b'o'), b'o' | b'u')));
        match (before, last) {
            (b'c', b'k') | (b'n', b'g') => Some(Self::Closed),
            (_, b'c' | b'k' | b't' | b'p') if is_short => Some(Self::Closed),
            (b'l', b'e') => Some(Self::Liquid),
            (b'm' | b'n', b'e') if earlier.is_some_and(is_vowel) => Some(Self::Closed),
            (_, b'r') => Some(Self::Open),
            _ => None,
        }
    }

    /// Takes the final consonant's index in Unicode: 0 is none, 8 is ㄹ.
    fn of_final(consonant: u32) -> Self {
        match consonant {
            0 => Self::Open,
            8 => Self::Liquid,
            _ => Self::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sound_decides() {
        for (name, forms) in [
            ("사랑방", ["은", "이", "을", "과", "으로"]),
            ("서울", ["은", "이", "을", "과", "로"]),
            ("여덟", ["은", "이", "을", "과", "으로"]),
            ("제주도", ["는", "가", "를", "와", "로"]),
            ("가", ["는", "가", "를", "와", "로"]),
            ("힣", ["은", "이", "을", "과", "으로"]),
            ("\u{1109}\u{1165}\u{110b}\u{116e}\u{11af}", ["은", "이", "을", "과", "로"]),
            ("\u{1107}\u{1161}\u{11bc}", ["은", "이", "을", "과", "으로"]),
            ("\u{1107}\u{1161}", ["는", "가", "를", "와", "로"]),
            ("team", ["은", "이", "을", "과", "으로"]),
            ("KOREAN", ["은", "이", "을", "과", "으로"]),
            ("mail", ["은", "이", "을", "과", "로"]),
            ("Super", ["는", "가", "를", "와", "로"]),
            ("Straße", ["는", "가", "를", "와", "로"]),
            ("chat ", ["은", "이", "을", "과", "으로"]),
            ("Music", ["은", "이", "을", "과", "으로"]),
            ("Off-topic", ["은", "이", "을", "과", "으로"]),
            ("Slack", ["은", "이", "을", "과", "으로"]),
            ("Facebook", ["은", "이", "을", "과", "으로"]),
            ("Group", ["은", "이", "을", "과", "으로"]),
            ("bot", ["은", "이", "을", "과", "으로"]),
            ("Meeting", ["은", "이", "을", "과", "으로"]),
            ("Game", ["은", "이", "을", "과", "으로"]),
            ("Google", ["은", "이", "을", "과", "로"]),
            ("General", ["은", "이", "을", "과", "로"]),
            ("Rust", ["는", "가", "를", "와", "로"]),
            ("Talk", ["는", "가", "를", "와", "로"]),
            ("Week", ["는", "가", "를", "와", "로"]),
            ("Chart", ["는", "가", "를", "와", "로"]),
            ("GitHub", ["는", "가", "를", "와", "로"]),
            ("News", ["는", "가", "를", "와", "로"]),
            ("IT", ["는", "가", "를", "와", "로"]),
            ("PC", ["는", "가", "를", "와", "로"]),
            ("HR", ["은", "이", "을", "과", "로"]),
            ("방 t", ["는", "가", "를", "와", "로"]),
            ("(비밀)", ["은", "이", "을", "과", "로"]),
            ("수다 [친구] ", ["는", "가", "를", "와", "로"]),
            ("‘Music’", ["은", "이", "을", "과", "으로"]),
            ("()", ["은(는)", "이(가)", "을(를)", "과(와)", "(으)로"]),
            ("방 0", ["은", "이", "을", "과", "으로"]),
            ("방 1", ["은", "이", "을", "과", "로"]),
            ("방 2", ["는", "가", "를", "와", "로"]),
            ("방 3", ["은", "이", "을", "과", "으로"]),
            ("방 4", ["는", "가", "를", "와", "로"]),
            ("방 5", ["는", "가", "를", "와", "로"]),
            ("방 6", ["은", "이", "을", "과", "으로"]),
            ("방 7", ["은", "이", "을", "과", "로"]),
            ("방 8", ["은", "이", "을", "과", "로"]),
            ("방 9", ["는", "가", "를", "와", "로"]),
            ("", ["은(는)", "이(가)", "을(를)", "과(와)", "(으)로"]),
            ("部屋", ["은(는)", "이(가)", "을(를)", "과(와)", "(으)로"]),
            ("사랑방!", ["은(는)", "이(가)", "을(를)", "과(와)", "(으)로"]),
            ("ㅋㅋ", ["은(는)", "이(가)", "을(를)", "과(와)", "(으)로"]),
            ("😀", ["은(는)", "이(가)", "을(를)", "과(와)", "(으)로"]),
        ] {
            for asked in [["은", "이", "을", "과", "으로"], ["는", "가", "를", "와", "로"]] {
                assert_eq!(asked.map(|particle| select(name, particle)), forms, "{name:?}");
            }
        }
        assert_eq!(select("사랑방", "에서"), "에서");
    }
}
