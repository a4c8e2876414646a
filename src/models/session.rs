//! Collection `session`.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use jiff::tz::TimeZone;
use mongodb::IndexModel;
use mongodb::bson::{DateTime, doc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unicode_segmentation::UnicodeSegmentation;

use super::{Device, SessionId, User, UserId};
use crate::error::{Error, FieldError, Result};
use crate::store::{Database, StoredDocument, expiring_index, index};

pub(crate) const TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How old `last_used` may be before it is written again.
const TOUCH_INTERVAL: Duration = Duration::from_secs(60 * 60);
const MAX_USER_AGENT: usize = 200;
const MAX_ZONE: usize = 64;

/// The value of the session cookie: 32 random bytes in base64url, then the [`Device`]. Stored nowhere.
pub struct SessionToken(String);

const TOKEN_LENGTH: usize = 43;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    #[serde(rename = "_id")]
    pub id: SessionId,
    pub(crate) user: UserId,
    #[serde(rename = "browser")]
    pub(crate) user_agent: String,
    pub(crate) address: String,
    /// The browser's time zone, as the time zone database names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) zone: Option<String>,
    /// The user's epoch at sign-in.
    #[serde(default)]
    pub(crate) epoch: i64,
    at: DateTime,
    #[serde(rename = "seen")]
    pub(crate) last_used: DateTime,
    expires: DateTime,
}

/// What a client tells about itself at sign-in.
pub struct ClientInfo<'a> {
    pub(crate) user_agent: &'a str,
    pub(crate) address: IpAddr,
    /// The name of a time zone. Unknown names are ignored.
    pub(crate) zone: &'a str,
}

impl StoredDocument for Session {
    const COLLECTION: &'static str = "session";

    fn indexes() -> Vec<IndexModel> {
        vec![expiring_index("expires", Duration::ZERO), index(doc! { "user": 1 })]
    }
}

impl SessionToken {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_well_formed(cookie: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        cookie.len() >= TOKEN_LENGTH && cookie.bytes().all(is_plain)
    }

    pub(crate) fn with_device(self, device: &Device) -> Self {
        Self(format!("{}{device}", self.0))
    }

    /// Returns the part of a cookie's value that encodes the device.
    pub(crate) fn device(cookie: &str) -> &str {
        cookie.get(TOKEN_LENGTH..).unwrap_or_default()
    }

    fn id(cookie: &str) -> SessionId {
        SessionId(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(cookie.get(..TOKEN_LENGTH).unwrap_or(cookie))))
    }
}

impl Session {
    /// Starts a session.
    /// Fails with `userId: Credentials` if the password was changed or the account deleted meanwhile.
    pub async fn open(db: &Database, user: &User, client: ClientInfo<'_>) -> Result<SessionToken> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| Error::Internal(error.to_string()))?;
        let token = SessionToken(BASE64_URL_SAFE_NO_PAD.encode(random));
        let now = DateTime::now();
        let session = Self {
            id: SessionToken::id(&token.0),
            user: user.id,
            user_agent: cut(client.user_agent, MAX_USER_AGENT),
            address: client.address.to_string(),
            zone: zone_name(client.zone),
            // Read together with the verified password, so a change of it ends this session too.
            epoch: user.epoch,
            at: now,
            last_used: now,
            expires: after(now, TTL),
        };
        db.collection::<Session>().insert(session.clone()).await?;
        let now = db.collection::<User>().find_one(doc! { "_id": user.id }).await?;
        if now.is_some_and(|now| now.accepts_session(session.epoch, &session.id)) {
            return Ok(token);
        }
        session.end(db).await?;
        Err(Error::field("userId", FieldError::Credentials))
    }

    /// Returns the session of a cookie and its user, and prolongs the session.
    /// Fails with `SignedOut`.
    pub(crate) async fn resume(db: &Database, token: &str) -> Result<(Self, User)> {
        let (id, now) = (SessionToken::id(token), DateTime::now());
        let session = db
            .collection::<Session>()
            .find_by_id_cached(id.0)
            .await?
            .filter(|session| session.expires > now)
            .ok_or(Error::SignedOut)?;
        let user = User::find(db, session.user).await.map_err(|error| match error {
            Error::NotFound => Error::SignedOut,
            error => error,
        })?;
        if !user.accepts_session(session.epoch, &session.id) {
            return Err(Error::SignedOut);
        }
        if after(session.last_used, TOUCH_INTERVAL) < now {
            let used = doc! { "$set": { "seen": now, "expires": after(now, TTL) } };
            // The time is informational, so a failed write is no error.
            if let Err(error) = db.collection::<Session>().update(doc! { "_id": &session.id.0 }, used).await {
                log::debug!("a session's last use was not written: {error}");
            }
        }
        Ok((session, user))
    }

    /// Returns a user's valid sessions, the most recently used first.
    pub(crate) async fn of_user(db: &Database, user: &User) -> Result<Vec<Self>> {
        let now = DateTime::now();
        let mut all = db.collection::<Session>().find_many(doc! { "user": user.id }).await?;
        all.retain(|session| session.expires > now && user.accepts_session(session.epoch, &session.id));
        all.sort_by_key(|session| Reverse(session.last_used));
        Ok(all)
    }

    /// Deletes the sessions that a revocation or the deletion of the account has ended. Returns their ids.
    pub(crate) async fn delete_revoked(db: &Database, user: UserId) -> Result<Vec<SessionId>> {
        let owner = db.collection::<User>().find_one(doc! { "_id": user }).await?;
        let mut all = db.collection::<Session>().find_many(doc! { "user": user }).await?;
        all.retain(|session| owner.as_ref().is_none_or(|owner| !owner.accepts_session(session.epoch, &session.id)));
        Self::end_all(db, &all).await?;
        Ok(all.into_iter().map(|session| session.id).collect())
    }

    /// Ends as many of the sessions as possible.
    pub(crate) async fn end_all(db: &Database, sessions: &[Self]) -> Result<()> {
        let ended = join_all(sessions.iter().map(|session| session.end(db))).await;
        ended.into_iter().collect()
    }

    /// Returns the ids among `ids` whose sessions have ended.
    pub(crate) async fn find_ended(db: &Database, ids: &[SessionId]) -> Result<Vec<SessionId>> {
        let keys: Vec<&str> = ids.iter().map(|id| id.0.as_str()).collect();
        let open: Vec<Self> = db.collection::<Session>().find_many(doc! { "_id": { "$in": keys } }).await?;
        let owners: HashSet<UserId> = open.iter().map(|session| session.user).collect();
        let users = User::find_all(db, &owners.into_iter().collect::<Vec<_>>()).await?;
        let is_valid = |session: &&Self| {
            users.get(&session.user).is_some_and(|user| user.accepts_session(session.epoch, &session.id))
        };
        let open: HashSet<&SessionId> = open.iter().filter(is_valid).map(|session| &session.id).collect();
        Ok(ids.iter().filter(|id| !open.contains(id)).cloned().collect())
    }

    /// Returns whether a session of the user has not ended.
    pub(crate) async fn goes_on(db: &Database, user: &User, id: &str) -> Result<bool> {
        let (session, now) = (db.collection::<Session>().find_by_id_cached(id).await?, DateTime::now());
        let is_valid = |session: Session| {
            session.user == user.id && session.expires > now && user.accepts_session(session.epoch, &session.id)
        };
        Ok(session.is_some_and(is_valid))
    }

    pub(crate) async fn is_open(&self, db: &Database) -> Result<bool> {
        let stored = db.collection::<Session>().find_by_id_cached(self.id.0.as_str()).await?;
        let user = db.collection::<User>().find_by_id_cached(self.user).await?;
        Ok(stored.is_some() && user.is_some_and(|user| user.accepts_session(self.epoch, &self.id)))
    }

    pub(crate) async fn end(&self, db: &Database) -> Result<()> {
        db.collection::<Session>().delete(doc! { "_id": &self.id.0 }).await
    }
}

/// Returns a time zone's name as the database spells it.
fn zone_name(typed: &str) -> Option<String> {
    let zone = (typed.len() <= MAX_ZONE).then(|| TimeZone::get(typed).ok()).flatten()?;
    zone.iana_name().map(str::to_owned)
}

/// Returns the first graphemes of a text, at most `most` characters.
fn cut(text: &str, most: usize) -> String {
    let mut count = 0;
    let fits = text.graphemes(true).take_while(|grapheme| {
        count += grapheme.chars().count();
        count <= most
    });
    fits.collect()
}

fn after(at: DateTime, span: Duration) -> DateTime {
    DateTime::from_millis(at.timestamp_millis().saturating_add_unsigned(span.as_millis() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_name_is_cut_between_graphemes() {
        let family = "👩‍👩‍👧‍👦";
        let name = format!("{}{family}", "x".repeat(MAX_USER_AGENT - 3));
        assert_eq!(cut(&name, MAX_USER_AGENT), "x".repeat(MAX_USER_AGENT - 3));
        assert_eq!(cut(&name, MAX_USER_AGENT + 4), name);
        assert_eq!(cut("", MAX_USER_AGENT), "");
    }

    #[test]
    fn a_zone_is_one_of_the_database() {
        assert_eq!(zone_name("Asia/Seoul").as_deref(), Some("Asia/Seoul"));
        assert_eq!(zone_name("america/new_york").as_deref(), Some("America/New_York"));
        let long = "A".repeat(MAX_ZONE + 1);
        for unknown in ["", "Seoul", "Asia/", "../Asia/Seoul", "/etc/localtime", "<b>", "가", "Asia/Seoul\0", &long] {
            assert_eq!(zone_name(unknown), None, "{unknown}");
        }
    }
}
