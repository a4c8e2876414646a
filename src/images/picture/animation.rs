//! Copies animated GIF and WebP files without metadata, after a decoder has read each frame.
//!
//! No crate does that: the encoders of `image` would write each frame anew, larger and in 256 other colours.

use std::fs::File;
use std::io::{self, Cursor, Read};

use image::codecs::gif::GifDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, Frames, ImageDecoder, ImageFormat};

use super::DecodeError;
use super::decode::{MAX_PIXELS, decode_error, limits, rewound};

/// In bytes. A larger animation becomes a still.
const MAX_ANIMATION: u64 = 8 << 20;
/// The same for more frames, or more pixels in all frames together: each costs 10 ns.
const MAX_FRAMES: u64 = 3_000;
const MAX_FRAME_PIXELS: u64 = 300_000_000;
const MAX_PROFILE: usize = 64 << 10;

const GIF_HEAD: usize = 13;
const LOOP_APPLICATIONS: [&[u8]; 2] = [b"NETSCAPE2.0", b"ANIMEXTS1.0"];

/// A copied container.
#[derive(Debug, PartialEq, Eq)]
struct Animation {
    bytes: Vec<u8>,
    frames: u64,
    /// In pixels, of the canvas.
    area: u64,
}

/// The bytes that are still to be read.
struct Input<'a>(&'a [u8]);

/// Returns a copy of an animation, or `None` for a still and for an animation beyond the limits.
pub(super) fn copy_animation(file: &File, format: ImageFormat) -> Result<Option<Vec<u8>>, DecodeError> {
    if !matches!(format, ImageFormat::Gif | ImageFormat::WebP) {
        return Ok(None);
    }
    let Some(bytes) = read_small(file).map_err(|_| DecodeError::Damaged)? else { return Ok(None) };
    let copy = if format == ImageFormat::Gif { copy_gif(&bytes) } else { copy_webp(&bytes) };
    let copy = copy.ok_or(DecodeError::Damaged)?;
    drop(bytes);
    let is_limited =
        copy.frames <= MAX_FRAMES && copy.area <= MAX_PIXELS && copy.area * copy.frames <= MAX_FRAME_PIXELS;
    if copy.frames < 2 || !is_limited {
        return Ok(None);
    }
    check_frames(&copy.bytes, format)?;
    Ok(Some(copy.bytes))
}

fn read_small(file: &File) -> io::Result<Option<Vec<u8>>> {
    if file.metadata()?.len() > MAX_ANIMATION {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    rewound(file)?.take(MAX_ANIMATION).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Decodes each frame of the copy.
fn check_frames(bytes: &[u8], format: ImageFormat) -> Result<(), DecodeError> {
    let input = Cursor::new(bytes);
    let frames: Frames<'_> = if format == ImageFormat::Gif {
        let mut decoder = GifDecoder::new(input).map_err(decode_error)?;
        decoder.set_limits(limits()).map_err(decode_error)?;
        decoder.into_frames()
    } else {
        let mut decoder = WebPDecoder::new(input).map_err(decode_error)?;
        decoder.set_limits(limits()).map_err(decode_error)?;
        decoder.into_frames()
    };
    for frame in frames {
        drop(frame.map_err(decode_error)?);
    }
    Ok(())
}

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Takes the sub-blocks of a GIF, with the empty one at their end.
    fn take_sub_blocks(&mut self) -> Option<&'a [u8]> {
        let mut length = 0;
        loop {
            let size = usize::from(*self.0.get(length)?);
            length += 1 + size;
            if size == 0 {
                return self.take(length);
            }
        }
    }
}

/// Copies the pictures of a GIF and how often they repeat. Leaves out comments, texts and other extensions.
fn copy_gif(bytes: &[u8]) -> Option<Animation> {
    let mut input = Input(bytes);
    let head = input.take(GIF_HEAD)?;
    let side = |at: usize| u64::from(u16::from_le_bytes([head[at], head[at + 1]]));
    let mut copy = Animation { bytes: head.to_vec(), frames: 0, area: side(6) * side(8) };
    copy.bytes.extend(input.take(table_length(head[10]))?);
    loop {
        match input.take(1) {
            Some([0x21]) => copy_extension(&mut input, &mut copy.bytes)?,
            Some([0x2c]) => {
                let descriptor = input.take(9)?;
                copy.bytes.push(0x2c);
                copy.bytes.extend(descriptor);
                copy.bytes.extend(input.take(table_length(descriptor[8]))?);
                copy.bytes.extend(input.take(1)?);
                copy.bytes.extend(input.take_sub_blocks()?);
                copy.frames += 1;
            }
            // Some programs leave the trailer out.
            Some([0x3b]) | None => break,
            Some(_) => return None,
        }
    }
    copy.bytes.push(0x3b);
    (copy.frames > 0).then_some(copy)
}

/// Returns the bytes of a colour table, by the packed field in front of it.
fn table_length(packed: u8) -> usize {
    if packed & 0x80 == 0 { 0 } else { 3 << ((packed & 7) + 1) }
}

fn copy_extension(input: &mut Input<'_>, copy: &mut Vec<u8>) -> Option<()> {
    let label = input.take(1)?[0];
    let blocks = input.take_sub_blocks()?;
    let is_loop = label == 0xff
        && blocks.first() == Some(&11)
        && blocks.get(1..12).is_some_and(|name| LOOP_APPLICATIONS.contains(&name))
        && blocks.get(12..14) == Some(&[3, 1]);
    match label {
        0xf9 => {
            copy.extend([0x21, label]);
            copy.extend(blocks);
        }
        0xff if is_loop => {
            copy.extend([0x21, label]);
            copy.extend(blocks.get(..16)?);
            copy.push(0);
        }
        _ => {}
    }
    Some(())
}

/// Copies the frames of a WebP file and its colour profile. Leaves out EXIF, XMP and unknown chunks.
fn copy_webp(bytes: &[u8]) -> Option<Animation> {
    let mut input = Input(bytes);
    let riff = input.take(12)?;
    let length = usize::try_from(u32::from_le_bytes(riff[4..8].try_into().ok()?)).ok()?.checked_sub(4)?;
    let mut input = Input(input.take(length)?);
    let mut copy = Animation { bytes: riff.to_vec(), frames: 0, area: 0 };
    let mut flags_at = None;
    let mut has_profile = false;
    while let Some((name, payload)) = take_chunk(&mut input)? {
        match name {
            b"VP8X" => {
                let side = |at: usize| {
                    Some(u64::from(u32::from_le_bytes([*payload.get(at)?, payload[at + 1], payload[at + 2], 0])) + 1)
                };
                payload.get(..10)?;
                copy.area = side(4)? * side(7)?;
                flags_at = Some(copy.bytes.len() + 8);
                push_chunk(&mut copy.bytes, name, payload);
            }
            b"ANIM" => push_chunk(&mut copy.bytes, name, payload),
            b"ICCP" if payload.len() <= MAX_PROFILE => {
                has_profile = true;
                push_chunk(&mut copy.bytes, name, payload);
            }
            b"ANMF" => {
                push_chunk(&mut copy.bytes, name, &copy_frame(payload)?);
                copy.frames += 1;
            }
            _ => {}
        }
    }
    if let Some(flags) = flags_at.and_then(|at| copy.bytes.get_mut(at)) {
        // EXIF, XMP and the profile.
        *flags &= if has_profile { !0x0c } else { !0x2c };
    }
    let length = u32::try_from(copy.bytes.len() - 8).ok()?;
    copy.bytes[4..8].copy_from_slice(&length.to_le_bytes());
    Some(copy)
}

/// Copies the header of a frame and its bitstream.
fn copy_frame(payload: &[u8]) -> Option<Vec<u8>> {
    let mut input = Input(payload);
    let mut copy = input.take(16)?.to_vec();
    while let Some((name, payload)) = take_chunk(&mut input)? {
        if matches!(name, b"ALPH" | b"VP8 " | b"VP8L") {
            push_chunk(&mut copy, name, payload);
        }
    }
    Some(copy)
}

/// Takes a chunk with its padding. The inner `None` is the end.
fn take_chunk<'a>(input: &mut Input<'a>) -> Option<Option<(&'a [u8; 4], &'a [u8])>> {
    if input.0.is_empty() {
        return Some(None);
    }
    let name = input.take(4)?.try_into().ok()?;
    let length = usize::try_from(u32::from_le_bytes(input.take(4)?.try_into().ok()?)).ok()?;
    let payload = input.take(length)?;
    if length % 2 == 1 && !input.0.is_empty() {
        input.take(1)?;
    }
    Some(Some((name, payload)))
}

fn push_chunk(bytes: &mut Vec<u8>, name: &[u8; 4], payload: &[u8]) {
    bytes.extend(name);
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend(payload);
    if payload.len() % 2 == 1 {
        bytes.push(0);
    }
}
