use std::collections::HashSet;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::models::RoomId;

/// Further rooms are found by the next comparison of the whole list.
const MAX_ROOMS: usize = 256;

/// Rooms whose item in the list may look different now. One task takes them.
#[derive(Default)]
pub(crate) struct ChangedRooms {
    rooms: Mutex<HashSet<RoomId>>,
    added: Notify,
}

impl ChangedRooms {
    pub(crate) fn add(&self, room: RoomId) {
        let is_new = {
            let mut rooms = self.rooms.lock();
            rooms.len() < MAX_ROOMS && rooms.insert(room)
        };
        if is_new {
            self.added.notify_one();
        }
    }

    pub(crate) fn take(&self) -> Vec<RoomId> {
        std::mem::take(&mut *self.rooms.lock()).into_iter().collect()
    }

    /// Returns once a room was added since the last call returned.
    pub(crate) async fn added(&self) {
        self.added.notified().await;
    }
}
