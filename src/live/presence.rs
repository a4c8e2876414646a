//! Who is in a room and who types there. Told at most a few times a second, and the less often the more there are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep;

use crate::models::checked::Nickname;
use crate::models::signal::{Signal, SiteId};
use crate::models::{Database, RoomId, User, UserId};
use crate::views::Rendered;
use crate::views::room::{People, Person};

/// How often changes are told.
const TICK: Duration = Duration::from_millis(250);
/// What each person here adds to that: all of them are told.
const EACH: Duration = Duration::from_micros(250);
/// How long somebody types without saying so again.
const TYPING: Duration = Duration::from_secs(6);
/// How many are named; the others are counted.
const NAMED: usize = 50;

/// How long another site's word about who is there counts.
const ELSEWHERE: Duration = Duration::from_secs(40);

/// Who is here, or who types, as it was last told.
pub type Told = watch::Receiver<Arc<Rendered<People>>>;

/// The people in one room.
#[derive(Clone)]
pub struct Presence(Arc<Shared>);

struct Shared {
    /// Changed by sockets that come, go and type; locked for lines.
    people: Mutex<Everybody>,
    here: watch::Sender<Arc<Rendered<People>>>,
    typing: watch::Sender<Arc<Rendered<People>>>,
    /// Tells the room's sockets that one of these has changed.
    stirs: watch::Sender<()>,
    /// Where the other sites are told.
    db: Arc<Database>,
    room: RoomId,
}

/// Who is here at another site.
struct There {
    told: Instant,
    people: Vec<(UserId, Nickname)>,
    count: usize,
}

#[derive(Default)]
struct Everybody {
    /// With the number of sockets.
    here: HashMap<UserId, (Nickname, usize)>,
    /// Who is here at other sites, as they last told it.
    elsewhere: HashMap<SiteId, There>,
    /// With the time when they last said so.
    typing: HashMap<UserId, (Nickname, Instant)>,
    /// Who the other sites were told is here.
    published: Vec<UserId>,
    /// Whether a task is at work that will tell.
    told: bool,
}

/// A socket's place in the room. Dropping it leaves, down to the key.
pub struct Seat {
    room: Presence,
    user: UserId,
    nickname: Nickname,
    /// When the other sites were last told that its person types; locked for a line.
    told: Mutex<Option<Instant>>,
}

impl Presence {
    /// Nobody is here yet.
    pub(super) fn new(db: Arc<Database>, room: RoomId, stirs: watch::Sender<()>) -> Self {
        let nobody = || watch::Sender::new(Arc::new(Rendered::new(People::default())));
        Self(Arc::new(Shared { people: Mutex::default(), here: nobody(), typing: nobody(), stirs, db, room }))
    }

    /// Takes a seat.
    pub fn join(&self, user: &User) -> Seat {
        let seat = Seat { room: self.clone(), user: user.id, nickname: user.nickname.clone(), told: Mutex::default() };
        self.change(|people| people.here.entry(user.id).or_insert_with(|| (user.nickname.clone(), 0)).1 += 1);
        seat
    }

    /// Who is here, as it was last told.
    pub fn here(&self) -> Told {
        self.0.here.subscribe()
    }

    /// Who types, as it was last told.
    pub fn typing(&self) -> Told {
        self.0.typing.subscribe()
    }

    /// Who said something types no more.
    pub(super) fn said(&self, user: UserId) {
        if self.0.people().typing.contains_key(&user) {
            self.change(|people| drop(people.typing.remove(&user)));
        }
    }

    /// Another site says who is here there.
    pub(super) fn elsewhere(&self, site: SiteId, people: Vec<(UserId, Nickname)>, count: i64) {
        let there = There { told: Instant::now(), people, count: usize::try_from(count).unwrap_or_default() };
        self.change(|people| drop(people.elsewhere.insert(site, there)));
    }

    /// Another site says who types.
    pub(super) fn types_elsewhere(&self, user: UserId, nickname: Nickname) {
        self.change(|people| drop(people.typing.insert(user, (nickname, Instant::now()))));
    }

    /// Tells the other sites who is here, and forgets those of them that have not told for long.
    pub(super) fn refresh(&self) {
        self.change(|_| {});
        self.publish();
    }

    /// Tells the other sites who is here.
    pub(super) fn publish(&self) {
        self.0.publish();
    }

    fn change(&self, change: impl FnOnce(&mut Everybody)) {
        let mut people = self.0.people();
        change(&mut people);
        if !std::mem::replace(&mut people.told, true) {
            tokio::spawn(tell(Arc::downgrade(&self.0), TICK + EACH * people.here.len() as u32));
        }
    }
}

impl Seat {
    /// Its person types.
    pub fn types(&self) {
        self.room.change(|people| drop(people.typing.insert(self.user, (self.nickname.clone(), Instant::now()))));
        let Shared { db, room, .. } = &*self.room.0;
        if db.has_others() && self.may_tell() {
            db.tell(Signal::Typing { room: *room, user: self.user, nickname: self.nickname.clone() });
        }
    }
}

impl Seat {
    /// Whether the other sites have not been told for a while.
    fn may_tell(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let may = told.is_none_or(|told| told.elapsed() > TYPING / 2);
        if may {
            *told = Some(Instant::now());
        }
        may
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.change(|people| {
            if let Some((_, sockets)) = people.here.get_mut(&self.user) {
                *sockets -= 1;
                if *sockets == 0 {
                    people.here.remove(&self.user);
                    people.typing.remove(&self.user);
                }
            }
        });
    }
}

impl Shared {
    /// Tells what has changed. Answers whether somebody still types, who may stop without a word.
    fn tell(&self) -> bool {
        let (here, typing) = {
            let mut people = self.people();
            people.typing.retain(|_, (_, since)| since.elapsed() < TYPING);
            people.elsewhere.retain(|_, there| there.told.elapsed() < ELSEWHERE);
            people.told = !people.typing.is_empty();
            let here = people.here.iter().map(|(user, (nickname, _))| (user, nickname));
            let there = people.elsewhere.values().flat_map(|there| &there.people).map(|(user, name)| (user, name));
            let typing = people.typing.iter().map(|(user, (nickname, _))| (user, nickname));
            let unnamed = people.elsewhere.values().map(|there| there.count.saturating_sub(there.people.len()));
            (named(here.chain(there), unnamed.sum()), named(typing, 0))
        };
        let goes_on = !typing.people.is_empty();
        self.publish_changes();
        for (told, now) in [(&self.here, here), (&self.typing, typing)] {
            let changed = told.send_if_modified(|before| {
                let changed = before.view != now;
                if changed {
                    *before = Arc::new(Rendered::new(now));
                }
                changed
            });
            if changed {
                self.stirs.send_replace(());
            }
        }
        goes_on
    }

    /// Tells the other sites who is here, if that is not what they were told.
    fn publish_changes(&self) {
        let mut people = self.people();
        let mut now: Vec<UserId> = people.here.keys().copied().collect();
        now.sort_unstable();
        let changed = people.published != now;
        people.published = now;
        drop(people);
        if changed {
            self.publish();
        }
    }

    fn publish(&self) {
        if !self.db.has_others() {
            return;
        }
        let (people, count) = {
            let people = self.people();
            let named = people.here.iter().take(NAMED).map(|(user, (nickname, _))| (*user, nickname.clone()));
            (named.collect(), people.here.len() as i64)
        };
        self.db.tell(Signal::Here { room: self.room, people, count });
    }

    fn people(&self) -> MutexGuard<'_, Everybody> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tell(room: Weak<Shared>, tick: Duration) {
    loop {
        sleep(tick).await;
        let goes_on = room.upgrade().is_some_and(|room| room.tell());
        if !goes_on {
            return;
        }
    }
}

/// The people, each once, and how many they are with those who are not named.
fn named<'a>(people: impl Iterator<Item = (&'a UserId, &'a Nickname)>, unnamed: usize) -> People {
    let by_id: HashMap<UserId, &Nickname> = people.map(|(user, nickname)| (*user, nickname)).collect();
    let mut people: Vec<_> = by_id.into_iter().map(|(user, nickname)| (nickname.as_str(), user)).collect();
    let count = people.len() + unnamed;
    people.sort_unstable();
    people.truncate(NAMED);
    let person = |(nickname, user): (&str, UserId)| Person { nickname: nickname.to_owned(), id: user.to_string() };
    People { people: people.into_iter().map(person).collect(), count }
}
