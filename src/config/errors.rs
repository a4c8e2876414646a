//! What the operator reads about a setting that cannot be used: its place, key, value, and what it takes. A value that is
//! or may contain a secret is never repeated.

use anyhow::{Error, Result, anyhow, bail};
use rocket::figment::error::Kind;
use rocket::figment::value::{Dict, Value};
use rocket::figment::{Figment, Source};

use super::table::SETTINGS;

/// Rejects keys that are not in [`SETTINGS`].
pub(super) fn check_unknown(figment: &Figment) -> Result<()> {
    let settings = figment.extract::<Dict>().map_err(|error| describe_error(figment, error))?;
    check_table(figment, "", &settings)
}

/// Describes a value that figment could not use, or a file that it could not read.
pub(super) fn describe_error(figment: &Figment, error: rocket::figment::Error) -> Error {
    let key = error.path.join(".");
    match error.kind {
        Kind::Message(text) if key.is_empty() => {
            let file = error.metadata.and_then(|metadata| Some(metadata.source?.file_path()?.display().to_string()));
            let file = file.unwrap_or_else(|| "the configuration".into());
            anyhow!("Cannot read {file}: {}", without_source_line(&text))
        }
        Kind::MissingField(field) => {
            let key = [&key, &*field].join(".");
            anyhow!("Cannot use {}: {key} is not set. Set it to {}.", source(figment, &key), expected(&key))
        }
        _ => invalid_value(figment, &key),
    }
}

/// Describes a key whose value cannot be used. For an item of a list it describes the list.
pub(super) fn invalid_value(figment: &Figment, key: &str) -> Error {
    let value = figment.find_value(key).ok();
    if let (None, Some((list, _))) = (&value, key.rsplit_once('.')) {
        return invalid_value(figment, list);
    }
    let is = match value {
        None => "has a value that cannot be used".into(),
        Some(value) if is_secret(key) => redacted(&value),
        Some(value) => format!("is {}", serde_json::to_string(&value).unwrap_or_default()),
    };
    anyhow!("Cannot use {}: {key} {is}. Set it to {}.", source(figment, key), expected(key))
}

/// Describes a public URL with a path.
pub(super) fn url_with_path(figment: &Figment, key: &str, host: &str) -> Error {
    let value = figment.find_value(key).ok().and_then(|value| value.into_string()).unwrap_or_default();
    anyhow!(
        "Cannot use {}: {key} is {value:?}, which has a path, and Sarangbang serves from the root of a host name. Use a \
         subdomain, for example \"https://chat.{host}\", or another port.",
        source(figment, key)
    )
}

fn check_table(figment: &Figment, table: &str, dict: &Dict) -> Result<()> {
    for (name, value) in dict {
        let key = if table.is_empty() { name.clone() } else { format!("{table}.{name}") };
        if SETTINGS.iter().any(|setting| setting.key == key) {
            continue;
        }
        if keys_in(&key).is_empty() {
            bail!(
                "Cannot use {}: there is no key {key}. Use one of {}.",
                source(figment, &key),
                keys_in(table).join(", ")
            );
        }
        match value {
            Value::Dict(_, dict) => check_table(figment, &key, dict)?,
            _ => return Err(invalid_value(figment, &key)),
        }
    }
    Ok(())
}

/// Returns the keys in a table, or all keys if `table` is empty.
fn keys_in(table: &str) -> Vec<&'static str> {
    let keys = SETTINGS.iter().map(|setting| setting.key);
    keys.filter(|key| table.is_empty() || is_within(key, table) && *key != table).collect()
}

fn is_within(key: &str, table: &str) -> bool {
    key.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn expected(key: &str) -> String {
    match SETTINGS.iter().find(|setting| is_within(key, setting.key)) {
        Some(setting) => setting.takes.into(),
        None => format!("a table of {}", keys_in(key).join(", ")),
    }
}

/// Returns the file or the variable that sets a key.
fn source(figment: &Figment, key: &str) -> String {
    let configuration = || "the configuration".to_owned();
    let Some(metadata) = figment.find_metadata(key) else { return configuration() };
    match &metadata.source {
        Some(Source::File(path)) => path.display().to_string(),
        // A variable holds a whole table.
        None if metadata.name.contains("environment") => {
            format!("ROCKET_{}", key.split('.').next().unwrap_or(key).to_uppercase())
        }
        _ => configuration(),
    }
}

/// Returns whether a value is a secret or may contain one: a malformed variable is a text with a whole table in it.
fn is_secret(key: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.is_secret && (is_within(setting.key, key) || is_within(key, setting.key)))
}

fn redacted(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("is a text of {} characters", text.chars().count()),
        Value::Dict(..) => "is a table".into(),
        Value::Array(..) => "is a list".into(),
        _ => "is a number or a word".into(),
    }
}

/// Removes the line that TOML quotes: it may contain a password.
fn without_source_line(text: &str) -> String {
    let Some((place, rest)) = text.split_once('\n') else { return format!("{text}.") };
    match rest.rsplit_once('^').map_or("", |(_, reason)| reason).trim() {
        reason if reason.starts_with("invalid type") => format!("{place}. Move this key below [default]."),
        reason => format!("{place}: {}.", reason.replace('\n', ", ")),
    }
}
