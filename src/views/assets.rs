//! `public/`: styles, scripts and pictures, in the binary. Their address holds a hash of all of them, so that a
//! browser keeps them for ever and never mixes two versions.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flate2::Compression;
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use super::gzip::gzip;

#[derive(Embed)]
#[folder = "public/"]
struct Public;

/// One file, as it is served.
pub struct Asset {
    /// Its bytes.
    pub data: Cow<'static, [u8]>,
    /// The same as gzip, made once; none where that would not be smaller by much.
    pub gzip: Option<Vec<u8>>,
    /// Its content type, by its ending.
    pub kind: &'static str,
}

impl Asset {
    fn read(name: &str) -> Option<Self> {
        let (kind, is_text) = match name.rsplit_once('.')?.1 {
            "css" => ("text/css; charset=utf-8", true),
            "js" => ("text/javascript; charset=utf-8", true),
            "svg" => ("image/svg+xml", true),
            "png" => ("image/png", false),
            _ => return None,
        };
        let data = Public::get(name)?.data;
        let gzip = if is_text { gzip(&data, Compression::best()) } else { None };
        Some(Self { data, gzip, kind })
    }
}

/// All files, by name.
static FILES: LazyLock<BTreeMap<Cow<'static, str>, Asset>> =
    LazyLock::new(|| Public::iter().filter_map(|name| Some((name.clone(), Asset::read(&name)?))).collect());

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, file) in FILES.iter() {
        hash.update(name.as_bytes());
        hash.update(&file.data);
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
pub fn find(name: &str) -> Option<&'static Asset> {
    FILES.get(name)
}
