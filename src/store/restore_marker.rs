//! Collection `restore`: a marker while a restore is under way, so that no site starts on half the data.

use mongodb::bson::{DateTime, doc};
use mongodb::error::Error as MongoError;
use serde::{Deserialize, Serialize};

use super::database::database_error;
use super::{Database, StoredDocument};

/// The `_id` of the only marker.
const ID: &str = "restore";

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RestoreMarker {
    #[serde(rename = "_id")]
    id: String,
    at: DateTime,
}

impl StoredDocument for RestoreMarker {
    const COLLECTION: &'static str = "restore";
}

impl RestoreMarker {
    /// Fails with a sentence for the operator if the marker exists.
    pub(crate) async fn ensure_absent(db: &Database) -> Result<(), String> {
        match Self::exists(db).await? {
            true => Err("This database is only partially restored. Run the restore again; it starts over.".into()),
            false => Ok(()),
        }
    }

    pub(crate) async fn exists(db: &Database) -> Result<bool, String> {
        let found = db.collection::<Self>().find_one(doc! { "_id": ID }).await;
        found.map(|marker| marker.is_some()).map_err(database_error)
    }

    pub(crate) async fn create(db: &Database) -> Result<(), MongoError> {
        let marker = Self { id: ID.into(), at: DateTime::now() };
        db.collection::<Self>().driver().replace_one(doc! { "_id": ID }, marker).upsert(true).await.map(drop)
    }

    pub async fn remove(db: &Database) -> Result<(), MongoError> {
        db.collection::<Self>().driver().delete_one(doc! { "_id": ID }).await.map(drop)
    }
}
