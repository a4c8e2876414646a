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
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// `site.url`: where people reach the site, as `https://chat.example`. Absent: the `Host` of each request.
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
        Ok(Self {
            database: optional(&rocket, "databases.sarangbang")?,
            var: required(&rocket, "var")?,
            site: Site { url: optional(&rocket, "site.url")?.map(site_url).transpose()? },
            proxies: required::<Vec<String>>(&rocket, "proxies")?.into_iter().map(proxy).collect::<Result<_, _>>()?,
            rocket,
        })
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

fn site_url(text: String) -> Result<Url, String> {
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.path() == "/");
    url.ok_or_else(|| {
        format!("site.url is \"{text}\"; it takes an address without a path, as \"https://chat.example\"")
    })
}

fn proxy(text: String) -> Result<IpNet, String> {
    let net = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    net.map_err(|_| {
        format!("proxies has \"{text}\"; it takes addresses and networks, as \"10.0.0.1\" and \"10.0.0.0/8\"")
    })
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
