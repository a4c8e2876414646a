//! A host with or without a port, as in `Host` headers and in `site.hosts`.

use std::str::FromStr;

use url::Url;

/// A DNS name and a port.
const MAX_LENGTH: usize = 255 + 6;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    name: url::Host,
    port: Option<u16>,
}

impl Host {
    /// Returns whether this is an IP address or `localhost`, which no attacker can point elsewhere.
    pub(crate) fn is_local(&self) -> bool {
        match &self.name {
            url::Host::Domain(name) => name == "localhost",
            url::Host::Ipv4(_) | url::Host::Ipv6(_) => true,
        }
    }

    /// Returns whether this host includes `other`. Without a port it includes all ports.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let is_port = |port| other.port.map_or(matches!(port, 80 | 443), |other| other == port);
        self.name == other.name && self.port.is_none_or(is_port)
    }

    /// Returns whether a URL has this host, at any port.
    pub(crate) fn is_name_of(&self, url: &Url) -> bool {
        url.host().is_some_and(|host| host.to_owned() == self.name)
    }

    /// Returns the URL of a server on this host, at another port.
    pub(crate) fn with_port(&self, port: u16) -> Option<Url> {
        Url::parse(&format!("http://{}:{port}/", self.name)).ok()
    }

    pub(crate) fn url(&self, scheme: &str) -> Option<Url> {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        Url::parse(&format!("{scheme}://{}{port}/", self.name)).ok()
    }
}

impl FromStr for Host {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_allowed =
            |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | '\\' | '@' | '?' | '#' | '%');
        if text.is_empty() || text.len() > MAX_LENGTH || !text.chars().all(is_allowed) {
            return Err(());
        }
        // The colons of an IPv6 address are inside brackets.
        let (name, port) = match text.rfind(':').filter(|colon| !text[*colon..].contains(']')) {
            Some(colon) => (&text[..colon], Some(text[colon + 1..].parse().map_err(|_| ())?)),
            None => (text, None),
        };
        Ok(Self { name: url::Host::parse(name).map_err(|_| ())?, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        text.parse().unwrap_or_else(|()| panic!("{text}"))
    }

    #[test]
    fn addresses_and_localhost_are_local_and_names_are_not() {
        for local in ["127.0.0.1", "127.0.0.1:8000", "10.1.2.3", "[::1]", "[::1]:8000", "localhost", "LOCALHOST:80"] {
            assert!(host(local).is_local(), "{local}");
        }
        for name in ["chat.example", "localhost.example", "127.0.0.1.example:80", "evil.localhost", "한글.example"] {
            assert!(!host(name).is_local(), "{name}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long = "a".repeat(300);
        for text in
            ["", ":80", "a b", "a/b", "user@127.0.0.1", "127.0.0.1:x", "127.0.0.1:", "a:99999", "::1", "a:1:2", &long]
        {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_configured_host_covers_its_own_port_or_all_ports() {
        for (configured, asked, covers) in [
            ("chat.example", "chat.example", true),
            ("chat.example", "CHAT.example:8000", true),
            ("chat.example:8000", "chat.example:8000", true),
            ("chat.example:8000", "chat.example:8001", false),
            ("chat.example:8000", "chat.example", false),
            ("chat.example:443", "chat.example", true),
            ("chat.example", "evil.example", false),
            ("대화.example", "xn--hp4b3x1x.example", false),
        ] {
            assert_eq!(host(configured).covers(&host(asked)), covers, "{configured}, {asked}");
        }
        assert!(host("한글.example").covers(&host("xn--bj0bj06e.example:80")));
    }
}
