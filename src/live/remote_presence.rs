use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::models::RoomId;
use crate::store::InstanceId;

/// How long another instance's report is valid.
pub(super) const REMOTE_TIMEOUT: Duration = Duration::from_secs(40);
/// Rooms beyond that count as empty.
const MAX_ROOMS: usize = 10_000;

/// How many people other instances report in each room, for rooms without a reader here.
#[derive(Default)]
pub(super) struct RemotePresence(Mutex<HashMap<RoomId, Reports>>);

type Reports = HashMap<InstanceId, (usize, Instant)>;

impl RemotePresence {
    /// Records a report. Returns whether it changes the count.
    pub(super) fn set(&self, room: RoomId, instance: InstanceId, count: usize) -> bool {
        let mut rooms = self.0.lock();
        if rooms.len() >= MAX_ROOMS {
            rooms.retain(|_, reports| total(reports) > 0);
        }
        if rooms.len() >= MAX_ROOMS && !rooms.contains_key(&room) {
            return false;
        }
        let reports = rooms.entry(room).or_default();
        let before = total(reports);
        reports.insert(instance, (count, Instant::now()));
        let after = total(reports);
        if after == 0 {
            rooms.remove(&room);
        }
        before != after
    }

    pub(super) fn count(&self, room: RoomId) -> usize {
        self.0.lock().get(&room).map_or(0, total)
    }
}

fn total(reports: &Reports) -> usize {
    reports.values().filter(|(_, at)| at.elapsed() < REMOTE_TIMEOUT).map(|(count, _)| count).sum()
}

#[cfg(test)]
mod tests {
    use mongodb::bson::oid::ObjectId;

    use super::*;

    #[test]
    fn a_room_has_the_people_of_all_instances_until_they_leave() {
        let (presence, [one, other]) = (RemotePresence::default(), [ObjectId::new(), ObjectId::new()]);
        let room = "0123456789abcdef01234567".parse().unwrap();
        assert!(presence.set(room, one, 2) && presence.set(room, other, 3) && !presence.set(room, one, 2));
        assert_eq!(presence.count(room), 5);
        assert!(presence.set(room, one, 0) && !presence.set(room, one, 0));
        assert_eq!(presence.count(room), 3);
        assert!(presence.set(room, other, 0) && presence.0.lock().is_empty());
    }
}
