use serde::{Deserialize, Serialize};

use crate::error::FieldError;

/// The path of a picture on the image server: `/image/<SHA-256>.jpg`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PicturePath(String);

impl PicturePath {
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let hash = text.strip_prefix("/image/").and_then(|name| name.strip_suffix(".jpg"));
        let is_hash =
            |hash: &str| hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hash.is_some_and(is_hash) { Ok(Self(text.to_owned())) } else { Err(FieldError::Path) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn small(&self) -> String {
        self.0.replace(".jpg", "-small.jpg")
    }
}
