use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::models::RoomId;
use crate::store::InstanceId;

/// How long another instance's report is valid.
pub(super) const REMOTE_TIMEOUT: Duration = Duration::from_secs(40);
/// Rooms beyond that count as empty.
const MAX_ROOMS: usize = 10_000;

/// How many people other instances report in each room, for rooms without a reader here.
#[derive(Default)]
pub(super) struct RemotePresence(Mutex<RemoteRooms>);

#[derive(Default)]
struct RemoteRooms {
    reports: HashMap<RoomId, Reports>,
    swept: Option<Instant>,
}

type Reports = HashMap<InstanceId, (usize, Instant)>;

impl RemotePresence {
    /// Records a report. Returns whether it changes the count.
    pub(super) fn set(&self, room: RoomId, instance: InstanceId, count: usize) -> bool {
        let mut rooms = self.0.lock();
        if !rooms.reports.contains_key(&room) && (count == 0 || !rooms.has_space()) {
            return false;
        }
        let reports = rooms.reports.entry(room).or_default();
        let before: usize = reports.values().map(|(count, _)| count).sum();
        reports.insert(instance, (count, Instant::now()));
        reports.retain(|_, report| is_valid(report));
        let after = total(reports);
        if reports.is_empty() {
            rooms.reports.remove(&room);
        }
        before != after
    }

    pub(super) fn count(&self, room: RoomId) -> usize {
        self.0.lock().reports.get(&room).map_or(0, total)
    }
}

impl RemoteRooms {
    /// Returns whether a room can be added. Sweeps a full table, but seldom: a sweep visits all rooms.
    fn has_space(&mut self) -> bool {
        if self.reports.len() >= MAX_ROOMS && self.swept.is_none_or(|swept| swept.elapsed() >= REMOTE_TIMEOUT) {
            self.swept = Some(Instant::now());
            self.reports.retain(|_, reports| total(reports) > 0);
        }
        self.reports.len() < MAX_ROOMS
    }
}

fn is_valid((count, at): &(usize, Instant)) -> bool {
    *count > 0 && at.elapsed() < REMOTE_TIMEOUT
}

fn total(reports: &Reports) -> usize {
    reports.values().filter(|report| is_valid(report)).map(|(count, _)| count).sum()
}

#[cfg(test)]
mod tests {
    use mongodb::bson::oid::ObjectId;
    use tokio::time::advance;

    use super::*;

    #[test]
    fn a_room_has_the_people_of_all_instances_until_they_leave() {
        let (presence, [one, other]) = (RemotePresence::default(), [ObjectId::new(), ObjectId::new()]);
        let room = "0123456789abcdef01234567".parse().unwrap();
        assert!(presence.set(room, one, 2) && presence.set(room, other, 3) && !presence.set(room, one, 2));
        assert_eq!(presence.count(room), 5);
        assert!(presence.set(room, one, 0) && !presence.set(room, one, 0));
        assert_eq!(presence.count(room), 3);
        assert!(presence.set(room, other, 0) && presence.0.lock().reports.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn reports_of_a_dead_instance_leave_a_room_that_another_reports() {
        let (presence, [one, other]) = (RemotePresence::default(), [ObjectId::new(), ObjectId::new()]);
        let room = "0123456789abcdef01234567".parse().unwrap();
        assert!(presence.set(room, one, 2) && presence.set(room, other, 3));
        advance(REMOTE_TIMEOUT).await;
        assert_eq!(presence.count(room), 0);
        assert!(presence.set(room, other, 3), "the people of the dead instance left");
        assert_eq!((presence.count(room), presence.0.lock().reports[&room].len()), (3, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_table_takes_new_rooms_once_old_reports_are_invalid() {
        let (presence, instance) = (RemotePresence::default(), ObjectId::new());
        let set = |number: usize| presence.set(format!("{number:024x}").parse().unwrap(), instance, 1);
        assert!((0..MAX_ROOMS).all(set) && !set(MAX_ROOMS));
        let swept = presence.0.lock().swept;
        advance(REMOTE_TIMEOUT / 2).await;
        assert!(!set(MAX_ROOMS) && !set(1));
        assert_eq!(presence.0.lock().swept, swept);
        advance(REMOTE_TIMEOUT / 2).await;
        assert!(set(MAX_ROOMS));
        assert_eq!(presence.0.lock().reports.len(), 2);
    }
}
