//! Imports point down only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the top to the ground; those on one line do not know each other.
#[rustfmt::skip]
const LAYERS: [&[&str]; 13] = [
    &["main"],
    &["run", "check", "backup"],
    &["site"],
    // For `/metrics`, which both servers have.
    &["images"],
    &["controllers"],
    &["live"],
    &["views"],
    &["models"],
    &["store"],
    &["internal_api", "limits", "metrics"],
    &["http"],
    &["picture_path", "process", "ticket"],
    &["attachment", "cache", "config", "error", "file", "markup"],
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

/// The modules of a folder that a text names, also by what their parent re-exports of them. `path` is the parent's.
fn siblings(text: &str, path: &str, names: &[String], reexports: &BTreeMap<String, String>) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let prefix = format!("crate::{path}");
    let firsts = code.match_indices(&prefix).flat_map(|(at, _)| {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(list) => outermost(list).iter().map(|item| first_word(item).to_owned()).collect(),
            None => vec![first_word(rest).to_owned()],
        }
    });
    firsts
        .filter_map(|first| if names.contains(&first) { Some(first) } else { reexports.get(&first).cloned() })
        .collect()
}

/// What a module re-exports of its children, as `pub use child::{A, B};`, by name.
fn reexports(parent: &str, names: &[String]) -> BTreeMap<String, String> {
    let uses = parent
        .lines()
        .filter_map(|line| line.trim_start_matches("pub(crate) ").trim_start_matches("pub ").strip_prefix("use "));
    let mut found = BTreeMap::new();
    for line in uses {
        let Some((child, rest)) = line.split_once("::").filter(|(child, _)| names.iter().any(|name| name == child))
        else {
            continue;
        };
        let items = match rest.strip_prefix('{') {
            Some(list) => outermost(list),
            None => vec![rest.trim_end_matches(';').to_owned()],
        };
        found.extend(
            items.iter().map(|item| (first_word(item.rsplit("::").next().unwrap()).to_owned(), child.to_owned())),
        );
    }
    found
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()
}

/// Returns a cycle among modules, if there is one.
fn cycle(uses: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn visit(
        at: &str,
        uses: &BTreeMap<String, BTreeSet<String>>,
        path: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> bool {
        if let Some(start) = path.iter().position(|seen| seen == at) {
            path.drain(..start);
            return true;
        }
        if !done.insert(at.to_owned()) {
            return false;
        }
        path.push(at.to_owned());
        let found = uses.get(at).into_iter().flatten().any(|next| visit(next, uses, path, done));
        if !found {
            path.pop();
        }
        found
    }
    let (mut path, mut done) = (Vec::new(), BTreeSet::new());
    uses.keys().any(|module| visit(module, uses, &mut path, &mut done)).then_some(path)
}

/// Returns a cycle among the modules of one folder: what a file below `a` names of `b` counts as a use of `b` by `a`.
fn cycle_in(source: &Path, folder: &Path) -> Option<Vec<String>> {
    let at = folder.strip_prefix(source).unwrap().iter().map(|part| part.to_str().unwrap());
    let path: String = at.flat_map(|part| [part, "::"]).collect();
    let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let entries = || fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let names: Vec<String> = entries().map(|path| stem(&path)).collect::<BTreeSet<_>>().into_iter().collect();
    let parent = fs::read_to_string(folder.with_extension("rs")).unwrap_or_default();
    let reexports = reexports(&parent, &names);
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in entries() {
        let module = stem(&entry);
        let files = if entry.is_dir() { files(&entry) } else { vec![entry] };
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            // `super::` of the file's own module, spelled out.
            let depth = file.strip_prefix(folder).unwrap().iter().count();
            let up = "super::".repeat(depth);
            let text = text.replace(&up, &format!("crate::{path}"));
            let used = siblings(&text, &path, &names, &reexports).into_iter().filter(|used| *used != module);
            uses.entry(module.clone()).or_default().extend(used);
        }
    }
    cycle(&uses)
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let below = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    below.flat_map(|below| [vec![below.clone()], folders(&below)].concat()).collect()
}

#[test]
fn no_folder_has_a_cycle_of_modules() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for folder in folders(&source) {
        if let Some(cycle) = cycle_in(&source, &folder) {
            panic!("{} has a cycle: {}", folder.display(), cycle.join(" → "));
        }
    }
}

#[test]
fn a_cycle_of_modules_is_found() {
    let source = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = source.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("models/a.rs", "use super::b::B;");
    write("models/b.rs", "use crate::models::{c::C, d};");
    write("models/c/deep.rs", "use super::super::e::E;");
    write("models/d.rs", "#[cfg(test)]\nuse super::a::A;");
    write("models/e.rs", "");
    let folder = source.path().join("models");
    assert_eq!(cycle_in(source.path(), &folder), None);
    write("models/e.rs", "fn f() { crate::models::a::g() }");
    assert_eq!(cycle_in(source.path(), &folder).unwrap(), ["a", "b", "c", "e"]);
    write("models/e.rs", "use super::{A, X};");
    assert_eq!(cycle_in(source.path(), &folder), None);
    write("models.rs", "mod a;\npub(crate) use a::{A, B};");
    assert_eq!(cycle_in(source.path(), &folder).unwrap(), ["a", "b", "c", "e"], "through a re-export");
}
