//! Follows the logs, renders new chats once and hands them to all readers.
//!
//! A room is live while it has a reader: [`room::LiveRoom`] reads its log once for all readers and keeps the latest
//! chats in [`recent_chats`]. A [`feed::Feed`] is one reader's cursor.

mod access;
mod chat_loader;
pub mod feed;
pub mod hub;
mod names;
pub mod no_script;
mod pages;
pub mod presence;
mod recent_chats;
mod remote_presence;
pub mod room;
mod room_changes;
pub(crate) mod room_list;
mod room_summaries;
pub mod sessions;
pub mod socket;
mod suggestions;
pub(crate) mod unread;
pub(crate) mod user_rooms;
mod weak_map;
mod websocket;

pub(crate) use hub::Hub;
