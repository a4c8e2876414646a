//! One file a resource: find, do, answer. Around them the guards, and the answers that several give.

mod access;
mod account;
pub mod answer;
mod app;
mod asset;
mod chat;
mod cookies;
mod door;
mod encoding;
mod form;
mod headers;
mod health;
mod live;
mod param;
mod picture;
mod room;
mod session;

mod user;
pub mod visitor;
mod websocket_upgrade;

use rocket::{Catcher, Route};

pub use access::{Access, TARGET as ACCESS};
pub use cookies::CookieNames;
pub use door::gate;
pub use form::LargeForms;
pub use headers::{content_security, last_cookie, shield};

use crate::metrics;

/// Everything that the site answers to.
pub fn routes() -> Vec<Route> {
    let routes = [
        account::routes(),
        app::routes(),
        asset::routes(),
        chat::routes(),
        health::routes(),
        live::routes(),
        metrics::routes(),
        picture::routes(),
        room::routes(),
        session::routes(),
        user::routes(),
    ];
    door::guarded(routes.concat())
}

/// What answers where no route does.
pub fn catchers() -> Vec<Catcher> {
    answer::catchers()
}
