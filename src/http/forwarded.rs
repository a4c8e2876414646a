use std::net::IpAddr;

use ipnet::IpNet;
use rocket::request::Request;

use crate::config::Settings;

/// Returns the last entry of `X-Forwarded-For` that is not a configured proxy: each proxy appends its peer.
pub(crate) fn client_address<'h>(peer: IpAddr, forwarded: impl Iterator<Item = &'h str>, proxies: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    if !is_proxy(client, proxies) {
        return client;
    }
    let entries: Vec<&str> = forwarded.flat_map(|header| header.split(',')).collect();
    for address in entries.into_iter().rev().map_while(|entry| entry.trim().parse::<IpAddr>().ok()) {
        client = address.to_canonical();
        if !is_proxy(client, proxies) {
            break;
        }
    }
    client
}

pub(crate) fn is_proxy(address: IpAddr, proxies: &[IpNet]) -> bool {
    let address = address.to_canonical();
    proxies.iter().any(|proxy| proxy.contains(&address))
}

/// Returns the peer if it sends `X-Forwarded-For` and is not in `proxies`.
pub(crate) fn unlisted_proxy(request: &Request<'_>) -> Option<IpAddr> {
    if !request.headers().contains("X-Forwarded-For") {
        return None;
    }
    let settings: &Settings = request.rocket().state()?;
    let peer = request.remote()?.ip().to_canonical();
    (!is_proxy(peer, &settings.proxies)).then_some(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_configured_proxy_appended_counts() {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        let from = |peer: &str, headers: &[&str]| {
            client_address(peer.parse().unwrap(), headers.iter().copied(), &proxies).to_string()
        };
        assert_eq!(from("192.0.2.1", &["203.0.113.9"]), "192.0.2.1", "a stranger is not believed");
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(from("10.0.0.1", &["198.51.100.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(from("10.0.0.1", &["203.0.113.9", "10.0.0.2"]), "203.0.113.9");
        assert_eq!(from("::ffff:10.0.0.1", &["203.0.113.9, nonsense"]), "10.0.0.1");
    }
}
