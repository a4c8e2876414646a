//! Migrations of stored data. All run at each start, in order; each is idempotent and may be interrupted.

use mongodb::bson::{Document, doc};
use mongodb::error::Error as MongoError;

use futures_util::TryStreamExt;

use super::Database;
use super::collection::is_duplicate_key;

pub(crate) async fn migrate(db: &Database) -> Result<(), MongoError> {
    drop_unique_index_on_revisions(db).await?;
    rename_chores(db).await
}

/// 1. The index was unique. The bundled engine keeps old keys of unique indexes, so it kept superseded edits.
async fn drop_unique_index_on_revisions(db: &Database) -> Result<(), MongoError> {
    const OLD_INDEX: &str = "room_1_of_1_seq_1";
    let chats = db.driver::<Document>("chat");
    if chats.list_index_names().await?.iter().any(|name| name == OLD_INDEX) {
        chats.drop_index(OLD_INDEX).await?;
    }
    Ok(())
}

/// 2. Jobs were called chores.
async fn rename_chores(db: &Database) -> Result<(), MongoError> {
    let [chores, jobs] = ["chore", "job"].map(|name| db.driver::<Document>(name));
    let mut all = chores.find(doc! {}).await?;
    while let Some(chore) = all.try_next().await? {
        let id = chore.get("_id").cloned();
        match jobs.insert_one(chore).await {
            // An interrupted start has copied it.
            Err(error) if !is_duplicate_key(&error) => return Err(error),
            _ => {
                chores.delete_one(doc! { "_id": id }).await?;
            }
        }
    }
    Ok(())
}
