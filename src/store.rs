//! How the site talks to MongoDB. Knows no model: models declare their collections with [`StoredDocument`].

pub(crate) mod cluster;
mod collection;
mod database;
mod exponential_search;
mod index;
pub(crate) mod job;
mod lease;
mod members;
mod migration;
mod pool;
mod restore_marker;
mod site_id;
mod timeout;

pub(crate) use collection::{HARD_TIMEOUT, StoredDocument};
pub use database::Database;
pub(crate) use database::{ModelState, database_error};
pub(crate) use exponential_search::exponential_search;
pub(crate) use index::{expiring_index, index, partial_index, partial_unique_index, unique_index};
pub(crate) use job::{Job, Work};
pub use lease::Lease;
pub(crate) use members::InstanceId;
pub(crate) use migration::migrate;
pub use pool::{DatabasePool, SiteDatabase};
pub(crate) use restore_marker::RestoreMarker;
pub(crate) use timeout::{QUERY_TIMEOUT, with_shared_budget, with_timeout};
