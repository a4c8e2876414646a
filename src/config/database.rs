//! `databases.sarangbang`: the keys that `rocket_db_pools` gives every database.

use std::time::Duration;

use anyhow::Result;
use mongodb::options::ConnectionString;
use rocket::figment::Figment;
use serde::{Deserialize, Serialize};

use super::{errors, optional};

/// With the driver's default of 10 connections readers of pages would wait for each other.
const MAX_CONNECTIONS: u32 = 64;
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How the site connects to its database.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DatabaseConfig {
    pub(crate) url: String,
    pub(crate) min_connections: Option<u32>,
    pub(crate) max_connections: u32,
    /// In seconds, as all timeouts of `rocket_db_pools`.
    pub(crate) connect_timeout: f64,
    pub(crate) idle_timeout: Option<f64>,
    /// Whether this is the site's own engine, which no other instance uses.
    pub(crate) is_engine: bool,
}

/// The keys as an operator writes them.
#[derive(Deserialize)]
struct Keys {
    url: String,
    min_connections: Option<u32>,
    max_connections: Option<u32>,
    connect_timeout: Option<f64>,
    idle_timeout: Option<f64>,
}

impl DatabaseConfig {
    /// Takes the settings from a URL, with defaults for the others.
    pub(crate) fn from_url(url: &str) -> Self {
        let options = ConnectionString::parse(url).ok();
        let options = options.as_ref();
        let seconds = |timeout: Option<Duration>| timeout.as_ref().map(Duration::as_secs_f64);
        Self {
            url: url.to_owned(),
            min_connections: options.and_then(|url| url.min_pool_size),
            max_connections: options.and_then(|url| url.max_pool_size).unwrap_or(MAX_CONNECTIONS),
            connect_timeout: seconds(options.and_then(|url| url.connect_timeout))
                .unwrap_or(CONNECT_TIMEOUT.as_secs_f64()),
            idle_timeout: seconds(options.and_then(|url| url.max_idle_time)),
            is_engine: false,
        }
    }

    pub(crate) fn engine(url: &str) -> Self {
        Self { is_engine: true, ..Self::from_url(url) }
    }

    /// Returns `None` if no database is configured. A table without a URL is an error.
    pub(super) fn read(figment: &Figment) -> Result<Option<Self>> {
        let Some(keys) = optional::<Keys>(figment, "databases.sarangbang")? else { return Ok(None) };
        let invalid = |key: &str| errors::invalid_value(figment, &format!("databases.sarangbang.{key}"));
        // The driver's error may repeat the password.
        ConnectionString::parse(&keys.url).map_err(|_| invalid("url"))?;
        let mut config = Self::from_url(&keys.url);
        config.min_connections = keys.min_connections.or(config.min_connections);
        config.max_connections = keys.max_connections.unwrap_or(config.max_connections);
        config.connect_timeout = keys.connect_timeout.unwrap_or(config.connect_timeout);
        config.idle_timeout = keys.idle_timeout.or(config.idle_timeout);
        if config.min_connections.is_some_and(|min| min > config.max_connections) {
            return Err(invalid("min_connections"));
        }
        for (key, seconds) in [("connect_timeout", Some(config.connect_timeout)), ("idle_timeout", config.idle_timeout)]
        {
            if seconds.is_some_and(|seconds| Duration::try_from_secs_f64(seconds).is_err()) {
                return Err(invalid(key));
            }
        }
        Ok(Some(config))
    }
}
