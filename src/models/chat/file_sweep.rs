//! Deletes the files that no chat has any more, at the file server, and then their rows. What a crash leaves is repaired.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use mongodb::bson::{DateTime, doc};
use serde::Deserialize;
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::internal_api::{ImageClient, Outcome};
use crate::models::file::{FilesDue, StoredFile};
use crate::models::{Room, User, UserId};
use crate::store::Database;

/// How often an instance looks for files that another one left.
const INTERVAL: Duration = Duration::from_secs(10);
const BATCH: i64 = 100;
const CONCURRENT_DELETIONS: usize = 4;

/// Sweeps for as long as the database is in use.
pub(crate) async fn sweep_files(db: Weak<Database>, server: ImageClient) {
    loop {
        let Some(db) = db.upgrade() else { return };
        let swept = async {
            while sweep(&db, &server).await? == BATCH as usize {}
            recount(&db).await
        };
        if let Err(error) = swept.await {
            log::debug!("files not swept: error={error}");
        }
        let due = db.state::<FilesDue>().notified();
        let _ = timeout(INTERVAL, due).await;
    }
}

/// Handles some rows that are due. Returns their number.
async fn sweep(db: &Arc<Database>, server: &ImageClient) -> Result<usize> {
    let due = doc! { "due": { "$lte": DateTime::now() } };
    let rows: Vec<StoredFile> = db.collection::<StoredFile>().find_some_projected(due, doc! {}, BATCH).await?;
    let users: HashSet<UserId> = rows.iter().map(|row| row.user).collect();
    if !users.is_empty() {
        // Before the rows are gone: a crash leaves the users to be counted.
        User::mark_for_recount(db, &users.into_iter().collect::<Vec<_>>()).await?;
    }
    let count = rows.len();
    let (gone, waiting): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.gone);
    for row in waiting {
        repair(db, &row).await?;
    }
    let delete = |row: StoredFile| async move {
        let is_deleted = server.delete_file(&row.name).await == Outcome::Yes;
        is_deleted.then_some(row.name)
    };
    let deleted: Vec<_> =
        stream::iter(gone.into_iter().map(delete)).buffer_unordered(CONCURRENT_DELETIONS).collect().await;
    let names: Vec<&str> = deleted.iter().flatten().map(|name| name.as_str()).collect();
    db.collection::<StoredFile>().delete_many(doc! { "_id": { "$in": names } }).await?;
    if deleted.iter().any(Option::is_none) {
        return Err(Error::Unavailable("the file server did not delete all files".into()));
    }
    Ok(count)
}

/// Gives a file to the chat that has it. Without such a chat the file is gone.
async fn repair(db: &Arc<Database>, row: &StoredFile) -> Result<()> {
    if let Some(room) = Room::by_id(db, row.room).await? {
        let log = room.log(db);
        let found = log.find(doc! { "author": row.user, "nonce": row.nonce.as_str() }).await?;
        if let Some(entry) = found.first()
            && log.kept_files(entry.seq).await?.contains(&row.name)
        {
            return StoredFile::assign(db, &[row.name.as_str()], entry.seq).await;
        }
    }
    // Unless a repeated request has just taken it.
    StoredFile::discard(db, doc! { "_id": row.name.as_str(), "seq": null, "due": row.due }).await
}

async fn recount(db: &Database) -> Result<()> {
    #[derive(Deserialize)]
    struct Marked {
        #[serde(rename = "_id")]
        id: UserId,
    }
    let users = db.collection::<User>();
    let marked: Vec<Marked> = users.find_some_projected(doc! { "recount": true }, doc! { "_id": 1 }, BATCH).await?;
    for user in marked {
        User::recount_bytes(db, user.id).await?;
    }
    Ok(())
}
