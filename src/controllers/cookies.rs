//! The names of this site's cookies, and what a request carries under them.
//!
//! Browsers share cookies between all ports of a host and between its subdomains. So the names belong to one site, and
//! every cookie of a name is looked at: Rocket's jar keeps only the last one.

use rocket::request::Request;

/// The names before each site had its own. Browsers may still hold cookies under them.
pub(super) const OLD_SESSION: &str = "session";
pub(super) const OLD_LOCALE: &str = "locale";
/// Browsers take such a cookie only over TLS and from the host itself, never from a sibling subdomain.
const HOST_ONLY: &str = "__Host-";
/// The most cookies of one name that are tried.
const TRIED: usize = 8;

/// The names of one site's cookies. They are the same for all instances on one database.
pub struct CookieNames {
    session: String,
    locale: String,
    device: String,
}

impl CookieNames {
    /// Returns the names for the site of this id.
    pub fn new(site: &str) -> Self {
        Self {
            session: format!("{HOST_ONLY}sarangbang-{site}"),
            locale: format!("{HOST_ONLY}sarangbang-{site}-locale"),
            device: format!("{HOST_ONLY}sarangbang-{site}-device"),
        }
    }

    /// Returns the name of the cookie with a session's token.
    pub(super) fn session(&self, secure: bool) -> &str {
        name(&self.session, secure)
    }

    /// Returns the name of the cookie with the [`Device`](crate::models::Device) while nobody is signed in; otherwise the
    /// session's cookie holds it.
    pub(super) fn device(&self, secure: bool) -> &str {
        name(&self.device, secure)
    }

    /// Returns the name of the cookie with the tag of a language.
    pub(super) fn locale(&self, secure: bool) -> &str {
        name(&self.locale, secure)
    }
}

fn name(name: &str, secure: bool) -> &str {
    if secure { name } else { name.strip_prefix(HOST_ONLY).unwrap_or(name) }
}

/// Returns the values of all cookies of a name, in the order of the request.
pub(super) fn sent<'r>(request: &'r Request<'_>, name: &str) -> impl Iterator<Item = &'r str> {
    let cookies = request.headers().get("Cookie").flat_map(|line| line.split(';'));
    cookies.filter_map(move |cookie| cookie.trim().strip_prefix(name)?.strip_prefix('=')).take(TRIED)
}
