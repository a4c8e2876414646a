//! The documents name files that exist, and the walk of a chat follows the code.

use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENTS: [&str; 4] = ["README.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md", "docs/OPERATING.md"];

/// Folders whose paths the documents write in full.
const FOLDERS: [&str; 12] =
    ["src", "templates", "public", "locales", "tests", "bin", "docs", "packaging", "bench", "crates", "vendor", ".ci"];

/// The way of a chat, in the order of `docs/ARCHITECTURE.md`: a file, and the code in it that leads to the next one.
const CHAT_WALK: &[(&str, &str)] = &[
    ("templates/rooms/_composer.html.tera", "<form id=\"composer\""),
    ("public/js/composer.js", "this.#send("),
    ("public/js/room.js", "outbox.add(text, "),
    ("public/js/outbox.js", "request(this.#action"),
    ("public/js/request.js", "fetch("),
    ("src/http/head.rs", "accepts_host(request)"),
    ("src/http/host.rs", "fn accepts_host("),
    ("src/controllers/guards/origin_check.rs", "self.handler.handle(request, data)"),
    ("src/controllers/guards/query_budget.rs", "store::with_shared_budget("),
    ("src/store/timeout.rs", "fn with_shared_budget"),
    ("src/controllers/request_context.rs", "database(request)"),
    ("src/controllers/guards/state.rs", "fn database("),
    ("src/controllers/guards/form_fields.rs", "current_user(request)"),
    ("src/controllers/guards/current_user.rs", "Session::resume("),
    ("src/controllers/guards/cookies.rs", "fn session_tokens("),
    ("src/models/session.rs", "accepts_session("),
    ("src/models/user.rs", "mod account;"),
    ("src/controllers/guards/submission.rs", "checked_fields(request, data)"),
    ("src/controllers/guards/form_values.rs", "form_value!(ChatText"),
    ("src/models/values/chat_text.rs", "fn parse("),
    ("src/models/values/nonce.rs", "fn parse("),
    ("src/controllers/chat.rs", ".log(&ctx.db).post("),
    ("src/limits.rs", "struct Limits"),
    ("src/models/room.rs", "RoomLog::open("),
    ("src/models/room/log/registry.rs", "fn open("),
    ("src/models/chat.rs", "Draft::said("),
    ("src/models/room/log/append.rs", ".insert_in_order("),
    ("src/models/room/log/entry.rs", "\"chat\""),
    ("src/store/collection.rs", ".insert_many("),
    ("src/store/database.rs", ".journal(true)"),
    ("src/models/room/log.rs", "fn record_committed("),
    ("src/models/room/log/recent.rs", "fn push("),
    ("src/controllers/form_reply.rs", "(self.json)("),
    ("src/controllers/chat/page.rs", "fn chat_json("),
    ("src/controllers/reply.rs", "fn json("),
    ("src/live/room.rs", "self.log.updates("),
    ("src/live/chat_loader.rs", "Article::new("),
    ("src/live/names.rs", "fn get("),
    ("src/views/chat.rs", "markup::to_html("),
    ("src/views/markup.rs", "fn to_html("),
    ("src/live/recent_chats.rs", "Fragment::new("),
    ("src/live/socket.rs", ".poll_memory()"),
    ("src/live/feed.rs", "self.room.recent()"),
    ("src/views/per_locale.rs", "fn get_or_render("),
    ("src/views/templates.rs", "self.tera.render("),
    ("templates/chats/_chat.html.tera", "id=\"chat-{{ chat.seq }}\""),
    ("src/views/locale.rs", "./locales"),
    ("src/views/time.rs", "fn format("),
    ("templates/chats/_fragment.html.tera", "<chat-feed data-upto"),
    ("src/live/websocket.rs", "fn send_text("),
    ("public/js/live_socket.js", "this.#on.message(data)"),
    ("public/js/connection.js", "message: onMessage"),
    ("public/js/merge.js", "export function merge("),
    ("public/js/local_time.js", "export function localize("),
    ("public/js/groups.js", "export function group("),
    ("public/js/scroll.js", "receive("),
    ("public/js/unread.js", "export class UnreadTracker"),
    ("public/js/announcer.js", "export class Announcer"),
    ("public/js/notifications.js", "export function notifications("),
];

fn read(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn exists(path: &str) -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()
}

/// Returns the texts between two backquotes, and those within blocks of code.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Returns the paths that a document names.
fn paths(text: &str) -> Vec<&str> {
    let text = text.split_inclusive("```").step_by(2).flat_map(code);
    let is_path = |word: &&str| {
        let first = word.split('/').next().unwrap_or_default();
        // `<tag>`, `*` and `{a,b}` stand for several files.
        word.contains('/') && FOLDERS.contains(&first) && !word.contains(['<', '*', '{'])
    };
    text.flat_map(str::split_whitespace).map(|word| word.trim_end_matches(['/', ',', '.'])).filter(is_path).collect()
}

#[test]
fn paths_in_documents_are_found() {
    let text =
        "See `src/main.rs`, and run `bin/chaos 30 11`.\n```sh\n`bin/x` `src/y`\n```\n`locales/<tag>` `a/b` `public/`";
    assert_eq!(paths(text), ["src/main.rs", "bin/chaos"]);
}

#[test]
fn documents_name_files_that_exist() {
    for document in DOCUMENTS {
        let text = read(document);
        let named = paths(&text);
        let missing: Vec<&str> = named.into_iter().filter(|path| !exists(path)).collect();
        assert!(missing.is_empty(), "{document} names {missing:?}");
    }
    assert!(paths(&read("docs/ARCHITECTURE.md")).len() > 100, "the test finds paths");
}

#[test]
fn links_in_documents_lead_to_files() {
    for document in DOCUMENTS.into_iter().chain(["SECURITY.md", "docs/BOTS.md", "docs/BENCHMARKS.md"]) {
        let text = read(document);
        let folder = Path::new(document).parent().unwrap();
        let links = text.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap());
        let sources = text.split("src=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        for link in links.chain(sources).filter(|link| !link.is_empty() && !link.contains("://")) {
            assert!(exists(folder.join(link).to_str().unwrap()), "{document} links to {link}");
        }
    }
}

#[test]
fn the_walk_of_a_chat_follows_the_code() {
    let architecture = read("docs/ARCHITECTURE.md");
    let walk = architecture.split("\n## ").find(|part| part.starts_with("A chat, from the form")).unwrap();
    let mut rest = walk;
    for (file, code) in CHAT_WALK {
        assert!(read(file).contains(code), "{file} has no {code:?}: correct the walk in docs/ARCHITECTURE.md");
        let place = rest.find(&format!("`{file}`"));
        let place = place.unwrap_or_else(|| panic!("the walk does not name {file}, or names it too early"));
        rest = &rest[place..];
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_table_of_collections_names_all_of_them_with_their_files() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let models = read("src/models.rs");
    let table: Vec<&str> = models.lines().filter(|line| line.starts_with("//! | `")).collect();
    let mut count = 0;
    for file in files(&source) {
        let text = fs::read_to_string(&file).unwrap();
        let Some((_, rest)) = text.split_once("const COLLECTION: &'static str = \"") else { continue };
        let name = rest.split('"').next().unwrap();
        let path = file.strip_prefix(&source).unwrap().display().to_string();
        let path = path.strip_prefix("models/").unwrap_or(&path);
        let is_row = |row: &&str| row.contains(&format!("`{name}`")) && row.contains(&format!("`{path}`"));
        assert!(table.iter().any(is_row), "the table in src/models.rs has no row for `{name}` in `{path}`");
        count += 1;
    }
    assert!(count >= 10, "the test finds collections: {count}");
}

#[test]
fn the_crate_lists_the_layer_of_each_module() {
    let text = read("src/lib.rs");
    let list: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
    let words: Vec<&str> = list.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let modules = text.lines().filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';'));
    let missing: Vec<&str> = modules.filter(|module| !words.contains(module)).collect();
    assert!(missing.is_empty(), "the list in src/lib.rs lacks {missing:?}");
}
