//! All keys, and what each takes: what is said about a setting that cannot be used. A sentence names where the value
//! stands, the key, the value and what is allowed; a value that is a secret, or may hold one, is never repeated.

use rocket::figment::error::Kind;
use rocket::figment::value::{Dict, Value};
use rocket::figment::{Error, Figment, Source};

/// Each key and what it takes. Below `limits` any name may stand.
const KEYS: &[(&str, &str)] = &[
    ("address", "an IP address, as \"127.0.0.1\""),
    ("port", "a number up to 65535"),
    ("workers", "a number, how many threads serve"),
    ("max_blocking", "a number, how many threads may block"),
    ("ident", "a name, or false"),
    ("ip_header", "the name of a header, or false"),
    ("limits", "sizes by name, as {form=\"64KiB\"}"),
    ("temp_dir", "the path of a folder"),
    ("keep_alive", "a number of seconds"),
    ("log_level", "\"critical\", \"normal\", \"debug\" or \"off\""),
    ("cli_colors", "true or false"),
    ("shutdown.ctrlc", "true or false"),
    (
        "shutdown.signals",
        "a list of \"alrm\", \"chld\", \"hup\", \"int\", \"io\", \"pipe\", \"quit\", \"term\", \"usr1\" and \"usr2\"",
    ),
    ("shutdown.grace", "a number of seconds"),
    ("shutdown.mercy", "a number of seconds"),
    ("shutdown.force", "true or false"),
    ("databases.sarangbang.url", DATABASE),
    ("var", "the path of a folder"),
    ("site.url", ADDRESS),
    ("site.internal_url", ADDRESS),
    ("site.hosts", "a list of host names, as [\"chat.example\", \"chat.local:8000\"]"),
    ("site.zone", "the name of a time zone, as \"Asia/Seoul\""),
    ("images.address", "an IP address, as \"127.0.0.1\""),
    ("images.port", "a number up to 65535"),
    ("images.url", ADDRESS),
    ("images.internal_url", ADDRESS),
    ("images.dir", "the path of a folder"),
    ("images.secret", "a text of 16 characters or more, the same for both servers"),
    ("proxies", "a list of addresses and networks, as [\"10.0.0.1\", \"10.0.0.0/8\"]"),
    ("metrics.token", "a text of 16 characters or more"),
    ("cache", "a size, as \"32MiB\""),
    ("rates.signups", RATE),
    ("rates.rooms", RATE),
    ("rates.chats", RATE),
    ("rates.edits", RATE),
    ("rates.uploads", RATE),
    ("sockets.user", SOCKETS),
    ("sockets.address", SOCKETS),
    // Rocket's, for cookies of a kind that is not used here.
    ("secret_key", "a key of 256 bits in base64 or hexadecimal"),
    ("access_log", "\"combined\", \"json\" or \"off\""),
    ("profile", "the name of a section of Rocket.toml"),
];
const RATE: &str = "a number a minute, or 0 for no limit";
const SOCKETS: &str = "a number of open sockets, or 0 for no limit";
const ADDRESS: &str = "an address without a path, as \"https://chat.example\"";
/// A slash, a colon or an `@` in a password would end it.
const DATABASE: &str = "a connection string, as \"mongodb://user:password@host:27017/sarangbang\", \
                        with %2F, %3A and %40 for /, : and @ in a password";

/// Whether each key that is set is one of [`KEYS`].
///
/// # Errors
/// The sentence about one that is not.
pub(super) fn known(figment: &Figment) -> Result<(), String> {
    within(figment, "", &figment.extract::<Dict>().map_err(|error| refused(figment, error))?)
}

/// What is wrong with the value that figment could not use, or with the file that it could not read.
pub(super) fn refused(figment: &Figment, error: Error) -> String {
    let key = error.path.join(".");
    match error.kind {
        Kind::Message(text) if key.is_empty() => {
            let file = error.metadata.and_then(|metadata| Some(metadata.source?.file_path()?.display().to_string()));
            format!("{} cannot be read: {}", file.unwrap_or_else(|| "The configuration".into()), without_line(&text))
        }
        Kind::MissingField(field) => {
            let key = [&key, &*field].join(".");
            format!("{key} is not set; it takes {}", allowed(&key))
        }
        _ => unusable(figment, &key),
    }
}

/// The sentence about a key whose value cannot be used; of what stands in a list, about the list.
pub(super) fn unusable(figment: &Figment, key: &str) -> String {
    let value = figment.find_value(key).ok();
    if let (None, Some((list, _))) = (&value, key.rsplit_once('.')) {
        return unusable(figment, list);
    }
    let is = match value {
        None => "cannot be used".into(),
        Some(value) if is_secret(key) => kind(&value),
        Some(value) => format!("is {}", serde_json::to_string(&value).unwrap_or_default()),
    };
    format!("{}{key} {is}; it takes {}", place(figment, key), allowed(key))
}

/// The sentence about an address with a path, at which Sarangbang cannot be served.
pub(super) fn under_a_path(figment: &Figment, key: &str, host: &str) -> String {
    let value = figment.find_value(key).ok().and_then(|value| value.into_string()).unwrap_or_default();
    format!(
        "{}{key} is {value:?}, which has a path, and Sarangbang serves from the root of a host name; use a subdomain, as \
         \"https://chat.{host}\", or another port",
        place(figment, key)
    )
}

fn within(figment: &Figment, table: &str, dict: &Dict) -> Result<(), String> {
    for (name, value) in dict {
        let key = if table.is_empty() { name.clone() } else { format!("{table}.{name}") };
        if KEYS.iter().any(|(known, _)| *known == key) {
            continue;
        }
        match value {
            _ if names(&key).is_empty() => {
                let there = names(table).join(", ");
                return Err(format!("{}there is no key {key}; there are {there}", place(figment, &key)));
            }
            Value::Dict(_, dict) => within(figment, &key, dict)?,
            _ => return Err(unusable(figment, &key)),
        }
    }
    Ok(())
}

/// The keys in a table; all of them in none.
fn names(table: &str) -> Vec<&'static str> {
    let keys = KEYS.iter().map(|(key, _)| *key);
    keys.filter(|key| table.is_empty() || key.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'))).collect()
}

/// What a key takes; what stands below one takes what that one does.
fn allowed(key: &str) -> String {
    let is_within = |known: &str| key.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    match KEYS.iter().find(|(known, _)| is_within(known)) {
        Some((_, allowed)) => (*allowed).into(),
        None => format!("a table of {}", names(key).join(", ")),
    }
}

/// Where a key's value is written, if somebody has written it.
fn place(figment: &Figment, key: &str) -> String {
    let Some(metadata) = figment.find_metadata(key) else { return String::new() };
    match &metadata.source {
        Some(Source::File(path)) => format!("{}: ", path.display()),
        Some(_) => String::new(),
        // A variable holds a whole table.
        None if metadata.name.contains("environment") => {
            format!("ROCKET_{}: ", key.split('.').next().unwrap_or(key).to_uppercase())
        }
        None => String::new(),
    }
}

/// Also a table that has a secret in it: a variable that is no table is a text with all that is in it.
fn is_secret(key: &str) -> bool {
    key.starts_with("databases")
        || matches!(key, "images" | "images.secret" | "metrics" | "metrics.token" | "secret_key")
}

fn kind(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("is a text of {} characters", text.chars().count()),
        Value::Dict(..) => "is a table".into(),
        Value::Array(..) => "is a list".into(),
        _ => "is a number or a word".into(),
    }
}

/// What TOML says, without the line that it shows: that may be the one with the password.
fn without_line(text: &str) -> String {
    match text.split_once('\n') {
        None => text.to_owned(),
        Some((place, rest)) => {
            let reason = rest.rsplit_once('^').map_or("", |(_, reason)| reason).trim();
            let reason =
                if reason.starts_with("invalid type") { "what stands here belongs under [default]" } else { reason };
            format!("{place}: {}", reason.replace('\n', ", "))
        }
    }
}
