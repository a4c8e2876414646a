//! `public/`: styles and scripts, in the binary. Their address holds a hash of all of them, so that a
//! browser keeps them for ever and never mixes two versions.

use std::borrow::Cow;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rust_embed::Embed;
use sha2::{Digest, Sha256};

#[derive(Embed)]
#[folder = "public/"]
struct Public;

/// One file, as it is served.
pub struct Asset {
    /// Its bytes.
    pub data: Cow<'static, [u8]>,
    /// Its content type, by its ending.
    pub kind: &'static str,
}

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<_> = Public::iter().collect();
    names.sort();
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.as_bytes());
        hash.update(Public::get(&name).map(|file| file.data).unwrap_or_default());
    }
    BASE64_URL_SAFE_NO_PAD.encode(&hash.finalize()[..9])
});

/// The version that is served.
pub fn version() -> &'static str {
    &VERSION
}

/// What stands before a file's name in its address.
pub(super) fn prefix() -> String {
    format!("/public/{}", version())
}

/// The file of this name, if there is one.
pub fn find(name: &str) -> Option<Asset> {
    let kind = match name.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        _ => return None,
    };
    Some(Asset { data: Public::get(name)?.data, kind })
}
