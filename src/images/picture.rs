//! Decodes pictures within limits and encodes smaller ones without metadata.

mod animation;
mod decode;
mod jpeg;
mod rendition;
mod thumbnail;

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageEncoder};

pub(super) use rendition::render;
pub(super) use thumbnail::thumbnails;

const JPEG_QUALITY: u8 = 85;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DecodeError {
    /// Neither JPEG, PNG, GIF nor WebP.
    UnknownFormat,
    TooManyPixels,
    /// Invalid or truncated.
    Damaged,
}

/// Returns whether a file with this head is decoded as a picture.
pub(super) fn is_picture(head: &[u8]) -> bool {
    decode::format(head).is_some()
}

/// Encodes an opaque picture as JPEG, another one as PNG.
fn encode(picture: &DynamicImage, profile: Option<&[u8]>) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = Cursor::new(Vec::new());
    let encoded = if picture.color().has_alpha() {
        write(picture, PngEncoder::new(&mut bytes), profile)
    } else {
        write(picture, JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY), profile)
    };
    encoded.map(|()| bytes.into_inner()).map_err(|_| DecodeError::Damaged)
}

fn write(picture: &DynamicImage, mut encoder: impl ImageEncoder, profile: Option<&[u8]>) -> image::ImageResult<()> {
    if let Some(profile) = profile {
        // Without its profile the picture is still a picture.
        let _ = encoder.set_icc_profile(profile.to_vec());
    }
    picture.write_with_encoder(encoder)
}
