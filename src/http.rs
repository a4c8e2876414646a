//! What both servers need to read a request: the bound on its head, its own address, tokens, lists with weights.

mod accept;
mod bearer;
mod forwarded;
mod head;
mod host;
mod setup_warnings;

pub(crate) use accept::weighted_items;
pub use accept::{prefers_json, takes_gzip};
pub use bearer::bearer;
pub use forwarded::{client_address, is_proxy, unlisted_proxy};
pub use head::{RequestGate, refusal};
pub use host::{accepts_host, check_origin, host, url_at_port};
pub use setup_warnings::{SetupWarnings, unlisted_proxies};

/// The most bytes of a header that go into a log line or an error page.
pub const FIELD: usize = 1 << 10;

/// Returns the beginning of a text: at most [`FIELD`] bytes, cut between two characters.
pub fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(FIELD)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        assert_eq!(clip("short"), "short");
        assert_eq!(clip(&"가".repeat(1_000)), "가".repeat(341));
        assert_eq!(clip(&"a".repeat(9_000)).len(), FIELD);
    }
}
