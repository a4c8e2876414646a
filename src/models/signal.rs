//! `signal`: what the sites on one database tell each other: short-lived documents, heard over the change stream. Hints
//! only, but for what they say the database has the say.
//!
//! Each site follows one change stream, of inserts on `chat` and `signal`. Whenever it opens, something may have been
//! missed, and who listens is told so.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, deserialize_from_document, doc};
use mongodb::change_stream::event::ChangeStreamEvent;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::checked::Nickname;
use super::log::Entry;
use super::session::SessionId;
use super::{Database, RoomId, UserId};
use crate::error::Result;

/// How long a signal stays stored.
pub(super) const LIFE: Duration = Duration::from_secs(60);
/// How often an instance sends a heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long after its last signal another instance counts as running.
pub(super) const ALIVE: Duration = Duration::from_secs(25);
/// How old this instance's own last heartbeat on the change stream may be for it to count as the only instance. A stream
/// that is silent for longer may also hide another instance.
const MAX_SILENCE: Duration = Duration::from_secs(3);
/// How long a starting instance waits, after it has announced itself, where another one may be running: until that one
/// has heard of it, or no longer counts as the only one.
const START_DELAY: Duration = Duration::from_secs(4);
/// How long the stream may be silent before it is opened again. On a sharded cluster an idle shard may delay events by 10 s.
const DEAD_STREAM: Duration = Duration::from_secs(30);
/// Own heartbeats whose time of sending is known.
const SENT: usize = 64;
/// Logs that are read at once when the stream was opened.
const AT_ONCE: usize = 16;
/// The pause before the change stream is opened again.
const AGAIN: Duration = Duration::from_millis(500);

/// One site's name for itself, for as long as it runs.
pub type SiteId = ObjectId;

/// What one site tells the others.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Signal {
    /// It is there.
    Up,
    /// A session has ended.
    Ended {
        /// Which.
        session: SessionId,
    },
    /// A user has another name or picture, or is gone.
    Changed {
        /// Who.
        user: UserId,
    },
    /// Who is in a room there, with how many they are.
    Here {
        /// Which room.
        room: RoomId,
        /// Those who are named.
        people: Vec<(UserId, Nickname)>,
        /// How many there are.
        count: i64,
    },
    /// Somebody types there.
    Typing {
        /// In which room.
        room: RoomId,
        /// Who.
        user: UserId,
        /// Under which name.
        nickname: Nickname,
    },
    /// Nothing: written by [`Database::ensure_durable`].
    Barrier,
    /// Told by a later version.
    #[serde(other)]
    Unknown,
}

/// What a site hears.
#[derive(Debug)]
pub enum Heard {
    /// Anything may have been missed.
    Anew,
    /// What another site told.
    Told(SiteId, Signal),
}

/// A signal as it is stored.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    #[serde(rename = "_id")]
    id: ObjectId,
    site: SiteId,
    at: DateTime,
    #[serde(flatten)]
    signal: Signal,
}

/// The sites on this database.
pub(super) struct Sites {
    own: SiteId,
    /// Whether there may be others.
    is_shared: bool,
    /// What was heard of them; locked for lines.
    others: Mutex<Others>,
}

#[derive(Default)]
struct Others {
    /// Since when they are listened to.
    since: Option<Instant>,
    /// When the last own heartbeat that came back was sent: a stream that lags is as bad as one that is silent.
    own: Option<Instant>,
    /// When heartbeats were sent.
    sent: VecDeque<(ObjectId, Instant)>,
    /// When each was last heard.
    heard: HashMap<SiteId, Instant>,
}

impl Sites {
    pub(super) fn new(is_shared: bool) -> Self {
        Self { own: ObjectId::new(), is_shared, others: Mutex::default() }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Whether this site is the only one that writes: no other can be there, or none was heard of for so long that one
    /// would have been.
    pub(super) fn is_alone(&self) -> bool {
        !self.is_shared || {
            let mut others = self.others();
            others.forget_silent();
            let is_recent = others.own.is_some_and(|own| own.elapsed() < MAX_SILENCE);
            is_recent && others.heard.is_empty() && others.since.is_some_and(|since| since.elapsed() > ALIVE)
        }
    }

    /// Returns the name of this instance.
    pub(super) fn own(&self) -> SiteId {
        self.own
    }

    /// Returns whether another instance may be running. An instance that listens has to wait before it can tell.
    pub(super) fn may_run(&self, site: SiteId) -> bool {
        let mut others = self.others();
        others.forget_silent();
        let has_listened = others.since.is_some_and(|since| since.elapsed() >= ALIVE);
        others.heard.contains_key(&site) || (self.is_shared && !has_listened)
    }

    fn has_others(&self) -> bool {
        let mut others = self.others();
        others.forget_silent();
        !others.heard.is_empty()
    }

    /// Begins to listen, or does not any more.
    fn listen(&self, listens: bool) {
        self.others().since = listens.then(Instant::now);
    }

    fn heard(&self, site: SiteId) {
        self.others().heard.insert(site, Instant::now());
    }

    /// Records that a signal of this instance is being sent.
    fn sent(&self, signal: ObjectId) {
        let mut others = self.others();
        others.sent.truncate(SENT - 1);
        others.sent.push_front((signal, Instant::now()));
    }

    /// Records that a signal of this instance came back.
    fn came_back(&self, signal: ObjectId) {
        let mut others = self.others();
        let sent = others.sent.iter().find(|(id, _)| *id == signal).map(|(_, sent)| *sent);
        others.own = others.own.max(sent);
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Others {
    fn forget_silent(&mut self) {
        self.heard.retain(|_, heard| heard.elapsed() < ALIVE);
    }
}

/// A window of times around now, as wide as clocks may differ.
pub(super) fn around_now(span: Duration) -> Document {
    let now = DateTime::now().timestamp_millis();
    let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let at = |millis| DateTime::from_millis(millis);
    doc! { "$gte": at(now.saturating_sub(span)), "$lte": at(now.saturating_add(span)) }
}

impl Database {
    /// Deletes this instance's signals, so that the next one starts without a delay.
    pub(super) async fn leave(&self) {
        if self.is_shared()
            && let Err(error) = self.signals.delete_all(doc! { "at": around_now(LIFE), "site": self.sites.own }).await
        {
            log::debug!("the signals of this instance were not deleted: {error}");
        }
    }

    /// Whether another site was heard of lately.
    pub fn has_others(&self) -> bool {
        self.sites.has_others()
    }

    /// Whether this site is the only one that writes here.
    pub(super) fn is_alone(&self) -> bool {
        self.sites.is_alone()
    }

    /// Tells the other sites, if there may be any, in a task of its own. What gets lost they find out: they look at the
    /// sessions of their sockets every few seconds.
    pub fn tell(self: &Arc<Self>, signal: Signal) {
        if !self.is_shared() {
            return;
        }
        let this = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = this.send(signal).await {
                log::debug!("a signal was not sent: {error}");
            }
        });
    }

    /// Announces this instance to the others before it answers any request.
    pub(super) async fn announce(&self) -> Result<()> {
        if !self.is_shared() {
            return Ok(());
        }
        // Signals are deleted a minute after they were written.
        let others = doc! { "at": around_now(LIFE), "site": { "$ne": self.sites.own } };
        let is_first = self.signals.one(others).await?.is_none();
        self.send(Signal::Up).await?;
        if !is_first {
            sleep(START_DELAY).await;
        }
        Ok(())
    }

    /// Writes something small, journaled.
    pub(super) async fn write_barrier(&self) -> Result<()> {
        self.send(Signal::Barrier).await
    }

    async fn send(&self, signal: Signal) -> Result<()> {
        let stored = Stored { id: ObjectId::new(), site: self.sites.own, at: DateTime::now(), signal };
        self.sites.sent(stored.id);
        self.signals.insert(stored).await.map(drop)
    }

    /// Follows what the other sites write and tell, for ever. Entries raise their logs; the rest is given to `hear`.
    pub async fn follow<F: Future<Output = ()>>(self: &Arc<Self>, hear: impl Fn(Heard) -> F) {
        loop {
            let inserts = doc! { "operationType": "insert", "ns.coll": { "$in": ["chat", "signal"] } };
            match self.database().watch().pipeline([doc! { "$match": inserts }]).await {
                Ok(mut events) => {
                    self.sites.listen(true);
                    self.hint_all().await;
                    hear(Heard::Anew).await;
                    let mut beats = interval(HEARTBEAT);
                    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
                    let mut own = Instant::now();
                    // A stream on which this instance's own heartbeats do not arrive is dead.
                    while own.elapsed() < DEAD_STREAM {
                        let event = tokio::select! {
                            event = events.next() => event,
                            _ = beats.tick() => {
                                self.tell(Signal::Up);
                                continue;
                            }
                        };
                        let Some(Ok(event)) = event else { break };
                        match self.read(event) {
                            Some(stored) if stored.site == self.sites.own => {
                                self.sites.came_back(stored.id);
                                own = Instant::now();
                            }
                            Some(stored) => {
                                self.sites.heard(stored.site);
                                hear(Heard::Told(stored.site, stored.signal)).await;
                            }
                            None => {}
                        }
                    }
                }
                Err(error) => log::debug!("the change stream does not open: {error}"),
            }
            self.sites.listen(false);
            sleep(AGAIN).await;
        }
    }

    /// Takes note of an entry; answers a signal.
    fn read(&self, event: ChangeStreamEvent<Document>) -> Option<Stored> {
        let document = event.full_document?;
        let read = match event.ns?.coll?.as_str() {
            "chat" => deserialize_from_document(document).map(|entry| {
                self.see(&entry);
                None
            }),
            _ => deserialize_from_document(document).map(Some),
        };
        read.unwrap_or_else(|error| {
            log::error!("what the database tells cannot be read: {error}");
            None
        })
    }

    /// Takes note of an entry that stands.
    fn see(&self, entry: &Entry) {
        let log =
            self.logs.lock().unwrap_or_else(PoisonError::into_inner).get(&entry.room()).and_then(|log| log.upgrade());
        match log {
            Some(log) => log.advance_head(entry.into()),
            // The list of rooms follows it.
            None => self.raise(entry.room(), entry.into()),
        }
    }

    /// Has every log that is in use look at its end.
    async fn hint_all(&self) {
        let logs: Vec<_> = {
            let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
            logs.values().filter_map(|log| log.upgrade()).collect()
        };
        self.forget_heads();
        let read = logs.into_iter().map(|log| async move {
            if let Err(error) = log.fetch_head().await {
                log::debug!("room {}: head not read: error={error}", log.room);
            }
        });
        stream::iter(read).buffer_unordered(AT_ONCE).collect::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_instance_is_alone_while_it_hears_its_own_heartbeats_and_no_others() {
        assert!(Sites::new(false).is_alone(), "nobody else can be there");
        let sites = Sites::new(true);
        let beat = || {
            let signal = ObjectId::new();
            sites.sent(signal);
            sites.came_back(signal);
        };
        advance(ALIVE * 2).await;
        assert!(!sites.is_alone(), "it does not listen");
        sites.listen(true);
        beat();
        assert!(!sites.is_alone(), "one may not have spoken yet");
        advance(ALIVE + HEARTBEAT).await;
        assert!(!sites.is_alone(), "the stream is silent");
        beat();
        assert!(sites.is_alone() && !sites.has_others());
        sites.heard(ObjectId::new());
        assert!(!sites.is_alone() && sites.has_others());
        advance(ALIVE + HEARTBEAT).await;
        beat();
        assert!(sites.is_alone() && !sites.has_others());
        advance(MAX_SILENCE).await;
        assert!(!sites.is_alone(), "the stream has fallen silent");
        beat();
        sites.listen(false);
        assert!(!sites.is_alone(), "what is told is not heard");
    }
}
