//! `setting`: what belongs to the site as a whole. Its only document holds the site's id, which all instances on the
//! database share.

use mongodb::bson::{Document, doc};
use mongodb::error::Error as MongoError;
use mongodb::options::{Acknowledgment, CollectionOptions, ReadConcern, WriteConcern};

use super::table::is_duplicate;

/// The key of the document.
const KEY: &str = "site";

/// Returns the site's id: eight hexadecimal digits, chosen at random by the first instance on the database.
pub(super) async fn site_id(database: &mongodb::Database) -> Result<String, MongoError> {
    let options = CollectionOptions::builder()
        .read_concern(ReadConcern::majority())
        .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build())
        .build();
    let settings = database.collection_with_options::<Document>("setting", options);
    let kept = async || {
        let document = settings.find_one(doc! { "_id": KEY }).await?;
        Ok::<_, MongoError>(document.and_then(|document| document.get_str("id").ok().map(str::to_owned)))
    };
    if let Some(id) = kept().await? {
        return Ok(id);
    }
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(MongoError::custom)?;
    let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    match settings.insert_one(doc! { "_id": KEY, "id": &id }).await {
        Ok(_) => Ok(id),
        // Another instance was faster.
        Err(error) if is_duplicate(&error) => Ok(kept().await?.unwrap_or(id)),
        Err(error) => Err(error),
    }
}
