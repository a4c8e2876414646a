use std::fs::File;
use std::io::{self, BufReader, Read, Seek};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::{DecodeError, jpeg};

const MAX_SIDE: u32 = 10_000;
pub(super) const MAX_PIXELS: u64 = 40_000_000;
/// The memory of a decoder: 40 megapixels of four 16-bit channels.
///
/// The JPEG decoder ignores this limit. 40 megapixels cost it 350 MB.
const MAX_DECODER_MEMORY: u64 = 40_000_000 * 8 + (16 << 20);
/// In bytes. Those of cameras have less than 1 KiB, those of printers megabytes.
const MAX_PROFILE: usize = 64 << 10;
const HEAD: u64 = 16;

/// A decoded picture: its first frame.
pub(super) struct Decoded {
    pub(super) format: ImageFormat,
    pub(super) picture: DynamicImage,
    pub(super) orientation: Orientation,
    /// The ICC profile of an RGB picture.
    pub(super) profile: Option<Vec<u8>>,
}

/// Returns the format that a file begins with, if it is one of the four.
pub(super) fn format(head: &[u8]) -> Option<ImageFormat> {
    let is_known =
        |format: &_| matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Gif | ImageFormat::WebP);
    image::guess_format(head).ok().filter(is_known)
}

/// Returns limits for a decoder, which checks the header against them.
pub(super) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER_MEMORY);
    limits
}

pub(super) fn decode_error(error: ImageError) -> DecodeError {
    match error {
        ImageError::Limits(_) => DecodeError::TooManyPixels,
        _ => DecodeError::Damaged,
    }
}

/// Decodes the first frame of a file, if the header is within the limits.
pub(super) fn decode(file: &File) -> Result<Decoded, DecodeError> {
    let format = read_format(file).map_err(|_| DecodeError::Damaged)?.ok_or(DecodeError::UnknownFormat)?;
    let segments = if format == ImageFormat::Jpeg { Some(jpeg::segments(file)) } else { None };
    // The decoder silently fills the missing part of a truncated JPEG.
    if segments.is_some_and(|segments| !segments.is_complete) {
        return Err(DecodeError::Damaged);
    }
    let mut decoder = open(file, format)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    // Bytes 16 to 19 name the colour space (ICC.1, 7.2).
    let is_rgb = |profile: &Vec<u8>| profile.get(16..20) == Some(b"RGB ") && profile.len() <= MAX_PROFILE;
    let profile = profile.filter(is_rgb).filter(|_| decoder.color_type().has_color());
    let picture = if segments.is_some_and(|segments| segments.is_plain_cmyk) {
        drop(decoder);
        rewound(file).ok().and_then(jpeg::decode_plain_cmyk).ok_or(DecodeError::Damaged)?.into()
    } else {
        DynamicImage::from_decoder(decoder).map_err(decode_error)?
    };
    Ok(Decoded { format, picture, orientation, profile })
}

fn open(file: &File, format: ImageFormat) -> Result<impl ImageDecoder, DecodeError> {
    let file = rewound(file).map_err(|_| DecodeError::Damaged)?;
    let mut reader = ImageReader::with_format(BufReader::new(file), format);
    reader.limits(limits());
    let decoder = reader.into_decoder().map_err(decode_error)?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(DecodeError::TooManyPixels);
    }
    Ok(decoder)
}

fn read_format(file: &File) -> io::Result<Option<ImageFormat>> {
    let mut head = Vec::new();
    rewound(file)?.take(HEAD).read_to_end(&mut head)?;
    rewound(file)?;
    Ok(format(&head))
}

/// Moves to the start of a file.
pub(super) fn rewound(mut file: &File) -> io::Result<&File> {
    file.rewind().map(|()| file)
}
