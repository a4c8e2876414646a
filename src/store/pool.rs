//! The site's database as `rocket_db_pools` attaches it: configured by `databases.sarangbang`, requested by guards.
//!
//! The crate's own `mongodb` feature needs version 2 of the driver, which would be a second driver with other types. Its
//! pool neither waits for a server that starts late nor acquires a lease.

use std::sync::Arc;

use rocket::figment::Figment;
use rocket_db_pools::Pool;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{Database, Lease};
use crate::config::DatabaseConfig;

/// The fairing is `SiteDatabase::init()`, the guard `Connection<SiteDatabase>`.
#[derive(rocket_db_pools::Database)]
#[database("sarangbang")]
pub struct SiteDatabase(DatabasePool);

/// Rocket drops the error of [`Pool::init`]. The operator has to read it, so the pool keeps it for [`Pool::get`].
#[derive(Clone)]
pub struct DatabasePool(Result<Arc<Connected>, ConnectError>);

/// A sentence for the operator.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub struct ConnectError(String);

struct Connected {
    db: Arc<Database>,
    lease: Option<HeldLease>,
}

struct HeldLease {
    lease: Arc<Lease>,
    lost: CancellationToken,
    renewal: AbortOnDropHandle<()>,
}

#[rocket::async_trait]
impl Pool for DatabasePool {
    type Connection = Arc<Database>;
    type Error = ConnectError;

    async fn init(figment: &Figment) -> Result<Self, ConnectError> {
        let connected = async {
            let config: DatabaseConfig = figment.extract().map_err(|error| error.to_string())?;
            let db = Arc::new(Database::open(&config).await?);
            // The engine's folder is locked, and a replica set serves several instances.
            let needs_lease = !config.is_engine && !db.is_shared();
            let lease = if needs_lease { Some(HeldLease::acquire(&db).await?) } else { None };
            Ok(Arc::new(Connected { db, lease }))
        };
        Ok(Self(connected.await.map_err(ConnectError)))
    }

    async fn get(&self) -> Result<Arc<Database>, ConnectError> {
        self.0.as_ref().map(|connected| Arc::clone(&connected.db)).map_err(Clone::clone)
    }

    /// Does nothing: Rocket calls this before requests in flight have ended, and these still write. See
    /// [`DatabasePool::release_lease`].
    async fn close(&self) {}
}

impl DatabasePool {
    /// Returns once another instance has taken the lease over. Without a lease it never returns.
    pub(crate) async fn lease_lost(&self) {
        match self.held_lease() {
            Some(held) => held.lost.cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// Releases the lease, if there is one, after the last write.
    pub(crate) async fn release_lease(&self) {
        if let Some(held) = self.held_lease() {
            // A renewal after the release would look like a loss.
            held.renewal.abort();
            held.lease.release().await;
        }
    }

    fn held_lease(&self) -> Option<&HeldLease> {
        self.0.as_ref().ok()?.lease.as_ref()
    }
}

impl HeldLease {
    async fn acquire(db: &Arc<Database>) -> Result<Self, String> {
        let Some(lease) = Lease::acquire(db).await?.map(Arc::new) else {
            return Err(
                "Cannot use this database: another site uses it, and a standalone server serves one site. Stop \
                        the other site, or make the server a replica set, for example of one member."
                    .into(),
            );
        };
        let lost = CancellationToken::new();
        let renewal = {
            let (lease, lost) = (Arc::clone(&lease), lost.clone());
            tokio::spawn(async move {
                lease.renew().await;
                lost.cancel();
            })
        };
        Ok(Self { lease, lost, renewal: AbortOnDropHandle::new(renewal) })
    }
}
