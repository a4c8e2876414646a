//! People doing things on the real site: real sockets, the real engine, a database of its own for each test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "the faults use the rest")]
mod helpers;

mod account;
mod actions;
mod app;
mod backup;
mod browser;
mod calendar;
mod chats;
mod composer;
mod compression;
mod connection;
mod database;
mod documents;
mod edits;
mod engine;
mod face;
mod feeds;
mod forms;
mod generated;
mod heads;
mod hostile;
mod images;
mod languages;
mod layers;
mod limits;
mod log;
mod lost_hints;
mod memory;
mod metrics;
mod openapi;
mod origins;
mod paper;
mod people;
mod process;
mod reading;
mod rooms;
mod routes;
mod safety;
mod screenshots;
mod sessions;
mod sites;
mod streams;
mod times;
mod unsent;
mod upgrade;
