//! Actions stay short: they find, do and reply.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The most lines of a body, their median, and the most parameters.
const LINES: usize = 20;
const MEDIAN: usize = 6;
const PARAMETERS: usize = 4;

/// The attributes that make a function an action.
const METHODS: [&str; 5] = ["get", "post", "put", "delete", "options"];

/// A routed function, as its source has it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Action {
    /// `GET /room/<id>`, with its query where that tells two routes apart.
    pub route: String,
    /// `room.rs::show`; the file is below its server's folder.
    pub name: String,
    lines: usize,
    parameters: usize,
}

/// The actions of a server, by its folder in `src`.
pub fn actions(server: &str) -> BTreeSet<Action> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folder = source.join(server);
    let files = files(&folder).into_iter().chain([folder.with_extension("rs")]);
    let actions = files.flat_map(|file| {
        let name = file.strip_prefix(&folder).or_else(|_| file.strip_prefix(&source)).unwrap().display().to_string();
        read(&fs::read_to_string(&file).unwrap(), &name)
    });
    actions.collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Reads the actions of a formatted file: an attribute, a signature that ends with `{`, and a body that ends with `}`
/// in the first column.
fn read(text: &str, file: &str) -> Vec<Action> {
    let lines: Vec<&str> = text.lines().collect();
    let attributes = lines.iter().enumerate().filter_map(|(at, line)| {
        let (method, rest) = line.strip_prefix("#[")?.split_once("(\"")?;
        METHODS.contains(&method).then(|| (at, method.to_uppercase(), rest.split('"').next().unwrap()))
    });
    let actions = attributes.map(|(at, method, uri)| {
        let begin = at + lines[at..].iter().position(|line| line.ends_with('{')).unwrap();
        let signature = lines[at + 1..=begin].concat();
        let (name, rest) = signature.split_once("fn ").unwrap().1.split_once(['(', '<']).unwrap();
        let end = begin + lines[begin..].iter().position(|line| *line == "}").unwrap();
        let uri = match uri.split_once('?') {
            Some((path, query)) if query.contains('<') => path,
            _ => uri,
        };
        Action {
            route: format!("{method} {uri}"),
            name: format!("{file}::{name}"),
            lines: end - begin - 1,
            parameters: parameters(rest),
        }
    });
    actions.collect()
}

/// Counts what stands before the end of a list of parameters: each has one `: `.
fn parameters(rest: &str) -> usize {
    rest.split(") ->").next().unwrap().matches(": ").count()
}

#[test]
fn an_action_is_read_from_its_source() {
    let text = "#[get(\"/a/<id>?<b>\", data = \"<form>\")]\nasync fn show<'r>(\n    id: Id,\n    b: B<'r>,\n) -> Result<C> {\n    one();\n    two()\n}\n";
    let action = Action { route: "GET /a/<id>".into(), name: "a.rs::show".into(), lines: 2, parameters: 2 };
    assert_eq!(read(text, "a.rs"), [action]);
}

#[test]
fn actions_are_short_and_take_few_parameters() {
    let actions: Vec<Action> = actions("controllers").into_iter().chain(actions("images")).collect();
    assert!(actions.len() >= 35, "the test reads actions: {}", actions.len());
    for action in &actions {
        assert!(action.lines <= LINES, "{action:?}");
        assert!(action.parameters <= PARAMETERS, "{action:?}");
    }
    let mut lines: Vec<usize> = actions.iter().map(|action| action.lines).collect();
    lines.sort_unstable();
    let median = lines[lines.len() / 2];
    assert!(median <= MEDIAN, "the median is {median}: {lines:?}");
}
