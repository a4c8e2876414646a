//! The connection, the collections, and how long we wait for them.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error as MongoError, ErrorKind, WriteFailure};
use mongodb::options::{Acknowledgment, ClientOptions, CollectionOptions, IndexOptions, ReadConcern, WriteConcern};
use mongodb::{Client, Collection, IndexModel};

use super::log::{Entry, Log, Top};
use super::password::Passwords;
use super::room::{Directory, Name};
use super::throttle::Throttle;
use super::{Room, RoomId, Session, User};
use crate::error::{Error, Result};

/// How long one question to the database may take. Pages answer 503 within 2 s when it is away.
pub(super) const PATIENCE: Duration = Duration::from_millis(1_500);
/// How long the first connection may take: at start the database may still be starting too.
const START: Duration = Duration::from_secs(30);
/// Connections at most. The driver's 10 would make readers of pages wait for each other.
const POOL: u32 = 64;
/// The database's name where the connection string has none.
const NAME: &str = "sarangbang";

/// The site's data. One a site, shared by all of it. Everything is read and written with majority, and
/// journaled: what has been answered stays.
pub struct Database {
    database: mongodb::Database,
    pub(super) users: Collection<User>,
    pub(super) sessions: Collection<Session>,
    pub(super) rooms: Collection<Room>,
    pub(super) names: Collection<Name>,
    pub(super) chats: Collection<Entry>,
    pub(super) passwords: Passwords,
    pub(super) throttle: Throttle,
    pub(super) directory: Directory,
    /// The logs in use, by room. A log takes its key out when it is dropped; locked for a line.
    pub(super) logs: Mutex<HashMap<RoomId, Weak<Log>>>,
    /// The highest committed top that this site has seen of each room; locked for a line.
    pub(super) tops: Mutex<HashMap<RoomId, Top>>,
}

impl Database {
    /// Connects, and confirms the indexes that everything stands on.
    ///
    /// # Errors
    /// A sentence for the person at the terminal: the string cannot be read, nothing answers, or an index
    /// cannot be made.
    pub async fn open(url: &str) -> Result<Arc<Self>, String> {
        let failed = |error: MongoError| format!("The database cannot be used: {error}");
        let mut options = ClientOptions::parse(url)
            .await
            .map_err(|error| format!("databases.sarangbang.url cannot be read: {error}"))?;
        options.app_name.get_or_insert_with(|| "sarangbang".into());
        options.max_pool_size.get_or_insert(POOL);
        options.connect_timeout.get_or_insert(PATIENCE);
        options.server_selection_timeout.get_or_insert(PATIENCE);
        let client = Client::with_options(options).map_err(failed)?;
        let database = client.default_database().unwrap_or_else(|| client.database(NAME));

        let patience = tokio::time::Instant::now() + START;
        while let Err(error) = database.run_command(doc! { "ping": 1 }).await {
            if tokio::time::Instant::now() > patience {
                return Err(format!("The database does not answer. {error}"));
            }
        }
        let this = Self::on(database);
        this.confirm_indexes().await.map_err(failed)?;
        Ok(Arc::new(this))
    }

    fn on(database: mongodb::Database) -> Self {
        let options = CollectionOptions::builder()
            .read_concern(ReadConcern::majority())
            .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build())
            .build();
        Self {
            users: database.collection_with_options("user", options.clone()),
            sessions: database.collection_with_options("session", options.clone()),
            names: database.collection_with_options("name", options.clone()),
            rooms: database.collection_with_options("room", options.clone()),
            chats: database.collection_with_options("chat", options),
            passwords: Passwords::new(),
            throttle: Throttle::default(),
            directory: Directory::default(),
            logs: Mutex::default(),
            tops: Mutex::default(),
            database,
        }
    }

    async fn confirm_indexes(&self) -> Result<(), MongoError> {
        self.users.create_index(unique(doc! { "login": 1 })).await?;
        self.users.create_index(unique_where(doc! { "first": 1 }, "first")).await?;
        self.users.create_index(IndexModel::builder().keys(doc! { "picture": 1 }).build()).await?;
        self.sessions.create_index(expiring("expires")).await?;
        self.sessions.create_index(IndexModel::builder().keys(doc! { "user": 1 }).build()).await?;
        self.rooms.create_index(unique(doc! { "no": 1 })).await?;
        self.chats.create_index(unique(doc! { "room": 1, "seq": 1 })).await?;
        self.chats.create_index(unique_where(doc! { "room": 1, "of": 1, "seq": 1 }, "of")).await?;
        self.chats.create_index(unique_where(doc! { "room": 1, "no": 1 }, "no")).await?;
        self.chats.create_index(unique_where(doc! { "room": 1, "author": 1, "nonce": 1 }, "nonce")).await?;
        Ok(())
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// `Unavailable` when it does not, within [`PATIENCE`].
    pub async fn ping(&self) -> Result<()> {
        within(async { self.database.run_command(doc! { "ping": 1 }).await }).await.map(drop)
    }
}

fn unique(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).options(IndexOptions::builder().unique(true).build()).build()
}

/// Unique among the documents that have `field`.
fn unique_where(keys: Document, field: &str) -> IndexModel {
    let options =
        IndexOptions::builder().unique(true).partial_filter_expression(doc! { field: { "$exists": true } }).build();
    IndexModel::builder().keys(keys).options(options).build()
}

fn expiring(field: &str) -> IndexModel {
    let options = IndexOptions::builder().expire_after(Duration::ZERO).build();
    IndexModel::builder().keys(doc! { field: 1 }).options(options).build()
}

/// What a question to the database answers, or `Unavailable` after [`PATIENCE`].
pub(super) async fn within<T>(question: impl Future<Output = Result<T, MongoError>>) -> Result<T> {
    match tokio::time::timeout(PATIENCE, question).await {
        Ok(answer) => answer.map_err(Error::from),
        Err(_) => Err(Error::Unavailable("the database did not answer in time".into())),
    }
}

/// Whether a write was refused because its key exists.
pub(super) fn is_duplicate(error: &MongoError) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == 11_000,
        ErrorKind::Command(error) => error.code == 11_000,
        _ => false,
    }
}

impl From<MongoError> for Error {
    fn from(error: MongoError) -> Self {
        match &*error.kind {
            ErrorKind::BsonDeserialization(_) | ErrorKind::BsonSerialization(_) | ErrorKind::InvalidArgument { .. } => {
                Self::Internal(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}
