//! The host that a request was sent to, and the origins whose pages may send forms to it.

use rocket::request::Request;
use url::Url;

use crate::config::{Host, Settings};
use crate::error::CrossOrigin;

/// Returns the host that a request names. It is `None` without a `Host` header, or with several.
pub fn host(request: &Request<'_>) -> Option<Host> {
    let mut lines = request.headers().get("Host");
    let first = lines.next()?;
    lines.next().is_none().then(|| first.parse().ok())?
}

/// Returns whether the server answers at the host that a request names. With `site.url` it answers at any.
pub fn accepts_host(request: &Request<'_>) -> bool {
    let Some(settings) = request.rocket().state::<Settings>() else { return false };
    settings.site.url.is_some() || knows_host(request, settings)
}

/// Returns the URL of the other server, at the host that a request names.
pub fn url_at_port(request: &Request<'_>, port: u16) -> Option<Url> {
    host(request).filter(|_| accepts_host(request))?.with_port(port)
}

/// An attacker's page cannot have an IP address, `localhost` or a configured name as its own name.
fn knows_host(request: &Request<'_>, settings: &Settings) -> bool {
    host(request).is_some_and(|host| settings.site.knows(&host))
}

/// Checks one `Origin` of a request against the site's own origin.
///
/// # Errors
/// Why a page of that origin may not send forms here.
pub fn check_origin(
    request: &Request<'_>,
    settings: &Settings,
    own: Option<&Url>,
    origin: &str,
) -> Result<(), CrossOrigin> {
    if origin == "null" {
        // Browsers say so where a privacy setting or a Referrer-Policy hides the page. Whether the page has the
        // request's own origin is in Sec-Fetch-Site, which no page can set.
        let is_same = request.headers().get_one("Sec-Fetch-Site") == Some("same-origin");
        return if is_same && knows_host(request, settings) { Ok(()) } else { Err(CrossOrigin::Hidden) };
    }
    // An origin has one spelling, and no path.
    let url = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(|url| url.origin().ascii_serialization() == origin).ok_or(CrossOrigin::Page)?;
    if own.is_some_and(|own| own.origin() == url.origin()) {
        return Ok(());
    }
    // The page has the name that the request was sent to: the set-up is likely wrong, an attack is not.
    match host(request).is_some_and(|host| host.is_name_of(&url)) {
        true if settings.site.url.is_some() => Err(CrossOrigin::Address),
        true => Err(CrossOrigin::Port),
        false => Err(CrossOrigin::Page),
    }
}
