//! The picture of a chat: a large and a small rendition.

use std::fs::File;

use fast_image_resize::Resizer;
use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat};

use super::animation::copy_animation;
use super::decode::{Decoded, decode};
use super::{DecodeError, encode};

const LARGE_SIDE: u32 = 1_600;
const SMALL_SIDE: u32 = 320;

pub(in crate::images) struct Rendition {
    pub(in crate::images) large: Vec<u8>,
    pub(in crate::images) small: Vec<u8>,
    /// The media type of the large one.
    pub(in crate::images) media_type: &'static str,
    pub(in crate::images) width: u32,
    pub(in crate::images) height: u32,
    pub(in crate::images) animated: bool,
}

pub(in crate::images) fn render(file: &File) -> Result<Rendition, DecodeError> {
    let Decoded { format, picture, orientation, profile } = decode(file)?;
    let picture = with_bytes(picture);
    let profile = profile.as_deref();
    let (width, height) = (picture.width(), picture.height());
    if orientation == Orientation::NoTransforms
        && let Some(copy) = copy_animation(file, format)?
    {
        let small = encode(&opaque(scaled(picture, SMALL_SIDE)?), profile)?;
        let media_type = if format == ImageFormat::Gif { "image/gif" } else { "image/webp" };
        return Ok(Rendition { large: copy, small, media_type, width, height, animated: true });
    }
    let mut large = scaled(picture, LARGE_SIDE)?;
    large.apply_orientation(orientation);
    let large = opaque(large);
    let (width, height) = (large.width(), large.height());
    let media_type = if large.color().has_alpha() { "image/png" } else { "image/jpeg" };
    let bytes = encode(&large, profile)?;
    let small = encode(&scaled(large, SMALL_SIDE)?, profile)?;
    Ok(Rendition { large: bytes, small, media_type, width, height, animated: false })
}

/// Reduces the channels of a picture to 8 bits each: scaling holds it twice in memory.
fn with_bytes(picture: DynamicImage) -> DynamicImage {
    match (picture.color().has_color(), picture.color().has_alpha()) {
        (false, false) => picture.into_luma8().into(),
        (false, true) => picture.into_luma_alpha8().into(),
        (true, false) => picture.into_rgb8().into(),
        (true, true) => picture.into_rgba8().into(),
    }
}

/// Scales a picture down so that its longer side has at most `side` pixels.
fn scaled(picture: DynamicImage, side: u32) -> Result<DynamicImage, DecodeError> {
    let (width, height) = (picture.width(), picture.height());
    let longer = width.max(height);
    if longer <= side {
        return Ok(picture);
    }
    let fitted = |length: u32| (u64::from(length) * u64::from(side) / u64::from(longer)).max(1) as u32;
    let mut smaller = DynamicImage::new(fitted(width), fitted(height), picture.color());
    Resizer::new().resize(&picture, &mut smaller, None).map_err(|_| DecodeError::Damaged)?;
    Ok(smaller)
}

/// Reduces a picture to 8 bits a channel, and drops an alpha channel that hides nothing.
fn opaque(picture: DynamicImage) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8().into();
    }
    let picture = picture.into_rgba8();
    if picture.pixels().all(|pixel| pixel.0[3] == u8::MAX) {
        return DynamicImage::from(picture).into_rgb8().into();
    }
    picture.into()
}
