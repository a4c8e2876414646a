//! What both servers need to read a request: the bound on its head, its own address, tokens, lists with weights.

mod bearer;
mod forwarded;
mod head;
mod host;
mod notices;
mod weighted;

pub use bearer::bearer;
pub use forwarded::{client_address, is_proxy, unlisted_proxy};
pub use head::{Gate, Refusal, refusal};
pub(crate) use host::host;
pub use host::{accepts_host, check_origin};
pub use notices::{Notices, unlisted_proxies};
pub use weighted::{prefers_json, takes_gzip};

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
