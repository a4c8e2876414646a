//! Sarangbang (사랑방): a chat site that one person can run and a whole community can live in.
//!
//! `docs/ARCHITECTURE.md` is the map. Imports point down only:
//!
//! ```text
//! site         reads settings, builds and launches, stops in order; beside it check and backup
//! controllers  one file a resource: find, do, answer
//! live         follows logs, has chats rendered once, hands them out
//! views        what templates and JSON are given; nothing of HTTP
//! models       verbs on the collections; neither HTTP nor HTML
//! internal_api, limit, metrics: the other server, the database of our own, limits, what is counted
//! http         what both servers need to read a request
//! cache, config, error, process, ticket: the ground
//! images       the second server, beside the controllers: uses views for error pages, peer, http and the ground
//! ```

pub mod backup;
mod cache;
pub mod check;
pub mod config;
pub mod controllers;
pub mod error;
mod http;
pub mod images;
mod internal_api;
mod limits;
mod live;
mod metrics;
pub mod models;
pub mod process;
pub mod site;
pub mod store;
pub mod ticket;
mod views;
