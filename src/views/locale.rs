//! The languages: each is a folder of Fluent files in `locales/`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use fluent_langneg::{NegotiationStrategy, accepted_languages, negotiate_languages};
use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader, static_loader};
use serde::Serialize;
use tera::{Kwargs, State, TeraResult, Value};

use super::particle;
use crate::http::weighted_items;

static_loader! {
    static TEXTS = {
        locales: "./locales",
        fallback_language: "en",
        customise: |bundle| {
            // Elements isolate names (bdi, dir=auto). Sentences have isolates around their names.
            bundle.set_use_isolating(false);
            if let Err(error) = bundle.add_function(particle::NAME, particle::fluent_function) {
                log::error!("{}: {error}", particle::NAME);
            }
        },
    };
}

/// All languages: the fallback first, then by tag.
static LANGUAGES: LazyLock<Vec<(LanguageIdentifier, String)>> = LazyLock::new(|| {
    let mut all: Vec<_> = TEXTS.locales().map(|language| (language.clone(), language.to_string())).collect();
    all.sort_by_key(|(language, tag)| (language != TEXTS.fallback(), tag.clone()));
    all
});

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Locale(usize);

impl Locale {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..LANGUAGES.len()).map(Self)
    }

    pub(crate) fn from_tag(tag: &str) -> Option<Self> {
        Self::all().find(|locale| locale.tag() == tag)
    }

    /// Returns the language of the template that is being rendered.
    pub(super) fn from_state(state: &State<'_>) -> TeraResult<Self> {
        let tag: String = state.get("locale")?.unwrap_or_default();
        Ok(Self::from_tag(&tag).unwrap_or(Self(0)))
    }

    /// Returns the best language for an `Accept-Language` header.
    pub fn negotiate(header: &str) -> Self {
        let wanted = accepted_languages::parse(&by_weight(header));
        let offered: Vec<&LanguageIdentifier> = LANGUAGES.iter().map(|(language, _)| language).collect();
        let best = negotiate_languages(&wanted, &offered, None, NegotiationStrategy::Lookup);
        let best = best.first().and_then(|best| offered.iter().position(|offered| offered == *best));
        Self(best.unwrap_or(0))
    }

    pub fn tag(self) -> &'static str {
        &LANGUAGES[self.0].1
    }

    pub(super) fn index(self) -> usize {
        self.0
    }

    pub(crate) fn text(self, key: &str) -> String {
        self.text_with(key, &HashMap::new())
    }

    pub(super) fn text_with(self, key: &str, values: &HashMap<Cow<'static, str>, FluentValue<'_>>) -> String {
        TEXTS.lookup_with_args(&LANGUAGES[self.0].0, key, values)
    }
}

/// Sorts the tags of an `Accept-Language` header by weight. Tags with weight 0 are left out.
fn by_weight(header: &str) -> String {
    let mut weighed: Vec<_> = weighted_items(header).filter(|(_, weight)| *weight > 0.0).collect();
    weighed.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    weighed.into_iter().map(|(tag, _)| tag).collect::<Vec<_>>().join(",")
}

#[derive(Serialize)]
pub(super) struct LanguageOption {
    tag: &'static str,
    name: String,
}

impl From<Locale> for LanguageOption {
    fn from(locale: Locale) -> Self {
        Self { tag: locale.tag(), name: locale.text("language-name") }
    }
}

/// Implements `t(key="…", …)` in templates: the text of a key in the page's language. Other arguments are its values.
pub(super) fn t(values: Kwargs, state: &State<'_>) -> TeraResult<Value> {
    let locale = Locale::from_state(state)?;
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

pub(super) fn urlencode(text: &str, _: Kwargs, _: &State<'_>) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_particle_fits_the_name_before_it() {
        let hint = |room: &'static str| {
            let values = HashMap::from([(Cow::from("room"), FluentValue::from(room))]);
            Locale::from_tag("ko").unwrap().text_with("delete-room-hint", &values)
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
        let language = |header| Locale::negotiate(header).tag();
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
