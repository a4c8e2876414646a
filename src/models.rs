//! The collections and the verbs on them. Knows neither HTTP nor HTML.
//!
//! | collection | document |
//! |---|---|
//! | `user` | [`User`] in `user.rs` |
//! | `session` | [`Session`] in `session.rs` |
//! | `room` | [`Room`] in `room.rs` |
//! | `name` | `NameReservation` in `room/name.rs` |
//! | `file` | `StoredFile` in `file.rs` |
//! | `chat` | `Entry` in `room/log/entry.rs`; `chat.rs` folds entries into chats |
//! | `inbox` | `InboxEntry` in `inbox.rs` |
//! | `membership` | `Membership` in `room/membership.rs` |
//! | `job` | `Job` in `store/job.rs` with the work in `room/cleanup.rs`, `room/members.rs`, `room/departure.rs`, `chat/delivery.rs` |
//! | `signal` | `Signal` in `store/cluster.rs` with the events in `cluster.rs` |
//! | `lease`, `restore`, `setting` | `store/lease.rs`, `store/restore_marker.rs`, `store/site_id.rs` |

pub mod chat;
pub(crate) mod cluster;
mod device;
pub(crate) mod event;
pub(crate) mod file;
mod id;
pub(crate) mod inbox;
pub(crate) mod mention;
pub mod room;
pub mod session;
pub mod user;
pub mod values;

use std::sync::{Arc, Weak};
use std::time::Duration;

use mongodb::error::Error as MongoError;
use tokio::time::{MissedTickBehavior, interval};

use crate::error::Result;
use crate::store::cluster::Signal;
use crate::store::{Database, Job, RestoreMarker, database_error, migrate};
use chat::Delivery;
use file::StoredFile;
use inbox::InboxEntry;
use room::RoomList;
use room::cleanup::Cleanup;
use room::departure::AccountDeletion;
use room::log::{Entry, LogRegistry};
use room::members::MembershipChange;
use room::membership::Membership;

pub use chat::Chat;
pub(crate) use device::Device;
pub use event::Event;
pub use id::{RoomId, SessionId, UserId};
pub use mention::Mention;
pub use room::Room;
pub use room::log::RoomLog;
pub use session::Session;
pub use user::User;

/// How often an instance looks for jobs of lost instances.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(10);

/// Connects to a configured server and prepares the models.
/// Fails with a sentence for the operator.
pub async fn open(url: &str) -> Result<Arc<Database>, String> {
    let db = Arc::new(Database::connect(url).await?);
    prepare(&db).await?;
    Ok(db)
}

/// Connects to the site's own engine and prepares the models.
/// Fails with a sentence for the operator.
pub async fn open_exclusive(url: &str) -> Result<Arc<Database>, String> {
    let db = Arc::new(Database::connect_exclusive(url).await?);
    prepare(&db).await?;
    Ok(db)
}

/// Makes a database ready for requests: indexes, migrations, abandoned jobs, the room list.
/// Fails with a sentence for the operator.
pub(crate) async fn prepare(db: &Arc<Database>) -> Result<(), String> {
    RestoreMarker::ensure_absent(db).await?;
    ensure_indexes(db).await.map_err(database_error)?;
    migrate(db, values::key).await.map_err(database_error)?;
    db.load_site_id().await.map_err(database_error)?;
    resume_jobs(db).await.map_err(database_error)?;
    db.state::<RoomList>().load(db).await.map_err(database_error)?;
    // Last: the other instances count this one as running only while it sends heartbeats.
    db.join_cluster().await.map_err(database_error)?;
    tokio::spawn(maintain(Arc::downgrade(db)));
    Ok(())
}

pub(crate) async fn ensure_indexes(db: &Database) -> Result<(), MongoError> {
    db.collection::<User>().ensure_indexes().await?;
    db.collection::<Session>().ensure_indexes().await?;
    db.collection::<Room>().ensure_indexes().await?;
    db.collection::<InboxEntry>().ensure_indexes().await?;
    db.collection::<Membership>().ensure_indexes().await?;
    db.collection::<StoredFile>().ensure_indexes().await?;
    db.collection::<Signal>().ensure_indexes().await?;
    db.collection::<Entry>().ensure_indexes().await
}

/// Runs the jobs that no instance runs.
async fn resume_jobs(db: &Arc<Database>) -> Result<()> {
    Job::<Cleanup>::resume_all(db).await?;
    Job::<MembershipChange>::resume_all(db).await?;
    Job::<AccountDeletion>::resume_all(db).await?;
    Job::<Delivery>::resume_all(db).await
}

/// Saves what is only in memory, when the site stops.
pub async fn close(db: &Database) {
    db.state::<LogRegistry>().flush().await;
    db.leave_cluster().await;
}

/// Takes over jobs and keeps the room list, for as long as the database is in use.
async fn maintain(db: Weak<Database>) {
    let mut ticks = interval(MAINTENANCE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(db) = db.upgrade() else { return };
        if let Err(error) = resume_jobs(&db).await {
            log::debug!("jobs not taken over: error={error}");
        }
        if let Err(error) = db.state::<RoomList>().maintain(&db).await {
            log::debug!("room list not maintained: error={error}");
        }
    }
}
