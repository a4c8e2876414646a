use rocket::request::Request;
use url::Url;

use crate::config::{Host, Settings};
use crate::error::CrossOrigin;

/// Returns the host that a request names, or `None` without exactly one `Host` header.
pub(crate) fn host(request: &Request<'_>) -> Option<Host> {
    let mut lines = request.headers().get("Host");
    let first = lines.next()?;
    lines.next().is_none().then(|| first.parse().ok())?
}

/// Returns whether the server accepts the host of a request. With `site.url` it accepts any host.
pub(crate) fn accepts_host(request: &Request<'_>) -> bool {
    let Some(settings) = request.rocket().state::<Settings>() else { return false };
    settings.site.url.is_some() || knows_host(request, settings)
}

/// Returns the URL of the other server at the requested host.
pub(crate) fn url_at_port(request: &Request<'_>, port: u16) -> Option<Url> {
    host(request).filter(|_| accepts_host(request))?.with_port(port)
}

/// Checks for an IP address, `localhost` or a configured name: an attacker's page cannot have such a host.
fn knows_host(request: &Request<'_>, settings: &Settings) -> bool {
    host(request).is_some_and(|host| settings.site.knows(&host))
}

/// Checks that a page of this origin may send forms to the site.
pub(crate) fn check_origin(
    request: &Request<'_>,
    settings: &Settings,
    own: Option<&Url>,
    origin: &str,
) -> Result<(), CrossOrigin> {
    if origin == "null" {
        // A privacy setting or a Referrer-Policy hides the page. No page can set Sec-Fetch-Site.
        let is_same = request.headers().get_one("Sec-Fetch-Site") == Some("same-origin");
        return if is_same && knows_host(request, settings) { Ok(()) } else { Err(CrossOrigin::Hidden) };
    }
    let url = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(|url| url.origin().ascii_serialization() == origin).ok_or(CrossOrigin::Page)?;
    if own.is_some_and(|own| own.origin() == url.origin()) {
        return Ok(());
    }
    // Equal host names suggest a wrong set-up rather than an attack.
    let is_same_host = host(request).is_some_and(|host| host.is_name_of(&url));
    Err(match (is_same_host, &settings.site.url) {
        (false, _) => CrossOrigin::Page,
        (true, Some(_)) => CrossOrigin::Address,
        (true, None) => CrossOrigin::Port,
    })
}
