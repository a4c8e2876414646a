//! Migrations of stored data. All run at each start, in order; each is idempotent and may be interrupted.

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error as MongoError;

use futures_util::TryStreamExt;
use serde::Deserialize;

use super::Database;
use super::collection::is_duplicate_key;

/// Users that one command updates.
const BATCH: usize = 500;

/// `nickname_key` folds a nickname.
pub(crate) async fn migrate(db: &Database, nickname_key: fn(&str) -> String) -> Result<(), MongoError> {
    drop_unique_index_on_revisions(db).await?;
    rename_chores(db).await?;
    fill_in_nickname_keys(db, nickname_key).await
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

/// 3. Users had no folded nickname. Users of an old backup have none either.
async fn fill_in_nickname_keys(db: &Database, key: fn(&str) -> String) -> Result<(), MongoError> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "_id")]
        id: Bson,
        nickname: String,
    }
    let users = db.driver::<Named>("user");
    // The bundled engine reads 50,000 users in 70 ms.
    let missing = users.find(doc! { "nicknameKey": null }).projection(doc! { "nickname": 1 });
    let mut batches = missing.await?.try_chunks(BATCH);
    while let Some(some) = batches.try_next().await.map_err(|error| error.1)? {
        // Another instance may rename the user at the same time, and sets the key then.
        let fill_in = |user: &Named| {
            let set = doc! { "$set": { "nicknameKey": key(&user.nickname) } };
            doc! { "q": { "_id": &user.id, "nickname": &user.nickname }, "u": set }
        };
        let updates: Vec<Document> = some.iter().map(fill_in).collect();
        let concern = doc! { "w": "majority", "j": true };
        let update = doc! { "update": "user", "updates": updates, "ordered": false, "writeConcern": concern };
        db.handle().run_command(update).await?;
    }
    Ok(())
}
