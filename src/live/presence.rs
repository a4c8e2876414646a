//! Who is in a room and who types there. Told at most a few times a second, and the less often the more there are.

use parking_lot::{Mutex, MutexGuard};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep;

use super::names::Names;
use crate::error::Result;
use crate::models::cluster::{self, ClusterEvent};
use crate::models::values::Nickname;
use crate::models::{RoomId, User, UserId};
use crate::store::{Database, InstanceId};

use crate::views::Rendered;
use crate::views::room::{People, Person};

/// How often changes are told.
const TICK: Duration = Duration::from_millis(250);
/// What each person here adds to that: all of them are told.
const PUBLISH_TIME_PER_READER: Duration = Duration::from_micros(250);
/// How long somebody types without saying so again.
const TYPING_TIMEOUT: Duration = Duration::from_secs(6);
/// How many are named; the others are counted.
const MAX_NAMED: usize = 50;

/// How long another site's word about who is there counts.
const REMOTE_TIMEOUT: Duration = Duration::from_secs(40);

/// Who is here, or who types, as it was last told.
pub(crate) type PeopleReceiver = watch::Receiver<Arc<Rendered<People>>>;

/// The people in one room.
#[derive(Clone)]
pub(crate) struct Presence(Arc<RoomPresence>);

struct RoomPresence {
    /// Changed by sockets that come, go and type; locked for lines.
    state: Mutex<PresenceState>,
    online: watch::Sender<Arc<Rendered<People>>>,
    typing: watch::Sender<Arc<Rendered<People>>>,
    /// Tells the room's sockets that one of these has changed.
    changed: watch::Sender<()>,
    /// Where the other sites are told.
    db: Arc<Database>,
    names: Arc<Names>,
    room: RoomId,
}

/// Who is here at another site.
struct RemotePresence {
    told: Instant,
    people: Vec<UserId>,
    count: usize,
}

#[derive(Default)]
struct PresenceState {
    /// With the number of sockets.
    here: HashMap<UserId, usize>,
    /// Who is here at other sites, as they last told it.
    remote: HashMap<InstanceId, RemotePresence>,
    /// With the time when they last said so.
    typing: HashMap<UserId, Instant>,
    /// Who the other sites were told is here.
    published: Option<Vec<UserId>>,
    /// Whether a task is at work that will tell.
    told: bool,
    /// Whether something has changed since that task looked last.
    changed: bool,
}

/// A socket's place in the room. Dropping it leaves, down to the key.
pub(crate) struct PresenceGuard {
    room: Presence,
    user: UserId,
    /// When the other sites were last told that its person types; locked for a line.
    told: Mutex<Option<Instant>>,
}

impl Presence {
    /// Nobody is here yet.
    pub(super) fn new(db: &Arc<Database>, names: &Arc<Names>, room: RoomId, changed: watch::Sender<()>) -> Self {
        let nobody = || watch::Sender::new(Arc::new(Rendered::new(People::default())));
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

    /// Takes a seat.
    pub(crate) fn join(&self, user: &User) -> PresenceGuard {
        self.update(|people| *people.here.entry(user.id).or_default() += 1);
        PresenceGuard { room: self.clone(), user: user.id, told: Mutex::default() }
    }

    /// Who is here, as it was last told.
    pub(crate) fn online(&self) -> PeopleReceiver {
        self.0.online.subscribe()
    }

    /// Who types, as it was last told.
    pub(crate) fn typing(&self) -> PeopleReceiver {
        self.0.typing.subscribe()
    }

    /// Who said something types no more.
    pub(super) fn stop_typing(&self, user: UserId) {
        if self.0.people().typing.contains_key(&user) {
            self.update(|people| _ = people.typing.remove(&user));
        }
    }

    /// Another site says who is here there.
    pub(super) fn set_remote(&self, site: InstanceId, people: Vec<UserId>, count: i64) {
        let there = RemotePresence { told: Instant::now(), people, count: usize::try_from(count).unwrap_or_default() };
        self.update(|people| drop(people.remote.insert(site, there)));
    }

    /// Another site says who types.
    pub(super) fn set_typing_remote(&self, user: UserId) {
        self.update(|people| _ = people.typing.insert(user, Instant::now()));
    }

    /// Shows the name of a user anew, which has changed; without one all names.
    pub(super) fn name_changed(&self, user: Option<UserId>) {
        if user.is_none_or(|user| self.0.people().has(user)) {
            self.update(|_| {});
        }
    }

    /// Tells the other sites who is here, and forgets those of them that have not told for long.
    pub(super) fn refresh(&self) {
        self.update(|people| people.published = None);
    }

    /// Tells the other sites who is here.
    pub(super) fn publish(&self) {
        self.0.publish();
    }

    fn update(&self, change: impl FnOnce(&mut PresenceState)) {
        let mut people = self.0.people();
        change(&mut people);
        people.changed = true;
        if !std::mem::replace(&mut people.told, true) {
            tokio::spawn(tell(Arc::downgrade(&self.0), TICK + PUBLISH_TIME_PER_READER * people.here.len() as u32));
        }
    }
}

impl PresenceGuard {
    /// Its person types.
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
    /// Whether the other sites have not been told for a while.
    fn should_publish(&self) -> bool {
        let mut told = self.told.lock();
        let may = told.is_none_or(|told| told.elapsed() > TYPING_TIMEOUT / 2);
        if may {
            *told = Some(Instant::now());
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
    /// Publishes what has changed. Returns whether to come back: somebody still types, who may stop without a word, or
    /// the names cannot be read now.
    async fn publish_to_cluster(&self) -> bool {
        let (here, typing, unnamed) = {
            let mut people = self.people();
            people.typing.retain(|_, since| since.elapsed() < TYPING_TIMEOUT);
            people.remote.retain(|_, there| there.told.elapsed() < REMOTE_TIMEOUT);
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
                self.show(&self.online, here);
                self.show(&self.typing, typing);
            }
            Err(error) => log::debug!("room {}: the names of those present were not read: {error}", self.room),
        }
        let mut people = self.people();
        people.told = is_late || people.changed || !people.typing.is_empty();
        people.told
    }

    /// Returns those who are here and those who type, by the names that they have now.
    async fn with_names(&self, here: &HashSet<UserId>, unnamed: usize, typing: &[UserId]) -> Result<(People, People)> {
        let names = self.names.get(here.iter().chain(typing).copied()).await?;
        Ok((named(here.iter().copied(), &names, unnamed), named(typing.iter().copied(), &names, 0)))
    }

    fn show(&self, shown: &watch::Sender<Arc<Rendered<People>>>, now: People) {
        let changed = shown.send_if_modified(|before| {
            let changed = before.view != now;
            if changed {
                *before = Arc::new(Rendered::new(now));
            }
            changed
        });
        if changed {
            self.changed.send_replace(());
        }
    }

    /// Tells the other sites who is here, if that is not what they were told.
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

async fn tell(room: Weak<RoomPresence>, tick: Duration) {
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
