//! Collection `setting`: one document with the site's id, which all instances on the database share.

use mongodb::bson::doc;
use mongodb::error::Error as MongoError;
use serde::{Deserialize, Serialize};

use super::collection::is_duplicate_key;
use super::{Database, StoredDocument};

const ID: &str = "site";

#[derive(Clone, Serialize, Deserialize)]
struct SiteSettings {
    #[serde(rename = "_id")]
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

impl StoredDocument for SiteSettings {
    const COLLECTION: &'static str = "setting";
}

impl Database {
    /// Reads the site's id: eight hexadecimal digits, chosen at random by the first instance on the database.
    pub(crate) async fn load_site_id(&self) -> Result<(), MongoError> {
        let settings = self.collection::<SiteSettings>().driver();
        let stored =
            async || Ok::<_, MongoError>(settings.find_one(doc! { "_id": ID }).await?.and_then(|found| found.id));
        if let Some(id) = stored().await? {
            self.set_site_id(id);
            return Ok(());
        }
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(MongoError::custom)?;
        let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        match settings.insert_one(SiteSettings { key: ID.into(), id: Some(id.clone()) }).await {
            // Another instance was faster.
            Err(error) if is_duplicate_key(&error) => self.set_site_id(stored().await?.unwrap_or(id)),
            inserted => {
                inserted?;
                self.set_site_id(id);
            }
        }
        Ok(())
    }
}
