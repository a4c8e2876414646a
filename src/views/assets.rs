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
        let data = match kind {
            "image/svg+xml" | "image/png" => Public::get(name)?.data,
            _ => without_comments(str::from_utf8(&Public::get(name)?.data).ok()?).into_bytes().into(),
        };
        let gzip = if is_text { gzip(&data, Compression::best()) } else { None };
        Some(Self { data, gzip, kind })
    }
}

/// A style or a script as browsers need it. A comment of ours begins a line and ends one.
fn without_comments(text: &str) -> String {
    let (mut kept, mut is_within) = (String::with_capacity(text.len()), false);
    for line in text.lines() {
        let trimmed = line.trim();
        is_within |= trimmed.starts_with("/*");
        if !is_within && !trimmed.starts_with("//") {
            kept.push_str(trimmed);
            kept.push('\n');
        }
        is_within &= !trimmed.ends_with("*/");
    }
    kept
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_for_who_reads_the_source() {
        let source = "/* one\n   two */\na { b: c; }\n// three\n/** four */\n  let url = \"https://example.com\";\n";
        assert_eq!(without_comments(source), "a { b: c; }\nlet url = \"https://example.com\";\n");
    }

    #[test]
    fn no_comment_of_ours_stands_beside_code() {
        for name in Public::iter().filter(|name| name.ends_with(".js") || name.ends_with(".css")) {
            let text = String::from_utf8(Public::get(&name).unwrap().data.into()).unwrap();
            let odd = text.lines().find(|line| {
                let line = line.trim();
                let begins = line.starts_with("/*") || line.starts_with("//") || line.starts_with('*');
                // Lines that end within a text would lose their indentation, and its words with it.
                (!begins && line.contains("/*")) || line.matches('`').count() % 2 == 1
            });
            assert_eq!(odd, None, "{name}");
        }
    }
}
