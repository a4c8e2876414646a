//! Follows the logs, has chats rendered once, hands them out.
//!
//! A room is live here while somebody follows it: [`room::LiveRoom`] reads its log once for all of its
//! readers and keeps the latest chats in a [`ring`]. A [`feed::Feed`] is one reader's cursor into it.

mod chat_loader;
pub mod feed;
pub mod hub;
mod names;
pub mod no_script;
mod pages;
pub mod presence;
mod recent_chats;
pub mod room;
mod room_summaries;
pub mod sessions;
pub mod socket;
mod weak_map;
mod websocket;

pub(crate) use hub::Hub;
