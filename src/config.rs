//! The settings, one small struct a concern. Each field says its key, which is also its variable
//! (`site.url` is `ROCKET_SITE={url="…"}`), and its default. Sources, later over earlier: the defaults
//! here, `Rocket.toml` (or the file in `ROCKET_CONFIG`), variables.

mod host;
mod keys;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use jiff::tz::TimeZone;
use mongodb::options::ConnectionString;
use rocket::data::ByteUnit;
use rocket::figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::Deserialize;
use url::Url;

pub use host::Host;

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
    /// `images`.
    pub images: Images,
    /// `proxies`: addresses or networks whose `X-Forwarded-For` and `-Proto` are believed. Default none.
    pub proxies: Vec<IpNet>,
    /// `access_log`: the form of the lines about requests. Default `combined`.
    pub access_log: AccessLog,
    /// `cache`: the most bytes that all caches of the site hold together. Default 32 MiB.
    pub cache: u64,
    /// `rates`.
    pub rates: Rates,
    /// `sockets`.
    pub sockets: Sockets,
    /// `metrics.token`: who has it may read `/metrics` of both servers. Absent: nobody.
    pub metrics_token: Option<String>,
}

/// `access_log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessLog {
    /// `combined`: as Apache and nginx write it.
    Combined,
    /// `json`: an object a line.
    Json,
    /// `off`.
    Off,
}

/// `databases.sarangbang`.
#[derive(Clone, Debug, Deserialize)]
pub struct Database {
    /// `databases.sarangbang.url`: a MongoDB connection string. The database is the one it names, else `sarangbang`.
    pub url: String,
}

/// `site`.
#[derive(Clone, Debug)]
pub struct Site {
    /// `site.url`: where people reach the site, as `https://chat.example`. Absent: the `Host` of each request.
    pub url: Option<Url>,
    /// `site.internal_url`: where the image server reaches the site. Default: the site's own address and port.
    pub internal_url: Url,
    /// `site.hosts`: the `Host` headers that the site accepts without `site.url`, besides IP addresses and `localhost`.
    /// Default none.
    pub hosts: Vec<Host>,
    /// `site.zone`: the IANA name of the time zone of pages without JavaScript. Absent: the system's, else UTC.
    pub zone: TimeZone,
}

/// `rates`: how often a minute a person, and an address, may do something. 0 means no limit.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Rates {
    /// `rates.signups`, an address. Default 120.
    pub signups: u32,
    /// `rates.rooms`: rooms created. Default 120.
    pub rooms: u32,
    /// `rates.chats`: chats posted. Default 6,000.
    pub chats: u32,
    /// `rates.edits`: edits and removals of chats, changes of rooms and of profiles. Default 600.
    pub edits: u32,
    /// `rates.uploads`: files sent to the image server. Default 120.
    pub uploads: u32,
}

/// `sockets`: how many sockets may be open at once. 0 means no limit.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Sockets {
    /// `sockets.user`: for one person. Default 1,000.
    pub user: u32,
    /// `sockets.address`: from one address. Default 4,000.
    pub address: u32,
}

/// `images`: the image server, and where to find it.
#[derive(Clone, Debug)]
pub struct Images {
    /// `images.address`: where it listens. Default `127.0.0.1`.
    pub address: IpAddr,
    /// `images.port`. Default 8001.
    pub port: u16,
    /// `images.url`: where browsers reach it. Absent: at its port of the host that the site was asked at.
    pub url: Option<Url>,
    /// `images.internal_url`: where the site reaches it. Default: its own address and port.
    pub internal_url: Url,
    /// `images.dir`: where it keeps pictures. Default `images` in `var`.
    pub dir: PathBuf,
    /// `images.secret`: what both servers know. Absent: made at the first start and kept in `var`.
    pub secret: Option<String>,
}

impl Settings {
    /// Reads the settings of this process.
    ///
    /// # Errors
    /// A sentence that names the key, its value and what is allowed.
    pub fn read() -> Result<Self, String> {
        let named = Env::var("ROCKET_CONFIG");
        if let Some(file) = named.as_ref().filter(|file| !Path::new(file.as_str()).is_file()) {
            return Err(format!("ROCKET_CONFIG is \"{file}\", and there is no such file"));
        }
        let file = Toml::file(named.as_deref().unwrap_or("Rocket.toml")).nested();
        Self::from(defaults().merge(file).merge(Env::prefixed("ROCKET_").ignore(&["PROFILE", "CONFIG"]).global()))
    }

    /// Takes the settings from a figment that has [`defaults`] below it.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn from(rocket: Figment) -> Result<Self, String> {
        keys::known(&rocket)?;
        rocket::Config::try_from(&rocket).map_err(|error| keys::refused(&rocket, error))?;
        let var: PathBuf = required(&rocket, "var")?;
        let address = |key: &str| {
            Ok::<_, String>((
                required::<IpAddr>(&rocket, &format!("{key}address"))?,
                required(&rocket, &format!("{key}port"))?,
            ))
        };
        let (here, there) = (address("")?, address("images.")?);
        Ok(Self {
            database: database(&rocket)?,
            site: Site {
                url: url(&rocket, "site.url")?,
                internal_url: url(&rocket, "site.internal_url")?.unwrap_or(local(here)?),
                hosts: hosts(&rocket)?,
                zone: zone(&rocket)?,
            },
            images: Images {
                address: there.0,
                port: there.1,
                url: url(&rocket, "images.url")?,
                internal_url: url(&rocket, "images.internal_url")?.unwrap_or(local(there)?),
                dir: optional(&rocket, "images.dir")?.unwrap_or_else(|| var.join("images")),
                secret: optional(&rocket, "images.secret")?,
            },
            proxies: proxies(&rocket)?,
            access_log: required(&rocket, "access_log")?,
            cache: required::<ByteUnit>(&rocket, "cache")?.as_u64(),
            rates: required(&rocket, "rates")?,
            sockets: required(&rocket, "sockets")?,
            metrics_token: token(&rocket)?,
            var,
            rocket,
        })
    }
}

impl Site {
    /// Returns whether a request to this host can come from the site's own pages only: an attacker cannot give the
    /// host's name to a page of theirs.
    pub fn knows(&self, host: &Host) -> bool {
        host.is_local()
            || self.hosts.iter().any(|known| known.covers(host))
            || self.url.as_ref().is_some_and(|url| host.is_name_of(url))
    }
}

/// Rocket's defaults with ours over them.
pub fn defaults() -> Figment {
    Figment::from(rocket::Config::default())
        .join(Serialized::default("var", "var"))
        .join(Serialized::default("proxies", Vec::<String>::new()))
        .join(Serialized::default("access_log", "combined"))
        .join(Serialized::default("cache", "32MiB"))
        .join(Serialized::default("rates.signups", 120))
        .join(Serialized::default("rates.rooms", 120))
        .join(Serialized::default("rates.chats", 6_000))
        .join(Serialized::default("rates.edits", 600))
        .join(Serialized::default("rates.uploads", 120))
        .join(Serialized::default("sockets.user", 1_000))
        .join(Serialized::default("sockets.address", 4_000))
        .join(Serialized::default("images.address", "127.0.0.1"))
        .join(Serialized::default("images.port", 8001))
        .merge(Serialized::default("ident", "Sarangbang"))
        .merge(Serialized::default("log_level", "critical"))
        .merge(Serialized::default("cli_colors", false))
        // However a form is written.
        .merge(Serialized::default("limits.form", "64KiB"))
        .merge(Serialized::default("limits.data-form", "64KiB"))
        .merge(Serialized::default("limits.string", "64KiB"))
        // What is in flight when the site is told to stop has this long, in seconds, then this long again.
        .merge(Serialized::default("shutdown.grace", 2))
        .merge(Serialized::default("shutdown.mercy", 1))
}

/// The database, if one is configured.
fn database(figment: &Figment) -> Result<Option<Database>, String> {
    let database: Option<Database> = optional(figment, "databases.sarangbang")?;
    // What the driver says is not passed on: it may repeat the password.
    match &database {
        Some(database) if ConnectionString::parse(&database.url).is_err() => {
            Err(keys::unusable(figment, "databases.sarangbang.url"))
        }
        _ => Ok(database),
    }
}

/// An address of a server: a scheme, a host, and perhaps a port.
fn url(figment: &Figment, key: &str) -> Result<Option<Url>, String> {
    let Some(text) = optional::<String>(figment, key)? else { return Ok(None) };
    let unusable = || keys::unusable(figment, key);
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(unusable)?;
    let is_public = matches!(key, "site.url" | "images.url");
    match (url.path(), url.host_str()) {
        ("/", _)
            if url[url::Position::AfterPath..].is_empty() && url.username().is_empty() && url.password().is_none() =>
        {
            Ok(Some(url))
        }
        (path, Some(host)) if path != "/" && is_public => Err(keys::under_a_path(figment, key, host)),
        _ => Err(unusable()),
    }
}

fn hosts(figment: &Figment) -> Result<Vec<Host>, String> {
    let hosts = optional::<Vec<String>>(figment, "site.hosts")?.unwrap_or_default();
    let hosts = hosts.iter().map(|text| text.parse()).collect::<Result<_, _>>();
    hosts.map_err(|()| keys::unusable(figment, "site.hosts"))
}

/// The time zone of pages without JavaScript.
fn zone(figment: &Figment) -> Result<TimeZone, String> {
    match optional::<String>(figment, "site.zone")? {
        Some(name) => TimeZone::get(&name).map_err(|_| keys::unusable(figment, "site.zone")),
        None => Ok(TimeZone::try_system().unwrap_or(TimeZone::UTC)),
    }
}

/// Where a server is reached from its own machine.
fn local((address, port): (IpAddr, u16)) -> Result<Url, String> {
    let reached = match address {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(v6) if v6.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    Url::parse(&format!("http://{}/", SocketAddr::new(reached, port))).map_err(|error| error.to_string())
}

/// What admits to `/metrics`, if anything does.
fn token(figment: &Figment) -> Result<Option<String>, String> {
    let token: Option<String> = optional(figment, "metrics.token")?;
    match &token {
        Some(token) if token.len() < 16 => Err(keys::unusable(figment, "metrics.token")),
        _ => Ok(token),
    }
}

fn proxies(figment: &Figment) -> Result<Vec<IpNet>, String> {
    let net = |text: String| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let nets = required::<Vec<String>>(figment, "proxies")?.into_iter().map(net).collect::<Result<_, _>>();
    nets.map_err(|_| keys::unusable(figment, "proxies"))
}

fn required<'a, T: Deserialize<'a>>(figment: &Figment, key: &str) -> Result<T, String> {
    figment.extract_inner(key).map_err(|error| keys::refused(figment, error))
}

fn optional<'a, T: Deserialize<'a>>(figment: &Figment, key: &str) -> Result<Option<T>, String> {
    match figment.find_value(key) {
        Ok(_) => required(figment, key).map(Some),
        Err(_) => Ok(None),
    }
}
