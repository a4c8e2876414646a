//! The style sheets, scripts and pictures of `public/`, in the binary. Their path has a hash of all files, so browsers keep
//! them permanently and never mix two versions.
//!
//! A page loads one bundle of style sheets: each request costs about 300 bytes of headers, and one compressed file is
//! smaller than several.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flate2::Compression;
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use super::gzip::{compress, decompress};

const CSS: &str = "text/css; charset=utf-8";

#[derive(Embed)]
#[folder = "public/"]
struct Public;

const SITE_SHEETS: [&str; 5] = ["tokens", "base", "header", "layout", "forms"];
const SHELL_SHEETS: [&str; 3] = ["menu", "sidebar", "rooms"];
const ROOM_SHEETS: [&str; 9] = ["chat", "markup", "files", "room", "log", "outbox", "composer", "dialog", "print"];

/// Bundles of style sheets, in the order in which their rules apply. Each page loads one.
const BUNDLES: [(&str, &[&[&str]]); 4] = [
    ("css/bundle-site.css", &[&SITE_SHEETS]),
    ("css/bundle-shell.css", &[&SITE_SHEETS, &SHELL_SHEETS]),
    ("css/bundle-room.css", &[&SITE_SHEETS, &SHELL_SHEETS, &ROOM_SHEETS]),
    ("css/bundle-stream.css", &[&["tokens", "base", "chat", "markup", "files", "stream"]]),
];

/// A file. Where compression saves something, only the compressed form stays in memory.
pub struct Asset {
    stored: Cow<'static, [u8]>,
    is_gzip: bool,
    pub content_type: &'static str,
}

impl Asset {
    fn read(name: &str) -> Option<Self> {
        let (content_type, is_text) = match name.rsplit_once('.')?.1 {
            "css" => (CSS, true),
            "js" => ("text/javascript; charset=utf-8", true),
            "svg" => ("image/svg+xml", true),
            "png" => ("image/png", false),
            _ => return None,
        };
        let data = match content_type {
            "image/svg+xml" | "image/png" => Public::get(name)?.data,
            _ => code(name)?.into_bytes().into(),
        };
        Some(Self::new(data, content_type, is_text))
    }

    fn bundle(sheets: &[&[&str]]) -> Option<Self> {
        let code: Option<String> =
            sheets.iter().copied().flatten().map(|sheet| code(&format!("css/{sheet}.css"))).collect();
        Some(Self::new(code?.into_bytes().into(), CSS, true))
    }

    fn new(data: Cow<'static, [u8]>, content_type: &'static str, is_text: bool) -> Self {
        match is_text.then(|| compress(&data, Compression::best())).flatten() {
            // Without the capacity that the encoder has reserved.
            Some(gzip) => Self { stored: gzip.into_boxed_slice().into_vec().into(), is_gzip: true, content_type },
            None => Self { stored: data, is_gzip: false, content_type },
        }
    }

    /// Returns `None` where compression saves nothing.
    pub fn gzip(&self) -> Option<&[u8]> {
        self.is_gzip.then_some(&*self.stored)
    }

    pub fn plain(&self) -> Cow<'_, [u8]> {
        if self.is_gzip { decompress(&self.stored).into() } else { Cow::Borrowed(&self.stored) }
    }
}

/// Returns a file of code without comments.
fn code(name: &str) -> Option<String> {
    Some(without_comments(str::from_utf8(&Public::get(name)?.data).ok()?))
}

/// Removes comments, indentation and empty lines. A comment must start and end with its line.
fn without_comments(text: &str) -> String {
    let (mut code, mut in_comment) = (String::with_capacity(text.len()), false);
    for line in text.lines() {
        let trimmed = line.trim();
        in_comment |= trimmed.starts_with("/*");
        if !in_comment && !trimmed.is_empty() && !trimmed.starts_with("//") {
            code.push_str(trimmed);
            code.push('\n');
        }
        in_comment &= !trimmed.ends_with("*/");
    }
    code
}

static FILES: LazyLock<BTreeMap<Cow<'static, str>, Asset>> = LazyLock::new(|| {
    let files = Public::iter().filter_map(|name| Some((name.clone(), Asset::read(&name)?)));
    let bundles = BUNDLES.iter().filter_map(|(name, sheets)| Some(((*name).into(), Asset::bundle(sheets)?)));
    files.chain(bundles).collect()
});

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, file) in FILES.iter() {
        hash.update(name.as_bytes());
        hash.update(&file.stored);
    }
    BASE64_URL_SAFE_NO_PAD.encode(&hash.finalize()[..9])
});

pub fn version() -> &'static str {
    &VERSION
}

/// Returns the path in front of each file's name.
pub(super) fn base_path() -> String {
    format!("/public/{}", version())
}

pub fn find(name: &str) -> Option<&'static Asset> {
    FILES.get(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_removed() {
        let source = "/* one\n   two */\na { b: c; }\n// three\n/** four */\n  let url = \"https://example.com\";\n";
        assert_eq!(without_comments(source), "a { b: c; }\nlet url = \"https://example.com\";\n");
    }

    #[test]
    fn every_bundle_has_all_of_its_sheets() {
        for (name, sheets) in BUNDLES {
            let size: usize = sheets
                .iter()
                .copied()
                .flatten()
                .map(|sheet| find(&format!("css/{sheet}.css")).unwrap().plain().len())
                .sum();
            assert_eq!(find(name).unwrap().plain().len(), size, "{name}");
        }
    }

    #[test]
    fn every_import_names_a_module() {
        for name in Public::iter().filter(|name| name.ends_with(".js")) {
            let text = String::from_utf8(Public::get(&name).unwrap().data.into()).unwrap();
            let quoted = text.split("\"./").skip(1).filter_map(|rest| rest.split('"').next());
            for module in quoted.filter(|path| path.ends_with(".js")) {
                assert!(Public::get(&format!("js/{module}")).is_some(), "{name} imports {module}");
            }
        }
    }

    #[test]
    fn every_comment_has_its_own_lines() {
        for name in Public::iter().filter(|name| name.ends_with(".js") || name.ends_with(".css")) {
            let text = String::from_utf8(Public::get(&name).unwrap().data.into()).unwrap();
            let odd = text.lines().find(|line| {
                let line = line.trim();
                let begins = line.starts_with("/*") || line.starts_with("//") || line.starts_with('*');
                // A template literal over several lines would lose its indentation.
                (!begins && line.contains("/*")) || line.matches('`').count() % 2 == 1
            });
            assert_eq!(odd, None, "{name}");
        }
    }
}
