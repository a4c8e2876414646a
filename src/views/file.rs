//! Files of chats, as pages and JSON show them.

use std::borrow::Cow;
use std::collections::HashMap;

use fluent_templates::fluent_bundle::FluentValue;
use serde::Serialize;

use super::Locale;
use crate::attachment::{Attachment, AttachmentKind};
use crate::models::RoomId;

/// The longest side of a picture in the log, in CSS pixels.
const SHOWN_SIDE: u32 = 320;
/// The bytes of a file's tags and attributes.
const MARKUP: usize = 500;

#[derive(Clone, Debug, Serialize)]
pub struct FileView {
    n: i32,
    kind: &'static str,
    name: String,
    #[serde(rename = "type")]
    media_type: String,
    bytes: i64,
    width: Option<u32>,
    height: Option<u32>,
    animated: bool,
    alt: Option<String>,
    url: String,
    /// The small version of a picture.
    small: Option<String>,
}

/// A file in a chat's element.
#[derive(Serialize)]
pub struct FileElement<'a> {
    #[serde(flatten)]
    file: &'a FileView,
    size: String,
    /// The size at which a picture is shown.
    shown_width: Option<u32>,
    shown_height: Option<u32>,
}

/// The parts of a page that choose, send and show files.
#[derive(Serialize)]
pub struct FileTools {}

/// What stands for the files of a chat on one line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FilesSummary {
    /// How many pictures, if these are all files.
    pub pictures: usize,
    /// The name of the first other file.
    pub file: Option<String>,
}

impl FileView {
    pub fn new(file: &Attachment, room: RoomId, seq: i64) -> Self {
        let url = format!("/room/{room}/file/{seq}/{}", file.n);
        Self {
            n: file.n,
            kind: file.kind.as_str(),
            name: file.name.clone(),
            media_type: file.media_type.clone(),
            bytes: file.bytes,
            width: file.width,
            height: file.height,
            animated: file.animated,
            alt: file.alt.clone(),
            small: (file.kind == AttachmentKind::Picture).then(|| format!("{url}?small")),
            url,
        }
    }

    /// Returns about how many bytes it occupies with its HTML.
    pub fn approximate_size(&self) -> usize {
        2 * (self.name.len() + self.alt.as_ref().map_or(0, String::len)) + MARKUP + size_of::<Self>()
    }

    pub fn element(&self) -> FileElement<'_> {
        let shown = self.width.zip(self.height).map(|(width, height)| shown_size(width, height));
        FileElement {
            file: self,
            size: size(self.bytes),
            shown_width: shown.map(|(width, _)| width),
            shown_height: shown.map(|(_, height)| height),
        }
    }
}

impl FilesSummary {
    pub fn new(files: &[Attachment]) -> Self {
        match files.iter().find(|file| file.kind != AttachmentKind::Picture) {
            Some(file) => Self { pictures: 0, file: Some(file.name.clone()) },
            None => Self { pictures: files.len(), file: None },
        }
    }

    /// Returns for example "3 photos". Empty without files.
    pub fn text(&self, locale: Locale) -> String {
        let (key, name, value) = match &self.file {
            Some(file) => ("files-file", "name", FluentValue::from(file.as_str())),
            None if self.pictures == 0 => return String::new(),
            None => ("files-pictures", "count", FluentValue::from(self.pictures)),
        };
        locale.text_with(key, &HashMap::from([(Cow::from(name), value)]))
    }

    pub fn approximate_size(&self) -> usize {
        self.file.as_ref().map_or(0, String::len)
    }
}

/// Fits a picture into a square, and never enlarges it.
fn shown_size(width: u32, height: u32) -> (u32, u32) {
    let longest = width.max(height).max(1);
    if longest <= SHOWN_SIDE {
        return (width.max(1), height.max(1));
    }
    let fit = |side: u32| u64::from(side) * u64::from(SHOWN_SIDE) / u64::from(longest);
    (fit(width).max(1) as u32, fit(height).max(1) as u32)
}

/// Writes a number of bytes for people: `512 B`, `1.2 KB`, `34 MB`.
fn size(bytes: i64) -> String {
    let (mut amount, mut unit) = (bytes.max(0) as f64, "B");
    for larger in ["KB", "MB", "GB"] {
        if amount < 1_000.0 {
            break;
        }
        (amount, unit) = (amount / 1_024.0, larger);
    }
    if unit == "B" || amount >= 9.95 { format!("{amount:.0} {unit}") } else { format!("{amount:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_shown_small_and_never_larger_than_it_is() {
        assert_eq!(shown_size(1_600, 1_200), (320, 240));
        assert_eq!(shown_size(900, 1_600), (180, 320));
        assert_eq!(shown_size(100, 40), (100, 40));
        assert_eq!(shown_size(1_600, 1), (320, 1));
        assert_eq!(shown_size(0, 0), (1, 1));
        assert_eq!(shown_size(u32::MAX, u32::MAX), (320, 320));
    }

    #[test]
    fn a_size_has_two_digits_or_three() {
        let sizes = [(0, "0 B"), (999, "999 B"), (1_000, "1.0 KB"), (12 << 10, "12 KB"), (1_258_291, "1.2 MB")];
        for (bytes, text) in sizes.into_iter().chain([(100 << 20, "100 MB"), (2 << 30, "2.0 GB"), (-1, "0 B")]) {
            assert_eq!(size(bytes), text);
        }
        assert!(size(i64::MAX).ends_with(" GB"));
    }
}
