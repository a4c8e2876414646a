//! What the JPEG decoder leaves unchecked: the end of a file, and CMYK without Adobe's marker.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use image::RgbImage;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const ADOBE: &[u8] = b"Adobe";
const APP14: u8 = 0xee;
const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// What the segments of a JPEG say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Segments {
    /// Whether the file has its end marker.
    pub(super) is_complete: bool,
    /// Cyan, magenta, yellow and black as printers mean them. With Adobe's marker they are inverted.
    pub(super) is_plain_cmyk: bool,
}

/// Reads the segments up to the end marker (ITU T.81, B.1).
///
/// It walks them, because an embedded preview has an end marker too. Bytes after the end are valid.
pub(super) fn segments(file: &File) -> Segments {
    let (mut segments, mut has_adobe) = (Segments::default(), false);
    let mut reader = BufReader::new(file);
    let mut walk = || {
        reader.seek_relative(2)?;
        let mut marker = next_marker(&mut reader)?;
        loop {
            marker = match marker {
                END_OF_IMAGE => break,
                0x01 | 0xd0..=0xd7 => next_marker(&mut reader)?,
                _ => {
                    let mut length = [0; 2];
                    reader.read_exact(&mut length)?;
                    let length = u16::from_be_bytes(length).checked_sub(2).ok_or(ErrorKind::InvalidData)?;
                    let mut head = Vec::new();
                    reader.by_ref().take(u64::from(length.min(16))).read_to_end(&mut head)?;
                    has_adobe |= marker == APP14 && head.starts_with(ADOBE);
                    // The frame's header has the number of components behind precision, height and width.
                    let is_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
                    segments.is_plain_cmyk |= is_frame && head.get(5) == Some(&4);
                    reader.seek_relative(i64::from(length) - head.len() as i64)?;
                    if marker == START_OF_SCAN { scan_end(&mut reader)? } else { next_marker(&mut reader)? }
                }
            };
        }
        io::Result::Ok(())
    };
    segments.is_complete = walk().is_ok();
    segments.is_plain_cmyk &= !has_adobe;
    segments
}

fn next_marker(reader: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    if byte != [0xff] {
        return Err(ErrorKind::InvalidData.into());
    }
    // Fill bytes may precede a marker.
    while byte == [0xff] {
        reader.read_exact(&mut byte)?;
    }
    Ok(byte[0])
}

/// Returns the marker that ends a scan: any but a restart.
fn scan_end(reader: &mut impl BufRead) -> io::Result<u8> {
    let mut is_after_ff = false;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let found = buffer.iter().position(|byte| {
            let is_end = is_after_ff && !matches!(byte, 0x00 | 0xd0..=0xd7 | 0xff);
            is_after_ff = *byte == 0xff;
            is_end
        });
        if let Some(position) = found {
            let marker = buffer[position];
            reader.consume(position + 1);
            return Ok(marker);
        }
        let read = buffer.len();
        reader.consume(read);
    }
}

/// Decodes CMYK that is not inverted. The general decoder takes all CMYK for inverted.
pub(super) fn decode_plain_cmyk(mut file: &File) -> Option<RgbImage> {
    let mut input = Vec::new();
    file.read_to_end(&mut input).ok()?;
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(usize::MAX).set_max_height(usize::MAX);
    let options = options.jpeg_set_out_colorspace(ColorSpace::CMYK);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&input), options);
    let mut pixels = decoder.decode().ok()?;
    let (width, height) = decoder.dimensions()?;
    let count = width.checked_mul(height).filter(|count| count.checked_mul(4) == Some(pixels.len()))?;
    for pixel in 0..count {
        let [cyan, magenta, yellow, black] = [0, 1, 2, 3].map(|channel| 255 - u16::from(pixels[4 * pixel + channel]));
        for (channel, ink) in [cyan, magenta, yellow].into_iter().enumerate() {
            pixels[3 * pixel + channel] = (ink * black / 255) as u8;
        }
    }
    pixels.truncate(3 * count);
    RgbImage::from_raw(width.try_into().ok()?, height.try_into().ok()?, pixels)
}
