//! The settings, one small struct a concern; `table.rs` has their defaults and documentation.
//!
//! Later sources win: defaults, `Rocket.toml` (or the file that `ROCKET_CONFIG` names), variables. `site.url` is
//! `ROCKET_SITE={url="…"}` as a variable.

mod database;
#[cfg(test)]
mod documentation;
mod errors;
mod files;
mod host;
mod images;
mod limits;
mod site;
mod table;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use ipnet::IpNet;
use rocket::data::ByteUnit;
use rocket::figment::Figment;
use rocket::figment::providers::{Env, Format, Toml};
use serde::Deserialize;
use url::Url;

pub(crate) use database::DatabaseConfig;
pub(crate) use files::FilesConfig;
pub(crate) use host::Host;
pub(crate) use images::ImagesConfig;
pub(crate) use limits::{Rates, Sockets};
pub(crate) use site::SiteConfig;
use table::{DefaultValue, SETTINGS};

/// The settings of one process.
#[derive(Clone, Debug)]
pub struct Settings {
    /// All sources merged: Rocket reads its own keys from it.
    pub(crate) rocket: Figment,
    /// `None`: the site starts an engine for itself.
    pub(crate) database: Option<DatabaseConfig>,
    pub(crate) var: PathBuf,
    pub(crate) site: SiteConfig,
    pub(crate) images: ImagesConfig,
    pub(crate) files: FilesConfig,
    pub(crate) proxies: Vec<IpNet>,
    pub(crate) access_log: AccessLog,
    /// In bytes.
    pub(crate) cache: u64,
    pub(crate) rates: Rates,
    pub(crate) sockets: Sockets,
    pub(crate) metrics_token: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AccessLog {
    Combined,
    Json,
    Off,
}

impl Settings {
    /// Reads the settings of this process.
    pub fn read() -> Result<Self> {
        let config_path = Env::var("ROCKET_CONFIG");
        if let Some(path) = config_path.as_ref().filter(|path| !Path::new(path.as_str()).is_file()) {
            bail!("Cannot read {path:?}: there is no such file. Correct ROCKET_CONFIG.");
        }
        let file = Toml::file(config_path.as_deref().unwrap_or("Rocket.toml")).nested();
        Self::from(defaults().merge(file).merge(Env::prefixed("ROCKET_").ignore(&["PROFILE", "CONFIG"]).global()))
    }

    /// Returns whether the site starts a database engine for itself.
    pub fn needs_engine(&self) -> bool {
        self.database.is_none()
    }

    /// Makes the site use its own engine at `url`.
    #[must_use]
    pub fn with_engine(self, url: &str) -> Self {
        Self { database: Some(DatabaseConfig::engine(url)), ..self }
    }

    /// Takes the settings from a figment that contains [`defaults`].
    pub fn from(rocket: Figment) -> Result<Self> {
        errors::check_unknown(&rocket)?;
        rocket::Config::try_from(&rocket).map_err(|error| errors::describe_error(&rocket, error))?;
        let var: PathBuf = required(&rocket, "var")?;
        Ok(Self {
            database: DatabaseConfig::read(&rocket)?,
            site: SiteConfig::read(&rocket)?,
            images: ImagesConfig::read(&rocket, &var)?,
            files: FilesConfig::read(&rocket)?,
            proxies: proxies(&rocket)?,
            access_log: required(&rocket, "access_log")?,
            cache: required::<ByteUnit>(&rocket, "cache")?.as_u64(),
            rates: required(&rocket, "rates")?,
            sockets: required(&rocket, "sockets")?,
            metrics_token: metrics_token(&rocket)?,
            var,
            rocket,
        })
    }
}

/// Returns Rocket's defaults, then those of [`SETTINGS`].
pub fn defaults() -> Figment {
    let lines = SETTINGS.iter().filter_map(|setting| match setting.default {
        DefaultValue::Toml(value) => Some(format!("{} = {value}\n", setting.key)),
        DefaultValue::Rule { .. } | DefaultValue::Rocket => None,
    });
    Figment::from(rocket::Config::default()).merge(Toml::string(&lines.collect::<String>()))
}

fn proxies(figment: &Figment) -> Result<Vec<IpNet>> {
    let net = |text: String| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let nets = optional::<Vec<String>>(figment, "proxies")?.unwrap_or_default();
    let nets = nets.into_iter().map(net).collect::<Result<_, _>>();
    nets.map_err(|_| errors::invalid_value(figment, "proxies"))
}

fn metrics_token(figment: &Figment) -> Result<Option<String>> {
    let token: Option<String> = optional(figment, "metrics.token")?;
    match &token {
        Some(token) if token.len() < 16 => Err(errors::invalid_value(figment, "metrics.token")),
        _ => Ok(token),
    }
}

/// Reads the URL of a server: a scheme, a host, and perhaps a port.
fn url(figment: &Figment, key: &str) -> Result<Option<Url>> {
    let Some(text) = optional::<String>(figment, key)? else { return Ok(None) };
    let invalid = || errors::invalid_value(figment, key);
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(invalid)?;
    let has_extras =
        !url[url::Position::AfterPath..].is_empty() || !url.username().is_empty() || url.password().is_some();
    let is_public = matches!(key, "site.url" | "images.url");
    match (url.path(), url.host_str()) {
        ("/", _) if !has_extras => Ok(Some(url)),
        (path, Some(host)) if path != "/" && is_public => Err(errors::url_with_path(figment, key, host)),
        _ => Err(invalid()),
    }
}

/// Reads where a server listens; `prefix` is the name of its table and a dot, or empty.
fn listener(figment: &Figment, prefix: &str) -> Result<(IpAddr, u16)> {
    Ok((required(figment, &format!("{prefix}address"))?, required(figment, &format!("{prefix}port"))?))
}

/// Returns the URL of a server on this machine.
fn loopback_url((address, port): (IpAddr, u16)) -> Result<Url> {
    let reached = match address {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(v6) if v6.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    Ok(Url::parse(&format!("http://{}/", SocketAddr::new(reached, port)))?)
}

fn required<'a, T: Deserialize<'a>>(figment: &Figment, key: &str) -> Result<T> {
    figment.extract_inner(key).map_err(|mut error| {
        // Figment appends the key to the path below it.
        let segments = key.split('.').count().min(error.path.len());
        error.path.rotate_right(segments);
        errors::describe_error(figment, error)
    })
}

fn optional<'a, T: Deserialize<'a>>(figment: &Figment, key: &str) -> Result<Option<T>> {
    match figment.find_value(key) {
        Ok(_) => required(figment, key).map(Some),
        Err(_) => Ok(None),
    }
}
