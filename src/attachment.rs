//! Files of chats, as both servers know them: their names, and what the servers tell each other about them.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) const MAX_FILES_PER_CHAT: usize = 10;
const FOLDER: &str = "/file/";
const SMALL: &str = "-small";
const HASH_LENGTH: usize = 64;

/// The name of a stored file: a SHA-256 in hexadecimal digits. It never leads out of its folder.
///
/// The hash covers the room, the nonce and the position in the chat, so no two chats share a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct FileName(String);

/// A stored file or the small version of a picture: the last part of `/file/<name>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileVariant {
    pub(crate) name: FileName,
    pub(crate) is_small: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttachmentKind {
    Picture,
    Audio,
    Video,
    /// Never shown in a page, only downloaded.
    File,
}

/// A file as a chat stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its number in the chat, from 1. It stays the same if files before it are taken away.
    pub n: i32,
    pub path: FileName,
    pub kind: AttachmentKind,
    /// As people read it: one line in NFC, at most 200 bytes.
    pub name: String,
    /// The media type with which it is served.
    #[serde(rename = "type")]
    pub media_type: String,
    /// What it occupies on the disk, with its small version.
    pub bytes: i64,
    /// In pixels, of a picture's large version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Whether the picture moves. Its small version is a still.
    #[serde(default, skip_serializing_if = "is_false")]
    pub animated: bool,
    /// What a picture shows, in its author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
}

/// What an upload ticket permits: uploads of a person to a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UploadClaims {
    pub(crate) user: String,
    /// The session that has got the ticket.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) session: String,
    pub(crate) room: String,
    /// What the person may still store, in bytes.
    pub(crate) bytes_left: u64,
}

/// Proves that a file is stored. The chat that it belongs to is not posted yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) user: String,
    pub(crate) room: String,
    pub(crate) nonce: String,
    pub(crate) file: Attachment,
}

/// What a download ticket says about a stored file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DownloadClaims {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) media_type: String,
    /// Whether a page may show it: a picture, audio or video.
    pub(crate) inline: bool,
}

/// A chat with files, which the file server posts for its author: the body of `PUT /room/<id>/chat`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChatWithFiles {
    pub(crate) user: String,
    /// The session in whose page it was written.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) session: String,
    /// As typed. May be empty.
    pub(crate) text: String,
    pub(crate) nonce: String,
    /// The hidden field `author` of the form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) author: Option<String>,
    /// The people who are meant where several have the same name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) mention: Vec<String>,
    /// Whether a form without script sends it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) form: bool,
    /// 1 to [`MAX_FILES_PER_CHAT`], in the order of the chat.
    pub(crate) files: Vec<Attachment>,
}

/// The stored files that the file server asks about, and the answer: those of them that no chat has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileNames {
    pub(crate) files: Vec<FileName>,
}

impl FileName {
    /// Returns the name of a file with a SHA-256 of its content.
    pub(crate) fn new(room: &str, nonce: &str, position: usize, content: &[u8; 32]) -> Self {
        let mut hash = Sha256::new();
        // None of these contains a line break.
        hash.update(format!("{room}\n{nonce}\n{position}\n"));
        hash.update(content);
        Self(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_hash = text.len() == HASH_LENGTH && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_hash.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path of the file, or of its small version, on the file server.
    pub(crate) fn path(&self, is_small: bool) -> String {
        format!("{FOLDER}{}", FileVariant { name: self.clone(), is_small })
    }
}

impl Attachment {
    /// Returns about how many bytes it occupies in memory.
    pub(crate) fn approximate_size(&self) -> usize {
        let alt = self.alt.as_ref().map_or(0, String::len);
        size_of::<Self>() + HASH_LENGTH + self.name.len() + self.media_type.len() + alt
    }
}

impl TryFrom<String> for FileName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a file name has 64 hexadecimal digits")
    }
}

impl FileVariant {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (hash, is_small) = text.strip_suffix(SMALL).map_or((text, false), |hash| (hash, true));
        FileName::parse(hash).map(|name| Self { name, is_small })
    }
}

impl fmt::Display for FileVariant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", self.name.0, if self.is_small { SMALL } else { "" })
    }
}

impl AttachmentKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Picture => "picture",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::File => "file",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_one_place_in_one_chat() {
        let name = |room, nonce, position, content| FileName::new(room, nonce, position, &[content; 32]);
        let one = name("room", "nonce", 1, 1);
        assert_eq!(FileName::parse(one.as_str()), Some(one.clone()));
        for other in [name("other", "nonce", 1, 1), name("room", "other", 1, 1), name("room", "nonce", 2, 1)] {
            assert_ne!(other, one);
        }
        assert_ne!(name("room", "nonce", 1, 2), one);
    }

    #[test]
    fn a_variant_is_a_hash_and_nothing_else() {
        let name = FileName::new("room", "nonce", 1, &[0; 32]);
        for is_small in [false, true] {
            let variant = FileVariant { name: name.clone(), is_small };
            assert_eq!(FileVariant::parse(&variant.to_string()), Some(variant));
        }
        for other in ["", "-small", "../x", &name.as_str()[1..], &name.as_str().to_uppercase()] {
            assert_eq!(FileVariant::parse(other), None, "{other}");
        }
    }
}
