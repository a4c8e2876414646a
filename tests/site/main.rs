//! People doing things on the real site: real sockets, the real engine, a database of its own for each test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "the faults use the rest")]
mod helpers;

mod account;
mod actions;
mod adversarial;
mod architecture;
mod backup;
mod browser;
mod calendar;
mod chat_actions;
mod chats;
mod cli;
mod cluster;
mod composer;
mod compression;
mod connection;
mod database;
mod directory;
mod documents;
mod edits;
mod engine;
mod events;
mod feeds;
mod file_server;
mod files;
mod files_browser;
mod forms;
mod fuzz;
mod heads;
mod images;
mod inbox;
mod languages;
mod limits;
mod live_list;
mod log;
mod lost_hints;
mod members;
mod memory;
mod mentions;
mod metrics;
mod openapi;
mod origins;
mod outbox;
mod people;
mod printing;
mod pwa;
mod room_page;
mod rooms;
mod routes;
mod screenshots;
mod security;
mod sessions;
mod shell;
mod streams;
mod times;
mod ui;
mod unread;
mod upgrade;
