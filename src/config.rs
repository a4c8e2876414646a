//! The settings, one small struct a concern. Each field says its key, which is also its variable
//! (`site.url` is `ROCKET_SITE={url="…"}`), and its default. Sources, later over earlier: the defaults
//! here, `Rocket.toml` (or the file in `ROCKET_CONFIG`), variables.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use rocket::figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::Deserialize;
use url::Url;

/// Everything that the site is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What Rocket reads: `address`, `port`, `limits`, `shutdown`, `tls` and the rest of its own keys.
    pub rocket: Figment,
    /// `databases.sarangbang`; absent: the site starts an engine for itself.
    pub database: Option<Database>,
    /// `var`: the folder of the engine's data and log. Default `var`.
    pub var: PathBuf,
    /// `site`.
    pub site: Site,
    /// `proxies`: addresses or networks whose `X-Forwarded-For` and `-Proto` are believed. Default none.
    pub proxies: Vec<IpNet>,
}

/// `databases.sarangbang`.
#[derive(Clone, Debug, Deserialize)]
pub struct Database {
    /// `databases.sarangbang.url`: a MongoDB connection string. The database is the one it names, else `sarangbang`.
    pub url: String,
}

/// `site`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Site {
    /// `site.url`: where people reach the site, as `https://chat.example`. Absent: the `Host` of each request.
    #[serde(default)]
    pub url: Option<Url>,
}

impl Settings {
    /// Reads the settings of this process.
    ///
    /// # Errors
    /// A sentence that names the key, its value and what is allowed.
    pub fn read() -> Result<Self, String> {
        let file = Toml::file(Env::var_or("ROCKET_CONFIG", "Rocket.toml")).nested();
        Self::from(defaults().merge(file).merge(Env::prefixed("ROCKET_").ignore(&["PROFILE", "CONFIG"]).global()))
    }

    /// Takes the settings from a figment that has [`defaults`] below it.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn from(rocket: Figment) -> Result<Self, String> {
        let settings = Self {
            database: optional(&rocket, "databases.sarangbang")?,
            var: required(&rocket, "var")?,
            site: optional(&rocket, "site")?.unwrap_or_default(),
            proxies: required::<Vec<Proxy>>(&rocket, "proxies")?.into_iter().map(IpNet::from).collect(),
            rocket,
        };
        match &settings.site.url {
            Some(url) if !matches!(url.scheme(), "http" | "https") || url.path() != "/" => {
                Err(format!("site.url is \"{url}\"; it takes an address without a path, as \"https://chat.example\""))
            }
            _ => Ok(settings),
        }
    }
}

/// Rocket's defaults with ours over them.
pub fn defaults() -> Figment {
    Figment::from(rocket::Config::default())
        .join(Serialized::default("var", "var"))
        .join(Serialized::default("proxies", Vec::<String>::new()))
        .merge(Serialized::default("ident", "Sarangbang"))
        .merge(Serialized::default("log_level", "critical"))
        .merge(Serialized::default("cli_colors", false))
        .merge(Serialized::default("limits.form", "64KiB"))
        // What is in flight when the site is told to stop has this long, in seconds, then this long again.
        .merge(Serialized::default("shutdown.grace", 2))
        .merge(Serialized::default("shutdown.mercy", 1))
}

/// An entry of `proxies`: a network, or one address.
#[derive(Deserialize)]
#[serde(untagged)]
enum Proxy {
    Net(IpNet),
    Address(IpAddr),
}

impl From<Proxy> for IpNet {
    fn from(proxy: Proxy) -> Self {
        match proxy {
            Proxy::Net(net) => net,
            Proxy::Address(address) => address.into(),
        }
    }
}

fn required<'a, T: Deserialize<'a>>(figment: &Figment, key: &str) -> Result<T, String> {
    figment.extract_inner(key).map_err(|error| format!("The configuration cannot be used: {error}"))
}

fn optional<'a, T: Deserialize<'a>>(figment: &Figment, key: &str) -> Result<Option<T>, String> {
    match figment.find_value(key) {
        Ok(_) => required(figment, key).map(Some),
        Err(_) => Ok(None),
    }
}
