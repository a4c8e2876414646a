//! One file a resource. An action finds, does and replies; `docs/ROUTES.md` lists all of them.

mod access_log;
mod account;
mod asset;
mod attach_form;
mod catchers;
mod chat;
mod compression;
mod direct;
mod error_response;
mod form_reply;
mod guards;
mod headers;
mod health;
mod inbox;
mod live;
mod member;
mod membership;
pub(crate) mod metrics;
mod people;
mod picture;
mod pwa;
mod reply;
mod request_context;
mod room;
mod session;
mod shell;
mod user;
mod websocket_upgrade;

use rocket::Route;

pub use access_log::{AccessLogger, LOG_TARGET as ACCESS_LOG_TARGET};
pub use catchers::catchers;
pub use guards::cookie_names::CookieNames;
pub use guards::form_fields::LargeForms;
pub use guards::host_check::gate;
use guards::origin_check::protect;
use guards::query_budget::share_query_budget;
pub use headers::{content_security, shield, trailing_cookies};

/// Returns all routes of the site.
pub fn routes() -> Vec<Route> {
    let routes = [
        account::routes(),
        asset::routes(),
        chat::routes(),
        direct::routes(),
        health::routes(),
        inbox::routes(),
        live::routes(),
        member::routes(),
        membership::routes(),
        metrics::routes(),
        people::routes(),
        picture::routes(),
        pwa::routes(),
        room::routes(),
        session::routes(),
        user::routes(),
    ];
    routes.concat().into_iter().map(share_query_budget).map(protect).collect()
}
