use serde::{Deserialize, Serialize};

use crate::error::FieldError;

/// Where a picture is on the image server: `/image/`, the hash of what is in it, `.jpg`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PicturePath(String);

impl PicturePath {
    /// # Errors
    /// `Path`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let hash = text.strip_prefix("/image/").and_then(|name| name.strip_suffix(".jpg"));
        let is_hash =
            |hash: &str| hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hash.is_some_and(is_hash) { Ok(Self(text.to_owned())) } else { Err(FieldError::Path) }
    }

    /// The path of the larger file.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of the smaller file.
    pub(crate) fn small(&self) -> String {
        self.0.replace(".jpg", "-small.jpg")
    }
}
