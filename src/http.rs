//! Reading requests, for both servers: size of the head, host, client address, tokens, weighted lists.

mod accept;
mod bearer;
mod forwarded;
mod head;
mod host;
mod setup_warnings;

pub(crate) use accept::{accepts_gzip, prefers_json, weighted_items};
pub(crate) use bearer::bearer;
pub(crate) use forwarded::{client_address, is_proxy, unlisted_proxy};
pub(crate) use head::{RequestGate, refusal};
pub(crate) use host::{accepts_host, check_origin, host, url_at_port};
pub(crate) use setup_warnings::{SetupWarnings, unlisted_proxies};

/// The most bytes of a header that a log line or an error page repeats.
pub(crate) const MAX_FIELD_BYTES: usize = 1 << 10;

/// Returns at most [`MAX_FIELD_BYTES`] of a text, cut between two characters.
pub(crate) fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_FIELD_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        assert_eq!(clip("short"), "short");
        assert_eq!(clip(&"가".repeat(1_000)), "가".repeat(341));
        assert_eq!(clip(&"a".repeat(9_000)).len(), MAX_FIELD_BYTES);
    }
}
