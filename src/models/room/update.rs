//! Changes of a room's name, topic, kind and owner.

use mongodb::bson::{Document, doc};

use super::membership::{MAX_MEMBERS, Membership};
use super::{NameReservation, Room, RoomKind, RoomList};
use crate::error::{Error, FieldError, Result};
use crate::models::values::{RoomName, Topic};
use crate::models::{User, UserId};
use crate::store::Database;

/// `None` keeps the stored value.
#[derive(Clone, Debug, Default)]
pub struct RoomUpdate {
    pub name: Option<RoomName>,
    pub topic: Option<Topic>,
    pub kind: Option<RoomKind>,
    pub owner: Option<UserId>,
    /// When the room is closed to others and has too many visitors, the latest ones stay.
    pub keeps_latest: bool,
}

impl Room {
    /// Applies a change.
    /// Fails with `name: Taken`, `kind: TooManyVisitors`, `owner: NotMember`, `NotFound` if the room was deleted meanwhile.
    pub async fn update(&self, db: &Database, change: RoomUpdate) -> Result<()> {
        if let Some(owner) = change.owner {
            self.ensure_owner(db, owner).await?;
        }
        let mut set = Document::new();
        set.extend(change.name.as_ref().map(|name| ("name".to_owned(), name.as_str().into())));
        set.extend(change.topic.as_ref().map(|topic| ("topic".to_owned(), topic.as_str().into())));
        set.extend(change.owner.map(|owner| ("owner".to_owned(), owner.into())));
        let mut room = self.clone();
        loop {
            let kind = change.kind.unwrap_or(room.kind);
            if set.is_empty() && kind == room.kind {
                return Ok(());
            }
            if room.kind.is_open() && kind == RoomKind::Closed {
                room.keep_visitors(db, change.keeps_latest).await?;
            }
            let (old, new) = room.exchange_name(db, change.name.as_ref().unwrap_or(&room.name), kind).await?;
            // Fails if the room was updated meanwhile, so that each update releases the name it replaced.
            let as_seen = doc! { "_id": room.id, "open": true, "rev": room.rev };
            if db.collection::<Room>().update(as_seen, room.operators(set.clone(), kind)).await? {
                let list = db.state::<RoomList>();
                list.set_listed(room.id, kind.is_open());
                list.invalidate(room.id);
                if kind.is_open() && !room.kind.is_open() {
                    list.add(db, &Self { kind, name: change.name.unwrap_or(room.name), ..room });
                }
                return NameReservation::release(old, db).await;
            }
            match Self::by_id(db, room.id).await? {
                Some(now) if now.open => room = now,
                _ => {
                    NameReservation::release(new, db).await?;
                    return Err(Error::NotFound);
                }
            }
        }
    }

    fn operators(&self, mut set: Document, kind: RoomKind) -> Document {
        let mut unset = Document::new();
        match (self.kind, kind) {
            (RoomKind::Open, RoomKind::Closed) => {
                set.insert("kind", kind.as_str());
                unset.insert("active", "");
            }
            (RoomKind::Closed, RoomKind::Open) => {
                unset.insert("kind", "");
                set.insert("active", self.head_hint.at.unwrap_or(self.at));
            }
            _ => {}
        }
        let mut operators = doc! { "$inc": { "rev": 1_i64 } };
        for (operator, fields) in [("$set", set), ("$unset", unset)] {
            if !fields.is_empty() {
                operators.insert(operator, fields);
            }
        }
        operators
    }

    /// Reserves the name that the room gets. Returns the reservation to release afterwards, and the new one.
    async fn exchange_name(
        &self,
        db: &Database,
        name: &RoomName,
        kind: RoomKind,
    ) -> Result<(Option<NameReservation>, Option<NameReservation>)> {
        let (before, after) = (self.name.key(), name.key());
        let (was_reserved, is_reserved) = (self.kind.is_open(), kind.is_open());
        // A name with the same key needs no reservation.
        let is_kept = before == after && was_reserved == is_reserved;
        let old = match was_reserved && !is_kept {
            true => NameReservation::find(db, &before, self.id).await?,
            false => None,
        };
        if !is_reserved || is_kept {
            return Ok((old, None));
        }
        match NameReservation::acquire(db, after, self.id).await? {
            None => Err(Error::field("name", FieldError::Taken)),
            new => Ok((old, new)),
        }
    }

    async fn ensure_owner(&self, db: &Database, owner: UserId) -> Result<()> {
        let is_fit = match self.kind {
            RoomKind::Open => User::find_all(db, &[owner]).await?.contains_key(&owner),
            RoomKind::Closed | RoomKind::Direct => Membership::find(db, self.id, owner).await?.is_some(),
        };
        if is_fit { Ok(()) } else { Err(Error::field("owner", FieldError::NotMember)) }
    }

    /// Makes the visitors of an open room its members.
    async fn keep_visitors(&self, db: &Database, keeps_latest: bool) -> Result<()> {
        Membership::create(db, self, self.owner, self.owner, None).await?;
        let mut visitors = Membership::of_room(db, self.id).await?;
        if visitors.len() <= MAX_MEMBERS {
            return Ok(());
        }
        if !keeps_latest {
            return Err(Error::field("kind", FieldError::TooManyVisitors(visitors.len())));
        }
        visitors.sort_by_key(|visitor| (visitor.user != self.owner, std::cmp::Reverse(visitor.visited_at())));
        for batch in visitors[MAX_MEMBERS..].chunks(500) {
            Membership::delete_many(db, batch).await?;
        }
        Ok(())
    }
}
