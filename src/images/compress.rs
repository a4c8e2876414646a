//! Decodes a picture within limits, rotates and crops it, and encodes two JPEGs without metadata.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage};

const MAX_SIDE: u32 = 10_000;
const MAX_PIXELS: u64 = 40_000_000;
/// The memory of a decoder: 40 megapixels of four 16-bit channels.
///
/// The JPEG decoder ignores this limit. 40 megapixels cost it 350 MB.
const MAX_DECODER_MEMORY: u64 = 40_000_000 * 8 + (16 << 20);
const LARGE_SIDE: u32 = 256;
const SMALL_SIDE: u32 = 64;
const JPEG_QUALITY: u8 = 85;

pub(super) struct Thumbnails {
    pub(super) large: Vec<u8>,
    pub(super) small: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DecodeError {
    /// Neither JPEG, PNG, GIF nor WebP.
    UnknownFormat,
    TooManyPixels,
    /// Invalid or truncated.
    Damaged,
}

pub(super) fn compress(bytes: &[u8]) -> Result<Thumbnails, DecodeError> {
    let format = image::guess_format(bytes).map_err(|_| DecodeError::UnknownFormat)?;
    if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Gif | ImageFormat::WebP) {
        return Err(DecodeError::UnknownFormat);
    }
    // The decoder silently fills the missing part of a truncated JPEG.
    if format == ImageFormat::Jpeg && !is_complete_jpeg(bytes).unwrap_or(false) {
        return Err(DecodeError::Damaged);
    }
    let (picture, orientation) = decode(bytes, format)?;
    let mut square = crop_square(&picture);
    drop(picture);
    square.apply_orientation(orientation);
    let square = on_white(&square);
    let large = imageops::resize(&square, LARGE_SIDE, LARGE_SIDE, FilterType::Lanczos3);
    let small = imageops::resize(&large, SMALL_SIDE, SMALL_SIDE, FilterType::Lanczos3);
    Ok(Thumbnails { large: encode(&large)?, small: encode(&small)? })
}

/// Returns whether a JPEG has its end marker, or `None` if the bytes end first (ITU T.81, B.1).
///
/// It walks the segments, because an embedded preview has an end marker too. Bytes after the end are valid.
fn is_complete_jpeg(bytes: &[u8]) -> Option<bool> {
    let mut position = 2;
    loop {
        if *bytes.get(position)? != 0xff {
            return Some(false);
        }
        position += 1;
        match *bytes.get(position)? {
            // Fill bytes, and markers without a segment.
            0xff => continue,
            0x01 | 0xd0..=0xd7 => {}
            0xd9 => return Some(true),
            marker => {
                let length = [*bytes.get(position + 1)?, *bytes.get(position + 2)?];
                position += usize::from(u16::from_be_bytes(length));
                if marker == 0xda {
                    // The scan ends at a marker other than a restart.
                    let scan = bytes.get(position + 1..)?;
                    let end = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff);
                    position += scan.windows(2).position(end)?;
                }
            }
        }
        position += 1;
    }
}

/// Decodes the first frame, if the header is within the limits.
fn decode(bytes: &[u8], format: ImageFormat) -> Result<(DynamicImage, Orientation), DecodeError> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| match error {
        image::ImageError::Limits(_) => DecodeError::TooManyPixels,
        _ => DecodeError::Damaged,
    })?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(DecodeError::TooManyPixels);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| match error {
        image::ImageError::Limits(_) => DecodeError::TooManyPixels,
        _ => DecodeError::Damaged,
    })?;
    Ok((picture, orientation))
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

fn encode(picture: &RgbImage) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(picture).map_err(|_| DecodeError::Damaged)?;
    Ok(bytes)
}
