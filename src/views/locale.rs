//! The languages: one a folder in `locales/`, in Fluent.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use fluent_langneg::{NegotiationStrategy, accepted_languages, negotiate_languages};
use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader, static_loader};
use serde::Serialize;
use tera::{Kwargs, State, TeraResult, Value};

use super::particle;

static_loader! {
    static TEXTS = {
        locales: "./locales",
        fallback_language: "en",
        customise: |bundle| {
            // Names are set apart by elements (bdi, dir=auto); inside of a sentence it has isolates around them itself.
            bundle.set_use_isolating(false);
            if let Err(error) = bundle.add_function(particle::NAME, particle::call) {
                log::error!("{}: {error}", particle::NAME);
            }
        },
    };
}

/// All languages, the fallback first, the others by their tag.
static LANGUAGES: LazyLock<Vec<(LanguageIdentifier, String)>> = LazyLock::new(|| {
    let mut all: Vec<_> = TEXTS.locales().map(|language| (language.clone(), language.to_string())).collect();
    all.sort_by_key(|(language, tag)| (language != TEXTS.fallback(), tag.clone()));
    all
});

/// The most languages of an `Accept-Language` header that are read.
const WISHES: usize = 32;

/// One of the languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Locale(usize);

impl Locale {
    /// Each of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..LANGUAGES.len()).map(Self)
    }

    /// The one of a tag.
    pub fn tagged(tag: &str) -> Option<Self> {
        Self::all().find(|locale| locale.tag() == tag)
    }

    /// The language of the page that a template renders.
    pub(super) fn of(state: &State<'_>) -> TeraResult<Self> {
        let tag: String = state.get("locale")?.unwrap_or_default();
        Ok(Self::tagged(&tag).unwrap_or(Self(0)))
    }

    /// The one that an `Accept-Language` header likes best.
    pub fn accepted(header: &str) -> Self {
        let wanted = accepted_languages::parse(&by_weight(header));
        let offered: Vec<&LanguageIdentifier> = LANGUAGES.iter().map(|(language, _)| language).collect();
        let best = negotiate_languages(&wanted, &offered, None, NegotiationStrategy::Lookup);
        let best = best.first().and_then(|best| offered.iter().position(|offered| offered == *best));
        Self(best.unwrap_or(0))
    }

    /// The BCP 47 tag, as in `lang`.
    pub fn tag(self) -> &'static str {
        &LANGUAGES[self.0].1
    }

    /// Its place among all.
    pub fn index(self) -> usize {
        self.0
    }

    /// The text of a key.
    pub fn text(self, key: &str) -> String {
        self.text_with(key, &HashMap::new())
    }

    /// The text of a key with values in it.
    pub fn text_with(self, key: &str, values: &HashMap<Cow<'static, str>, FluentValue<'_>>) -> String {
        TEXTS.lookup_with_args(&LANGUAGES[self.0].0, key, values)
    }
}

/// The tags of an `Accept-Language` header, the heaviest first, without those that are not wanted.
fn by_weight(header: &str) -> String {
    let weighed = header.split(',').take(WISHES).filter_map(|item| {
        let (tag, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok()).unwrap_or(1.0);
        (weight > 0.0).then_some((tag.trim(), weight))
    });
    let mut weighed: Vec<(&str, f32)> = weighed.collect();
    weighed.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    weighed.into_iter().map(|(tag, _)| tag).collect::<Vec<_>>().join(",")
}

/// A language as the page offers it.
#[derive(Serialize)]
pub(super) struct Choice {
    tag: &'static str,
    name: String,
}

impl From<Locale> for Choice {
    fn from(locale: Locale) -> Self {
        Self { tag: locale.tag(), name: locale.text("language-name") }
    }
}

/// `t(key="…", …)` in templates: the text of a key in the page's language, with the other arguments as values.
pub(super) fn t(values: Kwargs, state: &State<'_>) -> TeraResult<Value> {
    let locale = Locale::of(state)?;
    let key: String = values.must_get("key")?;
    let mut texts = HashMap::new();
    for (name, value) in values.iter().filter(|(name, _)| name.as_str() != Some("key")) {
        let value = match value.as_i64() {
            Some(number) => FluentValue::from(number),
            None => FluentValue::from(value.as_str().unwrap_or_default().to_owned()),
        };
        texts.insert(Cow::from(name.as_str().unwrap_or_default().to_owned()), value);
    }
    Ok(Value::from(locale.text_with(&key, &texts)))
}

/// `text | encoded` in templates: as a value in an address's query.
pub(super) fn encoded(text: &str, _: Kwargs, _: &State<'_>) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    /// The keys of a language, with those of attributes.
    fn keys(tag: &str) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for file in fs::read_dir(format!("locales/{tag}")).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            let named = text.lines().filter_map(|line| line.split_once('=')).map(|(key, _)| key.trim());
            keys.extend(named.filter(|key| key.chars().all(|c| c.is_alphanumeric() || c == '-')).map(str::to_owned));
        }
        keys
    }

    #[test]
    fn no_key_is_missing_in_a_language() {
        let english = keys("en");
        assert!(english.len() > 50);
        for locale in Locale::all() {
            assert_eq!(keys(locale.tag()), english, "{}", locale.tag());
        }
    }

    #[test]
    fn every_key_that_is_asked_for_is_there() {
        let english = keys("en");
        let asked = |text: &str| -> Vec<String> {
            let after = text.split("key=\"").skip(1).filter_map(|rest| rest.split('"').next());
            after.map(str::to_owned).collect()
        };
        let templates = super::super::Templates::iter();
        let used: Vec<String> = templates
            .flat_map(|name| asked(&String::from_utf8_lossy(&super::super::Templates::get(&name).unwrap().data)))
            .collect();
        assert!(used.len() > 20);
        for key in used.iter().filter(|key| !key.ends_with('-')) {
            assert!(english.contains(key), "{key}");
        }
    }

    #[test]
    fn a_particle_fits_the_name_before_it() {
        let hint = |room: &'static str| {
            let values = HashMap::from([(Cow::from("room"), FluentValue::from(room))]);
            Locale::tagged("ko").unwrap().text_with("delete-room-hint", &values)
        };
        for (room, begins) in [
            ("사랑방", "‘\u{2068}사랑방\u{2069}’을 "),
            ("1주차", "‘\u{2068}1주차\u{2069}’를 "),
            ("?", "‘\u{2068}?\u{2069}’을(를) "),
        ] {
            assert!(hint(room).starts_with(begins), "{}", hint(room));
        }
    }

    #[test]
    fn the_header_decides() {
        let language = |header| Locale::accepted(header).tag();
        assert_eq!(language("ko-KR,ko;q=0.9,en;q=0.8"), "ko");
        assert_eq!(language("en-GB,en;q=0.9,ko;q=0.8"), "en");
        assert_eq!(language("fr,ko;q=0.5"), "ko");
        assert_eq!(language("en;q=0.1, ko;q=0.9"), "ko");
        assert_eq!(language("ko;q=0, en"), "en");
        for other in ["", "fr", "*", ";;;", "\u{1f600}"] {
            assert_eq!(language(other), "en", "{other}");
        }
    }
}
