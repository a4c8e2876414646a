//! `docs/ROUTES.md` names every route of both servers, and the function behind it.

use std::collections::BTreeSet;

use rocket::Route;
use sarangbang::{controllers, images};

use crate::actions::actions;

const PAGE: &str = include_str!("../../docs/ROUTES.md");

/// The rows of one part of the page: routes, each with its action.
fn rows(heading: &str) -> BTreeSet<(String, String)> {
    let part = PAGE.split("\n## ").find(|part| part.starts_with(heading)).unwrap();
    let code = |cell: &str| cell.trim().strip_prefix('`')?.strip_suffix('`').map(str::to_owned);
    let rows = part.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        Some((code(cells.first()?)?, code(cells.last()?)?))
    });
    rows.collect()
}

/// What Rocket routes: methods and paths, each with the name of its function.
fn routed(routes: Vec<Route>) -> BTreeSet<(String, String)> {
    let routed = routes.into_iter().map(|route| {
        let stream = if route.uri.query() == Some("stream") { "?stream" } else { "" };
        (format!("{} {}{stream}", route.method, route.uri.path()), route.name.unwrap().into_owned())
    });
    routed.collect()
}

fn with_function(rows: &BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
    let function = |action: &String| action.split_once("::").unwrap().1.to_owned();
    rows.iter().map(|(route, action)| (route.clone(), function(action))).collect()
}

#[test]
fn the_page_of_routes_is_what_the_servers_route() {
    assert_eq!(with_function(&rows("Site")), routed(controllers::routes()));
    assert_eq!(with_function(&rows("Image server")), routed(images::routes()));
}

#[test]
fn the_page_of_routes_names_the_file_of_each_action() {
    let source =
        |server| actions(server).into_iter().map(|action| (action.route, action.name)).collect::<BTreeSet<_>>();
    assert_eq!(rows("Site"), source("controllers"));
    let mut shared = source("images");
    shared.insert(("GET /metrics".into(), "controllers/metrics.rs::show".into()));
    assert_eq!(rows("Image server"), shared);
}
