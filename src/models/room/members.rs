//! Members of closed rooms: who is one, and how people become and cease to be one.
//!
//! A membership and its log entry belong together. A job is stored first, so that after a crash either both exist or
//! neither. A member who leaves loses the membership before *left* is appended: nobody reads what follows that entry.

use std::collections::HashSet;
use std::sync::Arc;

use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};

use super::log::{Draft, EntryKind, RoomLog};
use super::membership::{MAX_MEMBERS, Membership};
use super::{Room, RoomKind, RoomUpdate};
use crate::error::{Error, FieldError, Result};
use crate::models::inbox::{InboxEntry, InboxKind, InboxNews};
use crate::models::values::Nonce;
use crate::models::{RoomId, User, UserId};
use crate::store::{Database, Job, Work};

/// In a room of so few members everybody may mention everybody.
const MAX_SMALL_ROOM: usize = 20;

/// People who are added at once.
const MAX_ADDED: usize = 50;

/// People who become members, or cease to be members, of one room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MembershipChange {
    room: RoomId,
    /// Identifies the entries of this change.
    change: ObjectId,
    by: UserId,
    #[serde(default)]
    joined: Vec<UserId>,
    #[serde(default)]
    left: Vec<UserId>,
    /// Whether *left* shows no line.
    #[serde(default)]
    quiet: bool,
    /// The head of the log before the change: those who left behind it have left since.
    #[serde(default)]
    since: i64,
}

impl MembershipChange {
    fn new(room: &Room, by: UserId) -> Self {
        let (joined, left) = (Vec::new(), Vec::new());
        Self { room: room.id, change: ObjectId::new(), by, joined, left, quiet: false, since: 0 }
    }

    fn nonce(&self, user: UserId) -> Result<Nonce> {
        Nonce::parse(&format!("job-{}-{user}", self.change)).map_err(|error| Error::Internal(error.to_string()))
    }

    /// Returns whether an interrupted run has appended the entry.
    async fn is_logged(&self, log: &RoomLog, nonce: &Nonce) -> Result<bool> {
        Ok(!log.find(doc! { "author": self.by, "nonce": nonce.as_str() }).await?.is_empty())
    }

    /// Returns whether a user has left since the change began.
    async fn has_left_since(&self, log: &RoomLog, user: UserId) -> Result<bool> {
        let mut seq = self.since;
        loop {
            let entries = log.read(seq).await?;
            let Some(last) = entries.last() else { return Ok(false) };
            if entries.iter().any(|entry| entry.kind == EntryKind::Left && entry.user == Some(user)) {
                return Ok(true);
            }
            seq = last.seq;
        }
    }

    /// Makes a user a member and appends *joined*, also if an interrupted run has done half of it. Whoever was removed
    /// since that run stays so.
    async fn join(&self, db: &Database, room: &Room, log: &Arc<RoomLog>, user: UserId) -> Result<()> {
        let nonce = self.nonce(user)?;
        if self.is_logged(log, &nonce).await? || self.has_left_since(log, user).await? {
            return Ok(());
        }
        let is_new = Membership::create(db, room, user, self.by, Some(self.change)).await?;
        // A removal appends *left* before it deletes the membership that was in the way.
        if is_new && self.has_left_since(log, user).await? {
            return Membership::delete_of_change(db, room.id, user, self.change).await;
        }
        if is_new || Membership::is_of_change(db, room.id, user, self.change).await? {
            log.append(Draft::joined(user, self.by, nonce)).await?;
        }
        Ok(())
    }

    async fn apply(self, db: &Arc<Database>) -> Result<()> {
        let job = Job::create(db, self.clone()).await?;
        match self.run(db).await {
            Ok(()) => job.complete(db).await,
            Err(error) => {
                job.spawn_delayed(db);
                Err(error)
            }
        }
    }
}

impl Work for MembershipChange {
    const KIND: Option<&'static str> = Some("membership");

    async fn run(&self, db: &Arc<Database>) -> Result<()> {
        let Some(room) = Room::by_id(db, self.room).await?.filter(|room| room.open) else { return Ok(()) };
        let log = room.log(db);
        for user in &self.joined {
            self.join(db, &room, &log, *user).await?;
            if *user != self.by {
                let nonce = format!("job-{}", self.change);
                let news = InboxNews { kind: InboxKind::Invited, nonce, room: self.room, seq: None, by: self.by };
                InboxEntry::append(db, *user, &news).await?;
            }
        }
        for user in &self.left {
            let nonce = self.nonce(*user)?;
            if Membership::end(db, room.id, *user, self.change).await? {
                log.append(Draft::left(*user, self.by, self.quiet, nonce)).await?;
                Membership::delete(db, room.id, *user).await?;
            }
        }
        if self.left.is_empty() { Ok(()) } else { room.settle_owner(db, self.by).await }
    }
}

impl Room {
    /// Returns the memberships of a closed or direct room, the oldest first.
    pub(crate) async fn members(&self, db: &Database) -> Result<Vec<Membership>> {
        let mut members = Membership::of_room(db, self.id).await?;
        members.sort_by_key(|member| (member.joined, member.user));
        Ok(members)
    }

    /// Returns those of some users who may see the room.
    pub(crate) async fn readers_among(&self, db: &Database, users: &[UserId]) -> Result<HashSet<UserId>> {
        if self.kind.is_open() {
            return Ok(users.iter().copied().collect());
        }
        Ok(Membership::of_users(db, self.id, users).await?.into_iter().map(|member| member.user).collect())
    }

    /// Returns whether a user may mention everybody in the room.
    pub(crate) async fn may_mention_everybody(&self, db: &Database, user: &User) -> Result<bool> {
        match self.kind {
            _ if self.can_manage(user) => Ok(true),
            RoomKind::Open => Ok(false),
            RoomKind::Closed | RoomKind::Direct => Ok(Membership::of_room(db, self.id).await?.len() <= MAX_SMALL_ROOM),
        }
    }

    /// Gives the room to its oldest member if the owner is none, and closes it without members. Members may leave, and the
    /// owner may change, at the same moment.
    pub(crate) async fn settle_owner(&self, db: &Arc<Database>, by: UserId) -> Result<()> {
        let Some(room) = Self::by_id(db, self.id).await?.filter(|room| room.open) else { return Ok(()) };
        let members = room.members(db).await?;
        match members.first() {
            None => room.close(db, by).await,
            Some(oldest) if room.kind == RoomKind::Closed && members.iter().all(|member| member.user != room.owner) => {
                let change = RoomUpdate { owner: Some(oldest.user), ..RoomUpdate::default() };
                room.update(db, change).await
            }
            Some(_) => Ok(()),
        }
    }

    /// Fails with `user: People` if a new room of a kind cannot have these people as its first members.
    pub(crate) async fn ensure_can_be_added(db: &Database, kind: RoomKind, users: &[UserId]) -> Result<()> {
        if users.is_empty() {
            return Ok(());
        }
        if users.len() > MAX_ADDED {
            return Err(Error::field("user", FieldError::TooManyPeople(MAX_ADDED)));
        }
        let known = User::find_all(db, users).await?;
        if kind != RoomKind::Closed || users.iter().any(|user| !known.contains_key(user)) {
            return Err(Error::field("user", FieldError::People));
        }
        Membership::ensure_place(db, users, "user").await
    }

    /// Adds members to a closed room. Those who are members already stay so.
    /// Fails with `Forbidden` for other kinds of rooms, `user: People` for unknown users, `user: RoomFull`.
    pub(crate) async fn add_members(&self, db: &Arc<Database>, by: &User, users: &[UserId]) -> Result<()> {
        if self.kind != RoomKind::Closed {
            return Err(Error::Forbidden);
        }
        let known = User::find_all(db, users).await?;
        if users.len() > MAX_ADDED {
            return Err(Error::field("user", FieldError::TooManyPeople(MAX_ADDED)));
        }
        if users.is_empty() || users.iter().any(|user| !known.contains_key(user)) {
            return Err(Error::field("user", FieldError::People));
        }
        let members = Membership::of_room(db, self.id).await?;
        let is_member = |user: &UserId| members.iter().any(|member| member.user == *user);
        let mut joined: Vec<UserId> = users.iter().copied().filter(|user| !is_member(user)).collect();
        joined.sort_unstable();
        joined.dedup();
        if members.len() + joined.len() > MAX_MEMBERS {
            return Err(Error::field("user", FieldError::RoomFull(MAX_MEMBERS)));
        }
        if joined.is_empty() {
            return Ok(());
        }
        Membership::ensure_place(db, &joined, "user").await?;
        // Behind *left* of everybody who is no member.
        let since = self.log(db).fetch_head().await?.seq;
        MembershipChange { joined, since, ..MembershipChange::new(self, by.id) }.apply(db).await
    }

    /// Removes a member from a closed room, or lets the user leave it. The oldest other member becomes the owner of a
    /// room whose owner leaves; the last member closes it.
    /// Fails with `Forbidden` for other kinds of rooms, `NotFound` if the user is no member.
    pub(crate) async fn remove_member(
        &self,
        db: &Arc<Database>,
        by: &User,
        user: UserId,
        is_quiet: bool,
    ) -> Result<()> {
        if self.kind != RoomKind::Closed || !(self.can_manage(by) || by.id == user) {
            return Err(Error::Forbidden);
        }
        self.end_membership(db, by.id, user, is_quiet).await
    }

    pub(super) async fn end_membership(&self, db: &Arc<Database>, by: UserId, user: UserId, quiet: bool) -> Result<()> {
        let members = self.members(db).await?;
        if members.iter().all(|member| member.user != user) {
            return Err(Error::NotFound);
        }
        let Some(heir) = members.iter().find(|member| member.user != user) else { return self.close(db, by).await };
        if self.owner == user && self.kind == RoomKind::Closed {
            self.update(db, RoomUpdate { owner: Some(heir.user), ..RoomUpdate::default() }).await?;
        }
        MembershipChange { left: vec![user], quiet, ..MembershipChange::new(self, by) }.apply(db).await
    }
}
