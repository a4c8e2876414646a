//! A picture made small: decoded within limits, turned upright, cut square, written as two JPEGs without a word of
//! what the camera knew. Pure: bytes in, bytes out.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage};

/// The most pixels a side, and in all.
const MAX_SIDE: u32 = 10_000;
const MAX_PIXELS: u64 = 40_000_000;
/// The most memory that decoding may ask for: 40 megapixels of four 16-bit channels. The decoder of JPEG takes no notice
/// of it; 40 megapixels cost it 350 MB.
const MAX_DECODER_MEMORY: u64 = 40_000_000 * 8 + (16 << 20);
/// The sizes that are kept, in pixels a side, and their quality.
pub(super) const LARGE_SIDE: u32 = 256;
pub(super) const SMALL_SIDE: u32 = 64;
const JPEG_QUALITY: u8 = 85;

/// A picture in the two sizes that are kept, as JPEG.
pub(super) struct Thumbnails {
    pub(super) large: Vec<u8>,
    pub(super) small: Vec<u8>,
}

/// Why a picture is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DecodeError {
    /// Not JPEG, PNG, GIF or WebP, whatever its name says.
    UnknownFormat,
    /// Too many pixels.
    TooManyPixels,
    /// It cannot be decoded, or it ends before its end.
    Damaged,
}

/// Makes a picture small.
pub(super) fn compress(bytes: &[u8]) -> Result<Thumbnails, DecodeError> {
    let format = image::guess_format(bytes).map_err(|_| DecodeError::UnknownFormat)?;
    if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Gif | ImageFormat::WebP) {
        return Err(DecodeError::UnknownFormat);
    }
    // The decoder fills up what is missing without a word.
    if format == ImageFormat::Jpeg && !is_whole_jpeg(bytes).unwrap_or(false) {
        return Err(DecodeError::Damaged);
    }
    let (picture, orientation) = decode(bytes, format)?;
    let mut square = cut_square(&picture);
    drop(picture);
    square.apply_orientation(orientation);
    let square = on_white(&square);
    let large = imageops::resize(&square, LARGE_SIDE, LARGE_SIDE, FilterType::Lanczos3);
    let small = imageops::resize(&large, SMALL_SIDE, SMALL_SIDE, FilterType::Lanczos3);
    Ok(Thumbnails { large: encode(&large)?, small: encode(&small)? })
}

/// Whether a JPEG comes to its end mark; `None` when the bytes end first. Segment by segment, for the preview within has
/// an end too; what cameras add behind it does not matter (ITU T.81, B.1).
fn is_whole_jpeg(bytes: &[u8]) -> Option<bool> {
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xff {
            return Some(false);
        }
        at += 1;
        match *bytes.get(at)? {
            // Fill bytes, and marks that stand alone.
            0xff => continue,
            0x01 | 0xd0..=0xd7 => {}
            0xd9 => return Some(true),
            mark => {
                at += usize::from(u16::from_be_bytes([*bytes.get(at + 1)?, *bytes.get(at + 2)?]));
                if mark == 0xda {
                    // What follows is the picture itself, up to a mark that is no restart.
                    let scan = bytes.get(at + 1..)?;
                    let end = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff);
                    at += scan.windows(2).position(end)?;
                }
            }
        }
        at += 1;
    }
}

/// Decodes the first frame, after a look at the header: nothing of what is too large is decoded.
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

/// The middle square, at most twice as large as what is kept: the rest is cheap then. A view is cut, no copy.
fn cut_square(picture: &DynamicImage) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let side = width.min(height);
    let middle = imageops::crop_imm(picture, (width - side) / 2, (height - side) / 2, side, side);
    let side = side.min(2 * LARGE_SIDE);
    imageops::thumbnail(&*middle, side, side).into()
}

/// What shows through is white: JPEG knows no transparency.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let picture = picture.to_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u16::from);
        let over = |channel: u16| ((channel * alpha + 255 * (255 - alpha)) / 255) as u8;
        Rgb([over(red), over(green), over(blue)])
    })
}

fn encode(picture: &RgbImage) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(picture).map_err(|_| DecodeError::Damaged)?;
    Ok(bytes)
}
