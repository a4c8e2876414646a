//! `databases.sarangbang`: the keys that `rocket_db_pools` gives every database.

use std::time::Duration;

use anyhow::Result;
use mongodb::options::ConnectionString;
use rocket::figment::Figment;
use serde::{Deserialize, Serialize};

use super::{errors, optional};

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
    /// Whether the database is the site's own engine, which no other instance uses.
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
    pub(crate) fn engine(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            min_connections: None,
            max_connections: MAX_CONNECTIONS,
            connect_timeout: CONNECT_TIMEOUT.as_secs_f64(),
            idle_timeout: None,
            is_engine: true,
        }
    }

    /// Returns `None` if no database is configured. A table without a URL is an error.
    pub(super) fn read(figment: &Figment) -> Result<Option<Self>> {
        let Some(keys) = optional::<Keys>(figment, "databases.sarangbang")? else { return Ok(None) };
        let invalid = |key: &str| errors::invalid_value(figment, &format!("databases.sarangbang.{key}"));
        // The driver's error may repeat the password.
        let url = ConnectionString::parse(&keys.url).map_err(|_| invalid("url"))?;
        let in_url = |timeout: Option<Duration>| timeout.as_ref().map(Duration::as_secs_f64);
        let connect_timeout = keys.connect_timeout.or(in_url(url.connect_timeout));
        let config = Self {
            url: keys.url,
            min_connections: keys.min_connections.or(url.min_pool_size),
            max_connections: keys.max_connections.or(url.max_pool_size).unwrap_or(MAX_CONNECTIONS),
            connect_timeout: connect_timeout.unwrap_or(CONNECT_TIMEOUT.as_secs_f64()),
            idle_timeout: keys.idle_timeout.or(in_url(url.max_idle_time)),
            is_engine: false,
        };
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
