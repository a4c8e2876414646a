//! Compression of text.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A shorter text fits into one packet anyway.
const MIN_BYTES: usize = 1024;

/// Compresses bytes. Returns `None` where that saves nothing.
pub fn gzip(bytes: &[u8], level: Compression) -> Option<Vec<u8>> {
    if bytes.len() < MIN_BYTES {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), level);
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().filter(|gzip| gzip.len() < bytes.len())
}
