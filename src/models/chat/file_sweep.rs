//! Has the files deleted that no chat has any more, and then deletes their rows. What a crash leaves is repaired.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use serde::Deserialize;
use tokio::time::timeout;

use crate::attachment::FileName;
use crate::error::{Error, Result};
use crate::models::file::{FilesDue, StoredFile};
use crate::models::{Room, User, UserId};
use crate::store::Database;

/// How often an instance looks for files that another one left.
const INTERVAL: Duration = Duration::from_secs(10);
const BATCH: i64 = 100;
const CONCURRENT_DELETIONS: usize = 4;
/// When a row that failed is tried again, while others do not.
const RETRY: Duration = Duration::from_secs(60);

/// Sweeps and never returns. It may be cancelled at any point. `delete` deletes a file and returns whether it is gone.
pub(crate) async fn sweep_files<F: Future<Output = bool>>(db: &Arc<Database>, delete: impl Fn(FileName) -> F) {
    loop {
        // The space of people is free before the file server answers.
        let swept = [repair_all(db).await, mark_all(db).await, recount(db).await, delete_all(db, &delete).await];
        for error in swept.into_iter().filter_map(Result::err) {
            log::debug!("files not swept: error={error}");
        }
        let _ = timeout(INTERVAL, db.state::<FilesDue>().notified()).await;
    }
}

/// Repairs the rows whose chats should have been appended by now.
async fn repair_all(db: &Arc<Database>) -> Result<()> {
    loop {
        let rows = find_due(db, doc! { "gone": null }).await?;
        for row in &rows {
            if let Err(error) = repair(db, row).await {
                log::debug!("row not repaired: name={} error={error}", row.name.as_str());
                postpone(db, doc! { "_id": row.name.as_str(), "due": row.due }).await?;
            }
        }
        if (rows.len() as i64) < BATCH {
            return Ok(());
        }
    }
}

/// Marks the people whose files are gone, to be counted again. Their files may have to wait for the file server.
async fn mark_all(db: &Database) -> Result<()> {
    loop {
        let rows = find_due(db, doc! { "gone": true, "marked": null }).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let users: HashSet<UserId> = rows.iter().map(|row| row.user).collect();
        User::mark_for_recount(db, &users.into_iter().collect::<Vec<_>>()).await?;
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        let marked = doc! { "$set": { "marked": true } };
        db.collection::<StoredFile>().update_many(doc! { "_id": { "$in": names } }, marked).await?;
        if (rows.len() as i64) < BATCH {
            return Ok(());
        }
    }
}

/// Deletes the files that are gone, then their rows.
async fn delete_all<F: Future<Output = bool>>(db: &Database, delete: impl Fn(FileName) -> F) -> Result<()> {
    loop {
        let rows = find_due(db, doc! { "gone": true, "marked": true }).await?;
        let is_last = (rows.len() as i64) < BATCH;
        let mut kept: Vec<&str> = Vec::new();
        for some in rows.chunks(CONCURRENT_DELETIONS) {
            let outcomes = join_all(some.iter().map(|row| delete(row.name.clone()))).await;
            for (row, is_gone) in some.iter().zip(outcomes) {
                match is_gone {
                    true => db.collection::<StoredFile>().delete(doc! { "_id": row.name.as_str() }).await?,
                    false => kept.push(row.name.as_str()),
                }
            }
        }
        let is_down = kept.len() == rows.len() && !rows.is_empty();
        // Few rows do not stand in the way of others.
        let may_stay = is_down && is_last;
        if !may_stay && !kept.is_empty() {
            postpone(db, doc! { "_id": { "$in": &kept } }).await?;
        }
        if is_down {
            return Err(Error::Unavailable("the file server did not delete any file".into()));
        }
        if is_last {
            return Ok(());
        }
    }
}

async fn postpone(db: &Database, rows: Document) -> Result<()> {
    let due = DateTime::from_millis(DateTime::now().timestamp_millis().saturating_add(RETRY.as_millis() as i64));
    db.collection::<StoredFile>().update_many(rows, doc! { "$set": { "due": due } }).await
}

async fn find_due(db: &Database, mut filter: Document) -> Result<Vec<StoredFile>> {
    filter.insert("due", doc! { "$lte": DateTime::now() });
    db.collection::<StoredFile>().find_some_projected(filter, doc! {}, BATCH).await
}

/// Gives a file to the chat that has it. Without such a chat the file is gone.
async fn repair(db: &Arc<Database>, row: &StoredFile) -> Result<()> {
    // The entries of a closed room are about to go.
    if let Some(room) = Room::by_id(db, row.room).await?.filter(|room| room.open) {
        let log = room.log(db);
        let found = log.find(doc! { "author": row.user, "nonce": row.nonce.as_str() }).await?;
        if let Some(entry) = found.first()
            && log.kept_files(entry.seq).await?.contains(&row.name)
        {
            // It may not have been counted before the crash.
            User::mark_for_recount(db, &[row.user]).await?;
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
