//! Who is in a room and who types there. Told at most a few times a second, and the less often the more there are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep;

use crate::models::checked::Nickname;
use crate::models::{User, UserId};
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

/// The people in one room.
#[derive(Clone, Default)]
pub struct Presence(Arc<Shared>);

struct Shared {
    /// Changed by sockets that come, go and type; locked for lines.
    people: Mutex<Everybody>,
    here: watch::Sender<Arc<Rendered<People>>>,
    typing: watch::Sender<Arc<Rendered<People>>>,
}

#[derive(Default)]
struct Everybody {
    /// With the number of sockets.
    here: HashMap<UserId, (Nickname, usize)>,
    /// With the time when they last said so.
    typing: HashMap<UserId, (Nickname, Instant)>,
    /// Whether a task is at work that will tell.
    told: bool,
}

/// A socket's place in the room. Dropping it leaves, down to the key.
pub struct Seat {
    room: Presence,
    user: UserId,
    nickname: Nickname,
}

impl Default for Shared {
    fn default() -> Self {
        let nobody = || watch::Sender::new(Arc::new(Rendered::new(People::default())));
        Self { people: Mutex::default(), here: nobody(), typing: nobody() }
    }
}

impl Presence {
    /// Takes a seat.
    pub fn join(&self, user: &User) -> Seat {
        let seat = Seat { room: self.clone(), user: user.id, nickname: user.nickname.clone() };
        self.change(|people| people.here.entry(user.id).or_insert_with(|| (user.nickname.clone(), 0)).1 += 1);
        seat
    }

    /// Who is here, as it was last told.
    pub fn here(&self) -> watch::Receiver<Arc<Rendered<People>>> {
        self.0.here.subscribe()
    }

    /// Who types, as it was last told.
    pub fn typing(&self) -> watch::Receiver<Arc<Rendered<People>>> {
        self.0.typing.subscribe()
    }

    /// Who said something types no more.
    pub(super) fn said(&self, user: UserId) {
        if self.0.people().typing.contains_key(&user) {
            self.change(|people| drop(people.typing.remove(&user)));
        }
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
            people.told = !people.typing.is_empty();
            let here = people.here.iter().map(|(user, (nickname, _))| (user, nickname));
            let typing = people.typing.iter().map(|(user, (nickname, _))| (user, nickname));
            (named(here), named(typing))
        };
        let goes_on = !typing.people.is_empty();
        for (told, now) in [(&self.here, here), (&self.typing, typing)] {
            told.send_if_modified(|before| {
                let changed = before.view != now;
                if changed {
                    *before = Arc::new(Rendered::new(now));
                }
                changed
            });
        }
        goes_on
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

fn named<'a>(people: impl Iterator<Item = (&'a UserId, &'a Nickname)>) -> People {
    let mut people: Vec<_> = people.map(|(user, nickname)| (nickname.as_str(), *user)).collect();
    let count = people.len();
    people.sort_unstable();
    people.truncate(NAMED);
    let person = |(nickname, user): (&str, UserId)| Person { nickname: nickname.to_owned(), id: user.to_string() };
    People { people: people.into_iter().map(person).collect(), count }
}
