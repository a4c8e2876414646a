//! The client's address and scheme, as far as trusted proxies report them.

use std::net::{IpAddr, Ipv4Addr};

use rocket::request::Request;

use super::state::settings;
use crate::http;

/// Returns the address of the client, which behind a trusted proxy is the one that the proxy reports.
pub(crate) fn client_address(request: &Request<'_>) -> IpAddr {
    let peer = request.remote().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    http::client_address(peer, request.headers().get("X-Forwarded-For"), &settings(request).proxies)
}

pub(crate) fn via_trusted_proxy(request: &Request<'_>) -> bool {
    request.remote().is_some_and(|peer| http::is_proxy(peer.ip(), &settings(request).proxies))
}

/// Returns whether the client is known to use TLS.
pub(crate) fn is_secure(request: &Request<'_>) -> bool {
    if let Some(url) = &settings(request).site.url {
        return url.scheme() == "https";
    }
    via_trusted_proxy(request)
        && request.headers().get_one("X-Forwarded-Proto").is_some_and(|proto| proto.trim() == "https")
}
