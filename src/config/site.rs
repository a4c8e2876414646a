//! `site`: where people reach the site, and its time zone.

use anyhow::Result;
use jiff::tz::TimeZone;
use rocket::figment::Figment;
use url::Url;

use super::{Host, errors, listener, loopback_url, optional, url};

#[derive(Clone, Debug)]
pub(crate) struct SiteConfig {
    pub(crate) url: Option<Url>,
    pub(crate) internal_url: Url,
    pub(crate) hosts: Vec<Host>,
    pub(crate) zone: TimeZone,
}

impl SiteConfig {
    pub(super) fn read(figment: &Figment) -> Result<Self> {
        Ok(Self {
            url: url(figment, "site.url")?,
            internal_url: match url(figment, "site.internal_url")? {
                Some(url) => url,
                None => loopback_url(listener(figment, "")?)?,
            },
            hosts: hosts(figment)?,
            zone: zone(figment)?,
        })
    }

    /// Returns whether only pages of the site can send a request to this host: no attacker can point such a name elsewhere.
    pub(crate) fn knows(&self, host: &Host) -> bool {
        host.is_local()
            || self.hosts.iter().any(|known| known.covers(host))
            || self.url.as_ref().is_some_and(|url| host.is_name_of(url))
    }
}

fn hosts(figment: &Figment) -> Result<Vec<Host>> {
    let hosts = optional::<Vec<String>>(figment, "site.hosts")?.unwrap_or_default();
    let hosts = hosts.iter().map(|text| text.parse()).collect::<Result<_, ()>>();
    hosts.map_err(|()| errors::invalid_value(figment, "site.hosts"))
}

fn zone(figment: &Figment) -> Result<TimeZone> {
    match optional::<String>(figment, "site.zone")? {
        Some(name) => TimeZone::get(&name).map_err(|_| errors::invalid_value(figment, "site.zone")),
        None => Ok(TimeZone::try_system().unwrap_or(TimeZone::UTC)),
    }
}
