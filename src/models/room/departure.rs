//! The deletion of an account, with all its memberships.
//!
//! A job is stored first, so that after a crash the account either stays as it is or goes as a whole.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Room;
use super::membership::Membership;
use crate::error::{Error, Result};
use crate::models::{User, UserId};
use crate::store::{Database, Job, Work};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccountDeletion {
    user: UserId,
}

impl AccountDeletion {
    async fn leave_all(&self, db: &Arc<Database>) -> Result<()> {
        for membership in Membership::of_user(db, self.user).await? {
            let room = Room::by_id(db, membership.room).await?.filter(|room| room.open);
            match room {
                Some(room) if !room.kind.is_open() => {
                    match room.end_membership(db, self.user, self.user, false).await {
                        // Removed by somebody else meanwhile.
                        Err(Error::NotFound) => {}
                        left => left?,
                    }
                }
                _ => Membership::delete(db, membership.room, self.user).await?,
            }
        }
        Ok(())
    }
}

impl Work for AccountDeletion {
    const KIND: Option<&'static str> = Some("account");

    async fn run(&self, db: &Arc<Database>) -> Result<()> {
        self.leave_all(db).await?;
        User::delete_account(db, self.user).await?;
        // Somebody may have added the user meanwhile. Nobody can from now on.
        self.leave_all(db).await
    }
}

impl User {
    /// Deletes the account and ends its memberships. Its chats stay. After an error the deletion completes later.
    pub(crate) async fn delete_with_memberships(&self, db: &Arc<Database>) -> Result<()> {
        let work = AccountDeletion { user: self.id };
        let job = Job::create(db, work.clone()).await?;
        match work.run(db).await {
            Ok(()) => job.complete(db).await,
            Err(error) => {
                job.spawn_delayed(db);
                Err(error)
            }
        }
    }
}
