//! Keeps README's table of settings and `packaging/Rocket.toml` equal to [`SETTINGS`]. Run the tests with
//! `UPDATE_DOCUMENTATION=1` to write both.

use std::fs;
use std::path::Path;

use rocket::figment::providers::{Format, Toml};

use super::table::{DefaultValue, SETTINGS, Setting};
use super::{Settings, defaults};

const SAMPLE_HEAD: &str = "\
# Settings of Sarangbang. A line behind # shows a default, or an example where there is no default. To change a setting,
# remove the # and restart: systemctl restart sarangbang-site sarangbang-images
# Secrets, and URLs of databases with a password, belong in secret.env beside this file.

[default]
";
/// Settings that differ in the package.
const PACKAGED: &[(&str, &str)] = &[("var", "\"/var/lib/sarangbang\"")];
/// Columns of a comment in the sample.
const WIDTH: usize = 118;

fn documented() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| !setting.doc.is_empty())
}

fn readme_table() -> String {
    let row = |setting: &Setting| {
        let default = match setting.default {
            DefaultValue::Toml(value) => format!("`{}`", value.trim_matches('"')),
            DefaultValue::Rule { rule, .. } => rule.to_owned(),
            DefaultValue::Rocket => unreachable!("{} is documented, so it has a default", setting.key),
        };
        format!("| `{}` | {default} | {} |\n", setting.key, setting.doc)
    };
    format!("| key | default | what it sets |\n|---|---|---|\n{}", documented().map(row).collect::<String>())
}

fn sample() -> String {
    let mut sample = SAMPLE_HEAD.to_owned();
    let mut table = "";
    // An example secret would be copied as it is.
    for setting in documented().filter(|setting| !setting.is_secret || setting.key.starts_with("databases.")) {
        let (outer, _) = setting.key.split_once('.').unwrap_or_default();
        if outer != table {
            sample.push('\n');
            table = outer;
        }
        sample.push_str(&wrapped(setting.doc));
        let value = match setting.default {
            DefaultValue::Toml(value) | DefaultValue::Rule { example: value, .. } => value,
            DefaultValue::Rocket => unreachable!(),
        };
        sample.push_str(&match PACKAGED.iter().find(|(key, _)| *key == setting.key) {
            Some((key, value)) => format!("{key} = {value}\n"),
            None => format!("# {} = {value}\n", setting.key),
        });
    }
    sample
}

fn wrapped(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), "#".to_owned());
    for word in text.split(' ') {
        if line.len() + 1 + word.len() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            line = "#".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    format!("{lines}{line}\n")
}

/// Compares a part of a file, from a line that begins with `first` to `end`, or writes it.
fn check(path: &str, first: &str, end: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&path).unwrap();
    let start = text.find(first).unwrap_or_else(|| panic!("{} has no {first:?}", path.display()));
    let length = if end.is_empty() { text.len() - start } else { text[start..].find(end).unwrap() + 1 };
    let part = start..start + length;
    if std::env::var_os("UPDATE_DOCUMENTATION").is_some() {
        let updated = [&text[..part.start], expected, &text[part.end..]].concat();
        fs::write(&path, updated).unwrap();
    } else {
        assert_eq!(&text[part], expected, "{}: run the tests with UPDATE_DOCUMENTATION=1", path.display());
    }
}

#[test]
fn readme_lists_all_settings_with_their_defaults() {
    check("README.md", "| key | default |", "\n\n", &readme_table());
}

#[test]
fn the_packaged_sample_lists_all_settings_with_their_defaults() {
    check("packaging/Rocket.toml", "# Settings of Sarangbang", "", &sample());
}

#[test]
fn all_examples_are_valid() {
    let lines = documented().map(|setting| match setting.default {
        DefaultValue::Toml(value) | DefaultValue::Rule { example: value, .. } => format!("{} = {value}\n", setting.key),
        DefaultValue::Rocket => unreachable!(),
    });
    let figment = defaults().merge(Toml::string(&lines.collect::<String>()));
    Settings::from(figment).unwrap();
}

#[test]
fn each_key_is_listed_once() {
    for (n, setting) in SETTINGS.iter().enumerate() {
        assert!(SETTINGS[..n].iter().all(|other| other.key != setting.key), "{} is listed twice", setting.key);
    }
}
