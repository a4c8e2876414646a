//! The names of this site's cookies.
//!
//! Browsers share cookies between all ports of a host and between its subdomains, so the names contain the site's id.

/// The names before they contained an id. Browsers may still hold these cookies.
pub(crate) const OLD_SESSION: &str = "session";
pub(crate) const OLD_LOCALE: &str = "locale";
/// Browsers accept such a cookie only over TLS and from the host itself, never from a sibling subdomain.
const HOST_ONLY: &str = "__Host-";

/// The names, which all instances on one database share.
pub struct CookieNames {
    session: String,
    locale: String,
    device: String,
    notice: String,
}

impl CookieNames {
    /// Returns the names for the site with this id.
    pub fn new(site: &str) -> Self {
        Self {
            session: format!("{HOST_ONLY}sarangbang-{site}"),
            locale: format!("{HOST_ONLY}sarangbang-{site}-locale"),
            device: format!("{HOST_ONLY}sarangbang-{site}-device"),
            notice: format!("{HOST_ONLY}sarangbang-{site}-notice"),
        }
    }

    pub(crate) fn session(&self, secure: bool) -> &str {
        name(&self.session, secure)
    }

    pub(crate) fn device(&self, secure: bool) -> &str {
        name(&self.device, secure)
    }

    pub(crate) fn notice(&self, secure: bool) -> &str {
        name(&self.notice, secure)
    }

    pub(crate) fn locale(&self, secure: bool) -> &str {
        name(&self.locale, secure)
    }
}

fn name(name: &str, secure: bool) -> &str {
    if secure { name } else { name.strip_prefix(HOST_ONLY).unwrap_or(name) }
}
