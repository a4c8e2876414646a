//! Sarangbang (사랑방): a chat site that one person can run and a whole community can live in.
//!
//! `docs/ARCHITECTURE.md` is the map. Imports point down only:
//!
//! ```text
//! run          starts and stops processes in order; beside it check and backup
//! site         the site's Rocket instance
//! images       the second server, beside the site
//! controllers  one file a resource: find, do, reply
//! live         follows logs, renders new chats once, distributes them
//! views        values for templates and JSON; knows no HTTP
//! models       verbs on the collections; knows neither HTTP nor HTML
//! store        how the site talks to MongoDB; knows no model
//! internal_api, limits, metrics
//! http         reading requests, for both servers
//! attachment, cache, config, error, file, markup, picture_path, process, ticket: the ground
//! ```

mod attachment;
pub mod backup;
mod cache;
pub mod check;
pub mod config;
pub mod controllers;
pub mod error;
mod file;
mod http;
pub mod images;
mod internal_api;
mod limits;
mod live;
mod markup;
mod metrics;
pub mod models;
mod picture_path;
pub mod process;
pub mod run;
pub mod site;
pub mod store;
pub mod ticket;
mod views;
