//! Follows the logs, has chats rendered once, hands them out.
//!
//! A room is live here while somebody follows it: [`room::LiveRoom`] reads its log once for all of its
//! readers and keeps the latest chats in a [`ring`]. A [`feed::Feed`] is one reader's cursor into it.

pub mod feed;
mod glance;
pub mod hub;
mod names;
mod pages;
pub mod presence;
mod ring;
pub mod room;
pub mod sessions;
pub mod socket;
pub mod stream;
mod wire;

pub use feed::Feed;
pub use hub::Hub;
