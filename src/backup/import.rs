use std::sync::Arc;

use anyhow::{Context, Error, Result, bail};
use mongodb::bson::{Document, doc};
use tokio::task::JoinHandle;

use super::documents::decode;
use super::export::DATABASE_ERROR;
use crate::models::file::StoredFile;
use crate::models::inbox::InboxEntry;
use crate::models::room::log::Entry;
use crate::models::room::membership::Membership;
use crate::models::room::{NameReservation, Room};
use crate::models::{self, User};
use crate::store::{Database, Lease, RestoreMarker, StoredDocument};

/// An import into a database. The lease and a marker keep all sites off the database until [`Import::finish`].
pub(super) struct Import {
    db: Arc<Database>,
    lease: Arc<Lease>,
    renewal: JoinHandle<()>,
}

impl Import {
    /// Begins on an empty database, or starts over on a partially restored one.
    pub(super) async fn begin(url: &str) -> Result<Self> {
        let db = Arc::new(Database::connect(url).await.map_err(Error::msg)?);
        let Some(lease) = Lease::acquire(&db).await.map_err(Error::msg)? else {
            bail!("Cannot restore: a site is running on this database. Stop the site, then restore again.");
        };
        let lease = Arc::new(lease);
        let renewed = Arc::clone(&lease);
        let import = Self { db, lease, renewal: tokio::spawn(async move { renewed.renew().await }) };
        match import.prepare().await {
            Ok(()) => Ok(import),
            Err(error) => {
                import.release().await;
                Err(error)
            }
        }
    }

    async fn prepare(&self) -> Result<()> {
        let db = &self.db;
        if RestoreMarker::exists(db).await.map_err(Error::msg)? {
            // Deletes documents rather than collections: on the engine no user can sign in after a drop.
            delete_all::<User>(db).await?;
            delete_all::<InboxEntry>(db).await?;
            delete_all::<Membership>(db).await?;
            delete_all::<NameReservation>(db).await?;
            delete_all::<Room>(db).await?;
            delete_all::<StoredFile>(db).await?;
            delete_all::<Entry>(db).await?;
        } else {
            let is_empty = is_empty::<User>(db).await?
                && is_empty::<Room>(db).await?
                && is_empty::<Entry>(db).await?
                && is_empty::<Membership>(db).await?
                && is_empty::<InboxEntry>(db).await?
                && is_empty::<StoredFile>(db).await?;
            if !is_empty {
                bail!("Cannot restore into this database: it is not empty. Use an empty database.");
            }
            if db.has_running_instance().await.context(DATABASE_ERROR)? {
                bail!(
                    "Cannot restore: a site is or was just running on this database. Stop the site, then restore again \
                     after half a minute."
                );
            }
            RestoreMarker::create(db).await.context(DATABASE_ERROR)?;
        }
        models::ensure_indexes(db).await.context(DATABASE_ERROR)
    }

    pub(super) async fn insert_users(&self, users: Vec<Document>) -> Result<u64> {
        insert::<User>(&self.db, users).await
    }

    pub(super) async fn insert_entries(&self, entries: Vec<Document>) -> Result<u64> {
        insert::<Entry>(&self.db, entries).await
    }

    pub(super) async fn insert_files(&self, rows: Vec<Document>) -> Result<u64> {
        insert::<StoredFile>(&self.db, rows).await
    }

    pub(super) async fn insert_memberships(&self, memberships: Vec<Document>) -> Result<u64> {
        insert::<Membership>(&self.db, memberships).await
    }

    pub(super) async fn insert_inbox_entries(&self, entries: Vec<Document>) -> Result<u64> {
        insert::<InboxEntry>(&self.db, entries).await
    }

    /// Inserts rooms and reserves the names of open ones and the people of direct ones.
    pub(super) async fn insert_rooms(&self, rooms: Vec<Document>) -> Result<u64> {
        for room in &rooms {
            let room: Room = decode(room)?;
            if let Some(key) = room.reserved_key().filter(|_| room.open) {
                NameReservation::acquire(&self.db, key, room.id).await.context(DATABASE_ERROR)?;
            }
        }
        insert::<Room>(&self.db, rooms).await
    }

    /// Removes the marker: the database is complete.
    pub(super) async fn finish(self) -> Result<()> {
        let removed = RestoreMarker::remove(&self.db).await.context(DATABASE_ERROR);
        self.release().await;
        removed
    }

    async fn release(self) {
        self.renewal.abort();
        self.lease.release().await;
    }
}

async fn is_empty<T: StoredDocument>(db: &Database) -> Result<bool> {
    Ok(db.collection::<T>().find_one(doc! {}).await.context(DATABASE_ERROR)?.is_none())
}

// The next two functions use the driver, because they may take longer than the query timeout.

async fn insert<T: StoredDocument>(db: &Database, documents: Vec<Document>) -> Result<u64> {
    let count = documents.len() as u64;
    db.collection::<T>().driver().clone_with_type().insert_many(documents).await.context(DATABASE_ERROR)?;
    Ok(count)
}

async fn delete_all<T: StoredDocument>(db: &Database) -> Result<()> {
    db.collection::<T>().driver().delete_many(doc! {}).await.map(drop).context(DATABASE_ERROR)
}
