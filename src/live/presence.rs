//! Who is connected to a room and who is typing. Published at most a few times a second, less often in large rooms.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::time::sleep;

use super::names::NameCache;
use super::remote_presence::REMOTE_TIMEOUT;
use crate::error::Result;
use crate::models::cluster::{self, ClusterEvent};
use crate::models::room::RoomList;
use crate::models::values::Nickname;
use crate::models::{RoomId, User, UserId};
use crate::store::{Database, InstanceId};
use crate::views::PerLocale;
use crate::views::room::{People, Person};

const TICK: Duration = Duration::from_millis(250);
/// Added to the interval for each reader, since each one gets the update.
const PUBLISH_TIME_PER_READER: Duration = Duration::from_micros(250);
const TYPING_TIMEOUT: Duration = Duration::from_secs(6);
/// Further people are only counted.
const MAX_NAMED: usize = 50;

pub(crate) type PeopleReceiver = watch::Receiver<Arc<PerLocale<People>>>;

#[derive(Clone)]
pub(crate) struct Presence(Arc<RoomPresence>);

struct RoomPresence {
    state: Mutex<PresenceState>,
    online: watch::Sender<Arc<PerLocale<People>>>,
    typing: watch::Sender<Arc<PerLocale<People>>>,
    /// Notifies the room's sockets.
    changed: watch::Sender<()>,
    db: Arc<Database>,
    names: Arc<NameCache>,
    room: RoomId,
}

struct RemoteReport {
    received_at: Instant,
    people: Vec<UserId>,
    count: usize,
}

#[derive(Default)]
struct PresenceState {
    /// Users with their number of sockets.
    here: HashMap<UserId, usize>,
    remote: HashMap<InstanceId, RemoteReport>,
    /// Users with the time of their last report.
    typing: HashMap<UserId, Instant>,
    /// What was last published to the other instances.
    published: Option<Vec<UserId>>,
    /// Whether a task is scheduled that publishes.
    publish_scheduled: bool,
    /// Whether anything changed since that task last ran.
    changed: bool,
}

/// Counts a socket as present until it is dropped.
pub(crate) struct PresenceGuard {
    room: Presence,
    user: UserId,
    /// When typing was last published to the other instances.
    typing_published: Mutex<Option<Instant>>,
}

impl Presence {
    pub(super) fn new(db: &Arc<Database>, names: &Arc<NameCache>, room: RoomId, changed: watch::Sender<()>) -> Self {
        let nobody = || watch::Sender::new(Arc::new(PerLocale::new(People::default())));
        let (db, names) = (Arc::clone(db), Arc::clone(names));
        Self(Arc::new(RoomPresence {
            state: Mutex::default(),
            online: nobody(),
            typing: nobody(),
            changed,
            db,
            names,
            room,
        }))
    }

    pub(crate) fn join(&self, user: &User) -> PresenceGuard {
        self.update(|people| *people.here.entry(user.id).or_default() += 1);
        PresenceGuard { room: self.clone(), user: user.id, typing_published: Mutex::default() }
    }

    pub(crate) fn online(&self) -> PeopleReceiver {
        self.0.online.subscribe()
    }

    pub(crate) fn typing(&self) -> PeopleReceiver {
        self.0.typing.subscribe()
    }

    pub(super) fn stop_typing(&self, user: UserId) {
        if self.0.people().typing.contains_key(&user) {
            self.update(|people| _ = people.typing.remove(&user));
        }
    }

    pub(super) fn set_remote(&self, instance: InstanceId, people: Vec<UserId>, count: i64) {
        let remote =
            RemoteReport { received_at: Instant::now(), people, count: usize::try_from(count).unwrap_or_default() };
        self.update(|people| drop(people.remote.insert(instance, remote)));
    }

    pub(super) fn set_typing_remote(&self, user: UserId) {
        self.update(|people| _ = people.typing.insert(user, Instant::now()));
    }

    /// Re-reads a user's name. `None`: all names.
    pub(super) fn name_changed(&self, user: Option<UserId>) {
        if user.is_none_or(|user| self.0.people().has(user)) {
            self.update(|_| {});
        }
    }

    /// Publishes presence to the other instances and drops their expired reports.
    pub(super) fn refresh(&self) {
        self.update(|people| people.published = None);
    }

    pub(super) fn publish(&self) {
        self.0.publish();
    }

    fn update(&self, change: impl FnOnce(&mut PresenceState)) {
        let mut people = self.0.people();
        change(&mut people);
        people.changed = true;
        if !std::mem::replace(&mut people.publish_scheduled, true) {
            tokio::spawn(run_publisher(
                Arc::downgrade(&self.0),
                TICK + PUBLISH_TIME_PER_READER * people.here.len() as u32,
            ));
        }
    }
}

impl PresenceGuard {
    pub(crate) fn set_typing(&self) {
        self.room.update(|people| _ = people.typing.insert(self.user, Instant::now()));
        let RoomPresence { db, room, names, .. } = &*self.room.0;
        if db.members().has_others()
            && let Some(nickname) = names.cached(self.user)
            && self.should_publish()
        {
            cluster::publish(db, &ClusterEvent::Typing { room: *room, user: self.user, nickname });
        }
    }
}

impl PresenceGuard {
    fn should_publish(&self) -> bool {
        let mut published = self.typing_published.lock();
        let may = published.is_none_or(|published| published.elapsed() > TYPING_TIMEOUT / 2);
        if may {
            *published = Some(Instant::now());
        }
        may
    }
}

impl Drop for PresenceGuard {
    fn drop(&mut self) {
        self.room.update(|people| {
            if let Some(sockets) = people.here.get_mut(&self.user) {
                *sockets -= 1;
                if *sockets == 0 {
                    people.here.remove(&self.user);
                    people.typing.remove(&self.user);
                }
            }
        });
    }
}

impl PresenceState {
    fn has(&self, user: UserId) -> bool {
        self.here.contains_key(&user)
            || self.typing.contains_key(&user)
            || self.remote.values().any(|there| there.people.contains(&user))
    }
}

impl RoomPresence {
    /// Publishes what has changed. Returns whether to run again: a user is still typing and may
    /// stop without notice, or the names could not be read.
    async fn publish_to_cluster(&self) -> bool {
        let (here, typing, unnamed) = {
            let mut people = self.people();
            people.typing.retain(|_, since| since.elapsed() < TYPING_TIMEOUT);
            people.remote.retain(|_, remote| remote.received_at.elapsed() < REMOTE_TIMEOUT);
            let there = people.remote.values().flat_map(|there| &there.people);
            let here: HashSet<UserId> = people.here.keys().chain(there).copied().collect();
            let unnamed = people.remote.values().map(|there| there.count.saturating_sub(there.people.len()));
            let unnamed: usize = unnamed.sum();
            let typing: Vec<UserId> = people.typing.keys().copied().collect();
            people.changed = false;
            (here, typing, unnamed)
        };
        let named = self.with_names(&here, unnamed, &typing).await;
        self.publish_changes();
        let is_late = named.is_err();
        match named {
            Ok((here, typing)) => {
                let is_other_count = self.online.borrow().count != here.count;
                self.show(&self.online, here);
                if is_other_count {
                    self.db.state::<RoomList>().changed().add(self.room);
                }
                self.show(&self.typing, typing);
            }
            Err(error) => log::debug!("room {}: the names of those present were not read: {error}", self.room),
        }
        let mut people = self.people();
        people.publish_scheduled = is_late || people.changed || !people.typing.is_empty();
        people.publish_scheduled
    }

    /// Returns those who are here and those who type, by the names that they have now.
    async fn with_names(&self, here: &HashSet<UserId>, unnamed: usize, typing: &[UserId]) -> Result<(People, People)> {
        let names = self.names.get(here.iter().chain(typing).copied()).await?;
        Ok((named(here.iter().copied(), &names, unnamed), named(typing.iter().copied(), &names, 0)))
    }

    fn show(&self, shown: &watch::Sender<Arc<PerLocale<People>>>, now: People) {
        let changed = shown.send_if_modified(|before| {
            let changed = ***before != now;
            if changed {
                *before = Arc::new(PerLocale::new(now));
            }
            changed
        });
        if changed {
            self.changed.send_replace(());
        }
    }

    /// Publishes presence to the other instances, unless they have it.
    fn publish_changes(&self) {
        let mut people = self.people();
        let mut now: Vec<UserId> = people.here.keys().copied().collect();
        now.sort_unstable();
        let changed = people.published.as_ref() != Some(&now) && (people.published.is_some() || !now.is_empty());
        people.published = Some(now);
        drop(people);
        if changed {
            self.publish();
        }
    }

    fn publish(&self) {
        if !self.db.members().has_others() {
            return;
        }
        let (people, count) = {
            let people = self.people();
            let named = people.here.keys().filter_map(|user| Some((*user, self.names.cached(*user)?))).take(MAX_NAMED);
            (named.collect(), people.here.len() as i64)
        };
        cluster::publish(&self.db, &ClusterEvent::Presence { room: self.room, people, count });
    }

    fn people(&self) -> MutexGuard<'_, PresenceState> {
        self.state.lock()
    }
}

async fn run_publisher(room: Weak<RoomPresence>, tick: Duration) {
    loop {
        sleep(tick).await;
        let Some(room) = room.upgrade() else { return };
        if !room.publish_to_cluster().await {
            return;
        }
    }
}

/// Returns people by name, and how many they are with those who have none here.
fn named(people: impl Iterator<Item = UserId>, names: &HashMap<UserId, Option<Nickname>>, unnamed: usize) -> People {
    let name = |user| Some((names.get(&user)?.as_ref()?.as_str(), user));
    let mut people: Vec<(&str, UserId)> = people.filter_map(name).collect();
    let count = people.len() + unnamed;
    people.sort_unstable();
    people.truncate(MAX_NAMED);
    let person = |(nickname, user): (&str, UserId)| Person { nickname: nickname.to_owned(), id: user.to_string() };
    People { people: people.into_iter().map(person).collect(), count }
}
