//! What a file is: its kind and media type by its first bytes, and its name as people read it.

use unicode_normalization::UnicodeNormalization;

use crate::attachment::AttachmentKind;

/// In bytes.
const MAX_NAME: usize = 200;
const MAX_EXTENSION: usize = 16;
const UNNAMED: &str = "file";

/// Media types by extension, for files that pages never show. None of them is HTML, SVG or XML.
#[rustfmt::skip]
const BY_EXTENSION: &[(&str, &str)] = &[
    ("7z", "application/x-7z-compressed"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("gz", "application/gzip"),
    ("hwp", "application/x-hwp"),
    ("hwpx", "application/hwp+zip"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("pdf", "application/pdf"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("zip", "application/zip"),
];

/// Returns the kind and the media type of a file that is no picture.
pub(super) fn kind(head: &[u8], name: &str) -> (AttachmentKind, &'static str) {
    let extension = extension(name).to_ascii_lowercase();
    let brand = head.get(8..12).filter(|_| head.get(4..8) == Some(b"ftyp"));
    let contains = |part: &[u8]| head.windows(part.len()).take(64).any(|window| window == part);
    match (head, brand) {
        (_, Some(b"M4A " | b"M4B " | b"M4P ")) => (AttachmentKind::Audio, "audio/mp4"),
        (_, Some(b"qt  ")) => (AttachmentKind::Video, "video/quicktime"),
        (_, Some(b"avif" | b"avis")) => (AttachmentKind::File, "image/avif"),
        (_, Some(b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1")) => (AttachmentKind::File, "image/heic"),
        (_, Some([b'3', b'g', ..])) => (AttachmentKind::File, "video/3gpp"),
        (_, Some(_)) if extension == "m4a" => (AttachmentKind::Audio, "audio/mp4"),
        (_, Some(_)) => (AttachmentKind::Video, "video/mp4"),
        ([0x1a, 0x45, 0xdf, 0xa3, ..], _) if contains(b"webm") => match extension.as_str() {
            "weba" => (AttachmentKind::Audio, "audio/webm"),
            _ => (AttachmentKind::Video, "video/webm"),
        },
        ([b'O', b'g', b'g', b'S', ..], _) if contains(b"theora") => (AttachmentKind::Video, "video/ogg"),
        ([b'O', b'g', b'g', b'S', ..], _) => (AttachmentKind::Audio, "audio/ogg"),
        ([b'I', b'D', b'3', ..], _) => (AttachmentKind::Audio, "audio/mpeg"),
        // A frame of MPEG audio, layer III.
        ([0xff, second, ..], _) if second & 0xe6 == 0xe2 => (AttachmentKind::Audio, "audio/mpeg"),
        ([b'%', b'P', b'D', b'F', b'-', ..], _) => (AttachmentKind::File, "application/pdf"),
        _ => {
            let known = BY_EXTENSION.iter().find(|(known, _)| *known == extension);
            (AttachmentKind::File, known.map_or("application/octet-stream", |(_, media_type)| media_type))
        }
    }
}

/// Returns whether a page may show a file of this type.
pub(super) fn is_shown(media_type: &str) -> bool {
    matches!(media_type, "image/jpeg" | "image/png" | "image/gif" | "image/webp" | "audio/mp4" | "audio/webm")
        || matches!(
            media_type,
            "audio/ogg" | "audio/mpeg" | "video/mp4" | "video/quicktime" | "video/webm" | "video/ogg"
        )
}

/// Returns a name in NFC, on one line, without folders, and with at most [`MAX_NAME`] bytes.
pub(super) fn display_name(name: &str) -> String {
    // Browsers write these characters as escapes.
    let name = name.replace("%22", "\"").replace("%0D", " ").replace("%0A", " ");
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.nfc().filter(|c| !is_hidden(*c)).collect();
    let name = name.trim().trim_start_matches('.');
    if name.is_empty() {
        return UNNAMED.into();
    }
    let (stem, extension) = name.split_at(name.len() - extension_with_dot(name).len());
    format!("{}{extension}", &stem[..stem.floor_char_boundary(MAX_NAME - extension.len())])
}

/// Returns the name of a picture with the extension of its stored form.
pub(super) fn picture_name(name: &str, media_type: &str) -> String {
    let known: &[&str] = match media_type {
        "image/jpeg" => &["jpg", "jpeg"],
        "image/png" => &["png"],
        "image/gif" => &["gif"],
        _ => &["webp"],
    };
    if known.contains(&extension(name).to_ascii_lowercase().as_str()) {
        return name.to_owned();
    }
    let stem = name.strip_suffix(extension_with_dot(name)).unwrap_or(name);
    format!("{}.{}", &stem[..stem.floor_char_boundary(MAX_NAME - 5)], known[0])
}

/// Returns a description on one line.
pub(super) fn description(text: &str) -> Option<String> {
    let line: String = text.nfc().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !is_hidden(*c)).collect();
    let line = line.trim();
    (!line.is_empty()).then(|| line[..line.floor_char_boundary(1_000)].to_owned())
}

/// Returns whether a character is invisible and may change how others read.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn extension(name: &str) -> &str {
    extension_with_dot(name).trim_start_matches('.')
}

/// Returns what a name ends with: a dot and a few letters, or nothing.
fn extension_with_dot(name: &str) -> &str {
    let at = name.rfind('.').filter(|at| *at > 0);
    at.map(|at| &name[at..]).filter(|extension| extension.len() <= MAX_EXTENSION).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_composed_and_leads_nowhere() {
        for (given, name) in [
            ("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}.hwp", "한글.hwp"),
            ("C:\\Users\\me\\사진.jpg", "사진.jpg"),
            ("../../etc/passwd", "passwd"),
            ("a%22b%0D%0Ac.txt", "a\"b  c.txt"),
            ("photo\u{202e}gpj.exe", "photogpj.exe"),
            ("", "file"),
            ("..", "file"),
            ("\0\n", "file"),
        ] {
            assert_eq!(display_name(given), name);
        }
        let long = display_name(&format!("{}.hwp", "가".repeat(200)));
        assert!(long.len() <= MAX_NAME && long.ends_with("가.hwp"), "{long}");
        assert!(display_name(&format!("a.{}", "x".repeat(500))).len() <= MAX_NAME);
    }

    #[test]
    fn a_picture_is_named_as_it_is_stored() {
        assert_eq!(picture_name("photo.JPEG", "image/jpeg"), "photo.JPEG");
        assert_eq!(picture_name("화면.png", "image/jpeg"), "화면.jpg");
        assert_eq!(picture_name("noext", "image/png"), "noext.png");
    }

    #[test]
    fn a_kind_is_told_by_the_first_bytes() {
        for (head, name, expected) in [
            (&b"\0\0\0\x20ftypisom\0\0\0\0"[..], "a.mp4", (AttachmentKind::Video, "video/mp4")),
            (b"\0\0\0\x20ftypM4A \0\0\0\0", "a.m4a", (AttachmentKind::Audio, "audio/mp4")),
            (b"\0\0\0\x20ftypqt  \0\0\0\0", "a.mov", (AttachmentKind::Video, "video/quicktime")),
            (b"\0\0\0\x20ftypheic\0\0\0\0", "a.heic", (AttachmentKind::File, "image/heic")),
            (b"\x1a\x45\xdf\xa3\x01\0\0\0\x42\x82\x84webm", "a.webm", (AttachmentKind::Video, "video/webm")),
            (b"OggS\0\x02", "a.ogg", (AttachmentKind::Audio, "audio/ogg")),
            (b"ID3\x04", "a.mp3", (AttachmentKind::Audio, "audio/mpeg")),
            (b"\xff\xfb\x90", "a.mp3", (AttachmentKind::Audio, "audio/mpeg")),
            (b"%PDF-1.7", "a", (AttachmentKind::File, "application/pdf")),
            (b"<svg>", "a.svg", (AttachmentKind::File, "application/octet-stream")),
            (b"<!doctype html>", "a.html", (AttachmentKind::File, "application/octet-stream")),
            (b"text", "a.mp4", (AttachmentKind::File, "application/octet-stream")),
            (b"\xff\xfea\0", "a.TXT", (AttachmentKind::File, "text/plain")),
            (b"", "", (AttachmentKind::File, "application/octet-stream")),
        ] {
            assert_eq!(kind(head, name), expected, "{name}");
        }
        for unsafe_type in
            ["image/svg+xml", "text/html", "application/xml", "text/plain", "application/pdf", "image/avif"]
        {
            assert!(!is_shown(unsafe_type), "{unsafe_type}");
        }
    }
}
