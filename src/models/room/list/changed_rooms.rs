use std::collections::HashSet;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::models::RoomId;

const MAX_ROOMS: usize = 256;

/// Rooms whose item in the list may look different now. One task takes them.
#[derive(Default)]
pub(crate) struct ChangedRooms {
    pending: Mutex<PendingRooms>,
    added: Notify,
}

#[derive(Default)]
pub(crate) struct PendingRooms {
    pub(crate) rooms: HashSet<RoomId>,
    /// Further rooms have changed, and nobody knows which.
    pub(crate) is_overflowed: bool,
}

impl ChangedRooms {
    pub(crate) fn add(&self, room: RoomId) {
        let is_new = {
            let mut pending = self.pending.lock();
            if pending.rooms.len() < MAX_ROOMS {
                pending.rooms.insert(room)
            } else {
                pending.is_overflowed |= !pending.rooms.contains(&room);
                false
            }
        };
        if is_new {
            self.added.notify_one();
        }
    }

    pub(crate) fn take(&self) -> PendingRooms {
        std::mem::take(&mut *self.pending.lock())
    }

    /// Returns once a room was added since the last call returned.
    pub(crate) async fn added(&self) {
        self.added.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_beyond_the_bound_are_reported_as_an_overflow_once() {
        let changed = ChangedRooms::default();
        let add = |number: usize| changed.add(format!("{number:024x}").parse().unwrap());
        (0..MAX_ROOMS).for_each(add);
        add(0);
        assert!(!changed.pending.lock().is_overflowed, "that room is known");
        add(MAX_ROOMS);
        let taken = changed.take();
        assert!(taken.is_overflowed && taken.rooms.len() == MAX_ROOMS);
        add(0);
        let taken = changed.take();
        assert!(!taken.is_overflowed && taken.rooms.len() == 1);
    }
}
