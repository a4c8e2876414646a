//! Names and paths of picture files. Each picture has a large and a small file, named after the hash of the large one.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::FieldError;

const FOLDER: &str = "/image/";
const LARGE: &str = ".jpg";
const SMALL: &str = "-small.jpg";
const HASH_LENGTH: usize = 64;

/// The path of a user's picture on the image server: `/image/<SHA-256>.jpg`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PicturePath(String);

/// The name of a picture file: `<SHA-256>.jpg` or `<SHA-256>-small.jpg`. It never leads out of its folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PictureName(String);

impl PicturePath {
    pub(crate) fn parse(text: &str) -> Result<Self, FieldError> {
        match text.strip_prefix(FOLDER).and_then(PictureName::parse) {
            Some(name) if !name.is_small() => Ok(Self(text.to_owned())),
            _ => Err(FieldError::Path),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn small(&self) -> String {
        self.0.replace(LARGE, SMALL)
    }
}

impl PictureName {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hash = text.strip_suffix(SMALL).or_else(|| text.strip_suffix(LARGE))?;
        let is_hash = hash.len() == HASH_LENGTH && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_hash.then(|| Self(text.to_owned()))
    }

    /// Returns the name for the bytes of a large file.
    pub(crate) fn of(picture: &[u8]) -> Self {
        let hash: String = Sha256::digest(picture).iter().map(|byte| format!("{byte:02x}")).collect();
        Self(hash + LARGE)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn path(&self) -> String {
        format!("{FOLDER}{}", self.0)
    }

    pub(crate) fn is_small(&self) -> bool {
        self.0.ends_with(SMALL)
    }

    pub(crate) fn large(&self) -> Self {
        self.with_suffix(LARGE)
    }

    pub(crate) fn small(&self) -> Self {
        self.with_suffix(SMALL)
    }

    fn with_suffix(&self, suffix: &str) -> Self {
        Self(format!("{}{suffix}", &self.0[..HASH_LENGTH]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_hash_and_nothing_else() {
        let hash = "0123456789abcdef".repeat(4);
        assert!(PictureName::parse(&format!("{hash}.jpg")).is_some());
        assert!(PictureName::parse(&format!("{hash}-small.jpg")).is_some());
        for other in ["", ".jpg", "../x.jpg", "/etc/passwd", &hash, &format!("{hash}.png"), &format!("../{hash}.jpg")] {
            assert!(PictureName::parse(other).is_none(), "{other}");
        }
        assert!(PictureName::parse(&format!("{}.jpg", hash.to_uppercase())).is_none());
        assert!(PictureName::parse(&format!("{hash}\0.jpg")).is_none());
    }

    #[test]
    fn a_path_leads_to_a_large_file() {
        let (large, small) = (PictureName::of(b"picture"), PictureName::of(b"picture").small());
        assert_eq!((small.large(), large.small()), (large.clone(), small.clone()));
        assert_eq!(PicturePath::parse(&large.path()).unwrap().small(), small.path());
        for other in [small.path().as_str(), large.as_str(), "/image/", "/image/../x.jpg"] {
            assert!(PicturePath::parse(other).is_err(), "{other}");
        }
    }
}
