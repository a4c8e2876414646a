//! The job that tells people that a chat mentions them.
//!
//! It is stored before the chat is appended. It reads whom the chat mentions now, so an edit tells only those who are new:
//! each inbox takes one entry a chat.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::try_join_all;
use mongodb::bson::doc;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::models::inbox::{InboxEntry, InboxKind, InboxNews};
use crate::models::room::membership::Membership;
use crate::models::values::Nonce;
use crate::models::{Mention, Room, RoomId, UserId};
use crate::store::{Database, Work};

/// Inboxes that are written at once.
const BATCH: usize = 50;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Delivery {
    room: RoomId,
    author: UserId,
    /// The nonce of a new chat, whose number is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<Nonce>,
    /// The number of a chat that is edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
}

impl Delivery {
    pub(super) fn of_new(room: RoomId, author: UserId, nonce: Nonce) -> Self {
        Self { room, author, nonce: Some(nonce), seq: None }
    }

    pub(super) fn of_edited(room: RoomId, author: UserId, seq: i64) -> Self {
        Self { room, author, nonce: None, seq: Some(seq) }
    }

    /// Returns those whom mentions tell: of the readers of the room, without the author.
    async fn people(&self, db: &Database, room: &Room, mentions: &[Mention]) -> Result<Vec<UserId>> {
        let mut people: HashSet<UserId> = mentions.iter().filter_map(|mention| mention.user).collect();
        if mentions.iter().any(|mention| mention.user.is_none()) {
            people.extend(Membership::of_room(db, room.id).await?.iter().map(|member| member.user));
        }
        people.remove(&self.author);
        let people: Vec<UserId> = people.into_iter().collect();
        Ok(room.readers_among(db, &people).await?.into_iter().collect())
    }
}

impl Work for Delivery {
    const KIND: Option<&'static str> = Some("delivery");

    async fn run(&self, db: &Arc<Database>) -> Result<()> {
        let Some(room) = Room::by_id(db, self.room).await?.filter(|room| room.open) else { return Ok(()) };
        let log = room.log(db);
        let seq = match (&self.nonce, self.seq) {
            (Some(nonce), _) => {
                let found = log.find(doc! { "author": self.author, "nonce": nonce.as_str() }).await?;
                found.first().map(|entry| entry.seq)
            }
            (None, seq) => seq,
        };
        // The chat was never appended.
        let Some(seq) = seq else { return Ok(()) };
        let chat = match log.chat(seq).await {
            Err(Error::NotFound) => return Ok(()),
            chat => chat?,
        };
        let news = InboxNews {
            kind: InboxKind::Mentioned,
            nonce: format!("{}-{seq}", self.room),
            room: self.room,
            seq: Some(seq),
            by: self.author,
        };
        for people in self.people(db, &room, &chat.mentions).await?.chunks(BATCH) {
            try_join_all(people.iter().map(|user| InboxEntry::append(db, *user, &news))).await?;
        }
        Ok(())
    }
}
