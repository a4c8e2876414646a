//! The templates of `templates/`, in the binary.

use std::sync::Arc;

use rust_embed::Embed;
use serde::Serialize;
use tera::{Context, Kwargs, State, Tera};

use super::assets;
use super::locale::{self, LanguageOption, Locale};
use super::time::{Clock, TimeFormat};
use crate::error::{Error, Result};

#[derive(Embed)]
#[folder = "templates/"]
struct Templates;

#[derive(Clone)]
pub struct Views {
    tera: Arc<Tera>,
    /// Writes times for pages without script.
    pub clock: Clock,
}

impl Views {
    /// Parses all templates. An error names the template and the line.
    pub fn new(clock: Clock) -> Result<Self, String> {
        let mut tera = Tera::new();
        tera.autoescape_on(vec![".html.tera", ".svg.tera"]);
        tera.register_function("t", locale::t);
        let formats = [
            ("clock_time", TimeFormat::Time),
            ("date", TimeFormat::Date),
            ("month_day", TimeFormat::MonthDay),
            ("short_time", TimeFormat::Short),
            ("full_time", TimeFormat::Full),
        ];
        for (filter, format) in formats {
            let clock = clock.clone();
            tera.register_filter(filter, move |at: &str, _: Kwargs, state: &State<'_>| {
                Locale::from_state(state).map(|locale| clock.format_rfc3339(at, format, locale))
            });
        }
        tera.register_filter("urlencode", locale::urlencode);
        tera.global_context().insert("assets", &assets::base_path());
        tera.global_context().insert("locales", &Locale::all().map(LanguageOption::from).collect::<Vec<_>>());
        tera.add_raw_templates(sources()).map_err(|error| error.to_string())?;
        Ok(Self { tera: Arc::new(tera), clock })
    }

    /// Renders a template in a language. Its variables are the fields of `view`, and `locale`.
    pub fn render(&self, template: &str, locale: Locale, view: &impl Serialize) -> Result<String> {
        let render = || {
            let mut context = Context::from_serialize(view)?;
            context.insert("locale", locale.tag());
            self.tera.render(template, &context)
        };
        render().map_err(|error| Error::Internal(format!("{template}: {error}")))
    }
}

fn sources() -> Vec<(String, String)> {
    let source = |name: &str| String::from_utf8(Templates::get(name)?.data.into()).ok();
    Templates::iter().filter_map(|name| Some((name.to_string(), source(&name)?))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

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
    fn all_templates_can_be_read() {
        Views::new(Clock::new(jiff::tz::TimeZone::UTC)).map(drop).unwrap();
    }

    #[test]
    fn all_languages_have_the_same_keys() {
        let english = keys("en");
        assert!(english.len() > 50);
        for locale in Locale::all() {
            assert_eq!(keys(locale.tag()), english, "{}", locale.tag());
        }
    }

    #[test]
    fn every_key_in_a_template_exists() {
        let english = keys("en");
        let used: Vec<String> = sources()
            .iter()
            .flat_map(|(_, text)| text.split("key=\"").skip(1).filter_map(|rest| rest.split('"').next()))
            .map(str::to_owned)
            .collect();
        assert!(used.len() > 20);
        for key in used.iter().filter(|key| !key.ends_with('-')) {
            assert!(english.contains(key), "{key}");
        }
    }
}
