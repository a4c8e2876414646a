//! Compression of text.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// A shorter response fits into one packet anyway.
const MIN_BYTES: usize = 1024;

/// Compresses a response. Returns `None` where that saves nothing.
pub fn gzip(bytes: &[u8], level: Compression) -> Option<Vec<u8>> {
    if bytes.len() < MIN_BYTES { None } else { compress(bytes, level) }
}

/// Compresses bytes of any length. Returns `None` where the result is not shorter.
pub(super) fn compress(bytes: &[u8], level: Compression) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), level);
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().filter(|gzip| gzip.len() < bytes.len())
}

/// Returns what [`compress`] has compressed.
pub(super) fn decompress(gzip: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    match GzDecoder::new(gzip).read_to_end(&mut bytes) {
        Ok(_) => bytes,
        Err(error) => {
            log::error!("own compression not read: error={error}");
            Vec::new()
        }
    }
}
