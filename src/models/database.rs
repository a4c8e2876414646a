//! The connection, the collections, and how long we wait for them.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error as MongoError, ErrorKind};
use mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, IndexOptions, ReadConcern, ReadPreference, SelectionCriteria,
    WriteConcern,
};
use mongodb::{Client, IndexModel};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::chore::{Chore, Running};
use super::lease;
use super::log::{Entry, Head, RoomLog};
use super::password::PasswordHasher;
use super::restore::RestoreMarker;
use super::room::{NameReservation, RoomList};
use super::signal::{self, Sites, Stored};
use super::site_id::site_id;
use super::table::{ABANDONED, Desk, Table};
use super::throttle::Throttle;
use super::timeout::QUERY_TIMEOUT;
use super::{Room, RoomId, Session, User};
use crate::cache::{Budget, Cache, Lookup, lock};
use crate::error::Result;

/// How long the first connection may take: at start the database may still be starting too.
pub(super) const START: Duration = Duration::from_secs(30);
/// How often an instance looks for jobs of lost instances.
const MAINTENANCE: Duration = Duration::from_secs(10);
/// Connections at most. The driver's 10 would make readers of pages wait for each other.
const POOL: u32 = 64;
/// How long the head of a log is kept that is not in use, and the most bytes of all of them.
const HEAD_AGE: Duration = Duration::from_secs(60 * 60);
const HEADS_BYTES: usize = 4 << 20;
/// The database's name where the connection string has none.
const NAME: &str = "sarangbang";
/// The index on revisions of a chat in earlier versions.
const OLD_INDEX: &str = "room_1_of_1_seq_1";
/// The code of the error about a command that the server does not have.
const COMMAND_NOT_FOUND: i32 = 59;

/// The site's data. One a site, shared by all of it. Everything is read and written with majority, and
/// journaled: what has been answered stays.
pub struct Database {
    database: mongodb::Database,
    desk: Desk,
    pub(super) users: Table<User>,
    pub(super) sessions: Table<Session>,
    pub(super) rooms: Table<Room>,
    pub(super) names: Table<NameReservation>,
    pub(super) chats: Table<Entry>,
    pub(super) chores: Table<Chore>,
    pub(super) signals: Table<Stored>,
    pub(super) leases: Table<lease::Stored>,
    pub(super) markers: Table<RestoreMarker>,
    /// The jobs that this instance runs.
    pub(super) running: Running,
    pub(super) sites: Arc<Sites>,
    pub(super) passwords: PasswordHasher,
    pub(super) throttle: Throttle,
    /// When a write of this process, or of the one before it, may have been left without an answer. Locked for a line.
    doubt: Mutex<Option<Instant>>,
    pub(super) room_list: RoomList,
    /// The logs in use, by room. A log takes its key out when it is dropped; locked for a line.
    pub(super) logs: Mutex<HashMap<RoomId, Weak<RoomLog>>>,
    /// The highest committed entry that this instance has seen of a room lately. A log in use has its own.
    heads: Arc<Cache<RoomId, Head>>,
    budget: Arc<Budget>,
    /// Set before anything else uses the database.
    site_id: OnceLock<String>,
}

impl Database {
    /// Connects, and confirms the indexes that everything stands on.
    ///
    /// # Errors
    /// A sentence for the person at the terminal: the string cannot be read, nothing answers, what is there was
    /// restored by half, or an index cannot be made.
    pub async fn open(url: &str) -> Result<Arc<Self>, String> {
        Self::reach(url).await?.begin().await
    }

    /// The same where nobody else can reach it: the site's own engine.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub async fn open_own(url: &str) -> Result<Arc<Self>, String> {
        let (database, _) = connect(url, START).await?;
        Self::on(database, false).begin().await
    }

    async fn begin(self) -> Result<Arc<Self>, String> {
        let this = Arc::new(self);
        RestoreMarker::refuse(&this).await?;
        this.confirm_indexes().await.map_err(failed)?;
        let _ = this.site_id.set(site_id(&this.database).await.map_err(failed)?);
        this.resume_chores().await.map_err(failed)?;
        this.room_list.load(&this).await.map_err(failed)?;
        // Last, so that the others hear of this instance until it sends heartbeats.
        this.announce().await.map_err(failed)?;
        tokio::spawn(maintain(Arc::downgrade(&this)));
        Ok(this)
    }

    /// Asks once whether a database answers, and changes nothing in it. Answers whether several sites may share it.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub async fn look(url: &str) -> Result<bool, String> {
        connect(url, Duration::ZERO).await.map(|(_, is_shared)| is_shared)
    }

    /// Connects, and does nothing else.
    pub(super) async fn reach(url: &str) -> Result<Self, String> {
        connect(url, START).await.map(|(database, is_shared)| Self::on(database, is_shared))
    }

    fn on(database: mongodb::Database, is_shared: bool) -> Self {
        let options = CollectionOptions::builder()
            .read_concern(ReadConcern::majority())
            .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build())
            .build();
        let sites = Arc::new(Sites::new(is_shared));
        let (desk, budget) = (Desk::open(&sites), Arc::new(Budget::default()));
        Self {
            users: Table::new(database.collection_with_options("user", options.clone()), &desk, &budget),
            sessions: Table::new(database.collection_with_options("session", options.clone()), &desk, &budget),
            names: Table::new(database.collection_with_options("name", options.clone()), &desk, &budget),
            rooms: Table::new(database.collection_with_options("room", options.clone()), &desk, &budget),
            chats: Table::new(database.collection_with_options("chat", options.clone()), &desk, &budget),
            chores: Table::new(database.collection_with_options("chore", options.clone()), &desk, &budget),
            signals: Table::new(database.collection_with_options("signal", options.clone()), &desk, &budget),
            leases: Table::new(database.collection_with_options("lease", options.clone()), &desk, &budget),
            markers: Table::new(database.collection_with_options("restore", options), &desk, &budget),
            running: Running::default(),
            sites,
            passwords: PasswordHasher::new(),
            throttle: Throttle::default(),
            room_list: RoomList::default(),
            doubt: Mutex::new(Some(Instant::now())),
            logs: Mutex::default(),
            heads: Cache::new(&budget, HEAD_AGE, HEADS_BYTES),
            budget,
            site_id: OnceLock::new(),
            database,
            desk,
        }
    }

    pub(super) async fn confirm_indexes(&self) -> Result<(), MongoError> {
        self.users.collection.create_index(unique(doc! { "login": 1 })).await?;
        self.users.collection.create_index(unique_where(doc! { "first": 1 }, "first")).await?;
        self.users.collection.create_index(IndexModel::builder().keys(doc! { "picture": 1 }).build()).await?;
        self.sessions.collection.create_index(expiring("expires", Duration::ZERO)).await?;
        self.sessions.collection.create_index(IndexModel::builder().keys(doc! { "user": 1 }).build()).await?;
        self.rooms.collection.create_index(unique(doc! { "no": 1 })).await?;
        self.rooms.collection.create_index(index_where(doc! { "active": 1 }, "active")).await?;
        self.signals.collection.create_index(expiring("at", signal::LIFE)).await?;
        self.chats.collection.create_index(unique(doc! { "room": 1, "seq": 1 })).await?;
        self.chats.collection.create_index(sparse(doc! { "room": 1, "of": 1, "kind": 1, "seq": 1 }, "of")).await?;
        self.drop_old_index().await?;
        self.chats.collection.create_index(sparse(doc! { "room": 1, "was": 1, "seq": 1 }, "was")).await?;
        self.chats.collection.create_index(unique_where(doc! { "room": 1, "no": 1 }, "no")).await?;
        self.chats.collection.create_index(unique_where(doc! { "room": 1, "author": 1, "nonce": 1 }, "nonce")).await?;
        Ok(())
    }

    /// Drops an index of earlier versions, if it exists. It was unique, and the bundled engine keeps old keys of unique
    /// indexes, so it would keep superseded edits.
    async fn drop_old_index(&self) -> Result<(), MongoError> {
        let names = self.chats.collection.list_index_names().await?;
        if names.iter().any(|name| name == OLD_INDEX) {
            self.chats.collection.drop_index(OLD_INDEX).await?;
        }
        Ok(())
    }

    /// Whether several sites may run on it: where it has change streams.
    pub fn is_shared(&self) -> bool {
        self.sites.is_shared()
    }

    /// Returns what all caches of this site are charged to.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Returns the highest committed entry of a room that this instance has seen, unless that was long ago.
    pub(super) fn top(&self, room: RoomId) -> Option<Head> {
        match self.heads.get(&room) {
            Lookup::Hit(head) => Some(head),
            Lookup::Miss(_) => None,
        }
    }

    pub(super) fn raise(&self, room: RoomId, head: Head) {
        if self.heads.insert_if(room, head, size_of::<Head>(), |seen| seen.seq < head.seq) {
            self.room_list.record_activity(room, head);
        }
    }

    /// Drops the heads of logs that are not in use: another instance may have written there unheard.
    pub(super) fn forget_heads(&self) {
        self.heads.invalidate(None);
    }

    /// Returns the id of the site, which all instances on the database share.
    pub fn site_id(&self) -> &str {
        self.site_id.get().map_or("", String::as_str)
    }

    pub(super) fn database(&self) -> &mongodb::Database {
        &self.database
    }

    /// Records that a write may still be under way although nobody waits for it.
    pub(super) fn doubt(&self) {
        *lock(&self.doubt) = Some(Instant::now());
    }

    /// Waits until everything that was read before this call is durable.
    ///
    /// A replica set returns only what a majority has journaled. A standalone server also returns what it has in memory
    /// only; its journal is sequential, so one journaled write makes everything before it durable. That write is needed
    /// while a write without an answer may have been read.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn ensure_durable(&self) -> Result<()> {
        let doubt = *lock(&self.doubt);
        let Some(since) = doubt.filter(|_| !self.is_shared()) else { return Ok(()) };
        let begun = Instant::now();
        self.write_barrier().await?;
        if begun > since + ABANDONED * 2 {
            lock(&self.doubt).take_if(|doubt| *doubt == since);
        }
        Ok(())
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// `Unavailable` when it does not, within [`PATIENCE`].
    pub async fn ping(&self) -> Result<()> {
        let database = self.database.clone();
        self.desk.ask(async move { database.run_command(doc! { "ping": 1 }).await }).await.map(drop)
    }
}

/// Does what is due from time to time, for as long as the database is in use: takes over jobs, keeps the list of rooms.
async fn maintain(database: Weak<Database>) {
    let mut ticks = interval(MAINTENANCE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(db) = database.upgrade() else { return };
        if let Err(error) = db.resume_chores().await {
            log::debug!("jobs not taken over: {error}");
        }
        if let Err(error) = db.room_list.maintain(&db).await {
            log::debug!("room list not maintained: {error}");
        }
    }
}

/// Connects, and waits this long for an answer. Answers whether it is a replica set, or a router before several.
async fn connect(url: &str, patience: Duration) -> Result<(mongodb::Database, bool), String> {
    let mut options =
        ClientOptions::parse(url).await.map_err(|error| format!("databases.sarangbang.url cannot be read: {error}"))?;
    options.app_name.get_or_insert_with(|| "sarangbang".into());
    options.max_pool_size.get_or_insert(POOL);
    options.connect_timeout.get_or_insert(QUERY_TIMEOUT);
    options.server_selection_timeout.get_or_insert(QUERY_TIMEOUT);
    // A secondary does not know yet what a writer has just been told.
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    let client = Client::with_options(options).map_err(failed)?;
    let database = client.default_database().unwrap_or_else(|| client.database(NAME));

    let end = Instant::now() + patience;
    // MongoDB 4.4.0 and 4.4.1 know `hello` only by its old name.
    let mut question = "hello";
    let hello = loop {
        match timeout(QUERY_TIMEOUT, database.run_command(doc! { question: 1 })).await {
            Ok(Ok(hello)) => break hello,
            Ok(Err(error)) if question == "hello" && is_unknown_command(&error) => question = "isMaster",
            Ok(Err(error)) if matches!(*error.kind, ErrorKind::Authentication { .. }) => return Err(failed(error)),
            Ok(Err(error)) if Instant::now() > end => return Err(format!("The database does not answer. {error}")),
            Err(_) if Instant::now() > end => return Err("The database does not answer.".into()),
            _ => log::warn!("waiting for the database to answer"),
        }
    };
    let is_shared = hello.contains_key("setName") || hello.get_str("msg").is_ok_and(|router| router == "isdbgrid");
    Ok((database, is_shared))
}

fn is_unknown_command(error: &MongoError) -> bool {
    matches!(&*error.kind, ErrorKind::Command(error) if error.code == COMMAND_NOT_FOUND)
}

pub(super) fn failed(error: impl Display) -> String {
    format!("The database cannot be used: {error}")
}

fn unique(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).options(IndexOptions::builder().unique(true).build()).build()
}

/// An index on the documents that have `field`.
fn sparse(keys: Document, field: &str) -> IndexModel {
    let options = IndexOptions::builder().partial_filter_expression(doc! { field: { "$exists": true } }).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// Unique among the documents that have `field`.
fn unique_where(keys: Document, field: &str) -> IndexModel {
    let options =
        IndexOptions::builder().unique(true).partial_filter_expression(doc! { field: { "$exists": true } }).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// Of the documents that have `field` only: the bundled engine takes minutes to index very many.
fn index_where(keys: Document, field: &str) -> IndexModel {
    let options = IndexOptions::builder().partial_filter_expression(doc! { field: { "$exists": true } }).build();
    IndexModel::builder().keys(keys).options(options).build()
}

fn expiring(field: &str, after: Duration) -> IndexModel {
    let options = IndexOptions::builder().expire_after(after).build();
    IndexModel::builder().keys(doc! { field: 1 }).options(options).build()
}
