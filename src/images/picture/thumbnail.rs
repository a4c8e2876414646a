//! The picture of a person: a square, large and small.

use std::fs::File;

use image::imageops::{self, FilterType};
use image::{DynamicImage, Rgb, RgbImage};

use super::decode::decode;
use super::{DecodeError, encode};

const LARGE_SIDE: u32 = 256;
const SMALL_SIDE: u32 = 64;

pub(in crate::images) struct Thumbnails {
    pub(in crate::images) large: Vec<u8>,
    pub(in crate::images) small: Vec<u8>,
}

pub(in crate::images) fn thumbnails(file: &File) -> Result<Thumbnails, DecodeError> {
    let decoded = decode(file)?;
    let mut square = crop_square(&decoded.picture);
    drop(decoded.picture);
    square.apply_orientation(decoded.orientation);
    let square = on_white(&square);
    let large = imageops::resize(&square, LARGE_SIDE, LARGE_SIDE, FilterType::Lanczos3);
    let small = imageops::resize(&large, SMALL_SIDE, SMALL_SIDE, FilterType::Lanczos3);
    let encoded = |picture: RgbImage| encode(&picture.into(), decoded.profile.as_deref());
    Ok(Thumbnails { large: encoded(large)?, small: encoded(small)? })
}

/// Crops the middle square and scales it to twice the final size: the remaining steps are then cheap.
fn crop_square(picture: &DynamicImage) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let side = width.min(height);
    let middle = imageops::crop_imm(picture, (width - side) / 2, (height - side) / 2, side, side);
    let side = side.min(2 * LARGE_SIDE);
    imageops::thumbnail(&*middle, side, side).into()
}

/// Replaces transparency, which JPEG does not support, with white.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let picture = picture.to_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u16::from);
        let blend = |channel: u16| ((channel * alpha + 255 * (255 - alpha)) / 255) as u8;
        Rgb([blend(red), blend(green), blend(blue)])
    })
}
