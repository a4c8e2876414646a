//! Text made small for the way to the browser.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// In bytes. What is shorter fits into a packet as it is.
const WORTH: usize = 1024;

/// The bytes as gzip; none where they are too few, or would not become fewer.
pub fn gzip(bytes: &[u8], level: Compression) -> Option<Vec<u8>> {
    if bytes.len() < WORTH {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), level);
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().filter(|gzip| gzip.len() < bytes.len())
}
