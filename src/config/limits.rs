//! `rates` and `sockets`: limits on what one person, and one address, may do.

use serde::Deserialize;

/// How often a minute; 0 means no limit.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Rates {
    pub(crate) signups: u32,
    pub(crate) rooms: u32,
    pub(crate) chats: u32,
    /// Edits and removals of chats, changes of rooms and of profiles.
    pub(crate) edits: u32,
    pub(crate) uploads: u32,
}

/// How many sockets may be open at once; 0 means no limit.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Sockets {
    pub(crate) user: u32,
    pub(crate) address: u32,
}
