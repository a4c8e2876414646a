//! Imports point down only.

use std::fs;
use std::path::{Path, PathBuf};

/// From the top to the ground; those on one line do not know each other.
#[rustfmt::skip]
const LAYERS: [&[&str]; 11] = [
    &["main"],
    &["run", "check", "backup"],
    &["site"],
    &["controllers", "images"],
    &["live"],
    &["views"],
    &["models"],
    &["internal_api", "limit", "metrics"],
    &["http"],
    &["process", "ticket"],
    &["cache", "config", "error", "file"],
];

fn layer(module: &str) -> usize {
    LAYERS.iter().position(|layer| layer.contains(&module)).unwrap_or_else(|| panic!("{module} is in no layer"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The items of a list in braces, without what stands in braces of their own.
fn outermost(list: &str) -> Vec<String> {
    let (mut depth, mut items) = (0, vec![String::new()]);
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(String::new()),
            c if depth == 0 && !(c.is_whitespace() && items.last().unwrap().is_empty()) => {
                items.last_mut().unwrap().push(c)
            }
            _ => {}
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

#[test]
fn nested_imports_are_read() {
    assert_eq!(imports("use crate::{a, b::{c, d},\n    e::f};\nuse crate::g::h;"), ["a", "b", "e", "g"]);
}

/// The modules of the crate that a file names, other than its own.
fn imports(text: &str) -> Vec<String> {
    let names = |prefix: &str| -> Vec<String> {
        let after = text.split(prefix).skip(1);
        let first = |rest: &str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned();
        after
            .flat_map(|rest| match rest.strip_prefix('{') {
                None => vec![first(rest)],
                Some(list) => outermost(list).iter().map(|name| first(name)).collect(),
            })
            .collect()
    };
    [names("crate::"), names("sarangbang::")].concat()
}

#[test]
fn no_import_points_up() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = 0;
    for file in files(&source) {
        let place = file.strip_prefix(&source).unwrap();
        let module = place.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        // From a file in a folder that would reach another module.
        let reaches = place.iter().count() > 1 && text.contains("super::super::") && !text.contains("mod tests");
        assert!(!reaches, "{} names super::super", place.display());
        for import in imports(&text) {
            seen += 1;
            let fits = import == module || layer(&import) > layer(module);
            assert!(fits, "{} imports {import}", place.display());
            // The second server stands beside all that: only the start knows it is there.
            assert!(import != "images" || module == "images" || module == "run", "{} imports images", place.display());
        }
    }
    assert!(seen > 100, "the test reads imports: {seen}");
}

#[test]
fn models_know_no_http_and_views_none_either() {
    for folder in ["src/models", "src/views"] {
        for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            for word in ["rocket::http", "rocket::request", "rocket::response", "rocket::form"] {
                assert!(!text.contains(word), "{} names {word}", file.display());
            }
        }
    }
}
