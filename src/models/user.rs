//! `user`: people.

mod account;
mod hasher;
mod throttle;

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use mongodb::IndexModel;
use mongodb::bson::{DateTime, doc};
use serde::{Deserialize, Serialize};

use super::values::{Login, Nickname, Nonce, Password, PicturePath};
use super::{Device, SessionId, UserId};
use crate::error::{Error, FieldError, Result};
use crate::store::{Database, StoredDocument, index, partial_unique_index, unique_index};
use crate::ticket::Secret;
pub use account::Profile;
use hasher::{Lane, PasswordHasher};
use throttle::Throttle;

/// How long after a sign-up the same form, sent again, signs in.
const RETRY_WINDOW: Duration = Duration::from_secs(10 * 60);

/// One person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// The opaque id.
    #[serde(rename = "_id")]
    pub id: UserId,
    /// What they sign in with.
    pub(crate) login: Login,
    /// The name that others see.
    pub nickname: Nickname,
    /// Where their picture is on the image server; none: one is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) picture: Option<PicturePath>,
    /// argon2id, as a PHC string.
    password: String,
    /// Counts the times that all sessions were revoked. A session that was opened under a smaller number has ended.
    #[serde(default)]
    pub(crate) epoch: i64,
    /// The session that asked for the last revocation, and outlives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exempt: Option<SessionId>,
    /// The language they chose, as a BCP 47 tag; none: their browser's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The colours they chose; none: their system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<Theme>,
    /// Whether this person may do what a room's owner may.
    #[serde(default)]
    pub(crate) admin: bool,
    /// On the first user only. Of several who find nobody there, the unique index on it lets one be first.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<bool>,
    /// What the form that created the account carried, so that the same form is known again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<Nonce>,
    at: DateTime,
}

impl StoredDocument for User {
    const COLLECTION: &'static str = "user";

    fn indexes() -> Vec<IndexModel> {
        vec![
            unique_index(doc! { "login": 1 }),
            partial_unique_index(doc! { "first": 1 }, "first"),
            index(doc! { "picture": 1 }),
        ]
    }
}

/// Where a sign-in comes from.
pub(crate) struct SignInOrigin<'a> {
    /// The address.
    pub(crate) address: IpAddr,
    /// The browser, if anybody signed in with it before, and the secret that marked it.
    pub(crate) device: Option<(Device, &'a Secret)>,
}

impl From<IpAddr> for SignInOrigin<'_> {
    fn from(address: IpAddr) -> Self {
        Self { address, device: None }
    }
}

/// The colours of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Ink on paper.
    Light,
    /// Paper on ink.
    Dark,
}

impl Theme {
    /// Each of them.
    pub(crate) const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// As forms and pages spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// # Errors
    /// `Theme`.
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == typed).ok_or(FieldError::Theme)
    }
}

impl User {
    /// Signs a person up. Whoever comes to a site with nobody on it is its admin.
    ///
    /// # Errors
    /// `userId: Taken`, or the database's.
    pub async fn sign_up(db: &Database, login: Login, password: Password, nickname: Nickname) -> Result<Self> {
        Self::sign_up_once(db, login, password, nickname, None).await
    }

    /// The same, with the nonce of the form: see [`User::signed_up_before`].
    ///
    /// # Errors
    /// As [`User::sign_up`].
    pub(crate) async fn sign_up_once(
        db: &Database,
        login: Login,
        password: Password,
        nickname: Nickname,
        nonce: Option<Nonce>,
    ) -> Result<Self> {
        // Looked at before the expensive hash; the index decides.
        if Self::by_login(db, &login).await?.is_some() {
            return Err(Error::field("userId", FieldError::Taken));
        }
        let password = db.state::<PasswordHasher>().hash(Lane::SignUp, password).await?;
        let first = !Self::any_exists(db).await?;
        let mut user = Self {
            id: UserId::new(),
            login,
            nickname,
            picture: None,
            password,
            epoch: 0,
            exempt: None,
            locale: None,
            theme: None,
            admin: first,
            first: first.then_some(true),
            nonce,
            at: DateTime::now(),
        };
        if first && !db.collection::<User>().insert(user.clone()).await? {
            // Either somebody was first in the same moment, or the id is taken: the second try tells.
            (user.admin, user.first) = (false, None);
        } else if first {
            return Ok(user);
        }
        if db.collection::<User>().insert(user.clone()).await? {
            Ok(user)
        } else {
            Err(Error::field("userId", FieldError::Taken))
        }
    }

    /// Returns the person who signed up with this id, password and nonce in the last minutes: the same form was sent
    /// again, because its first answer was lost. Counts as an attempt to sign in.
    ///
    /// # Errors
    /// `TooMany` after ten wrong passwords; the database's.
    pub(crate) async fn signed_up_before(
        db: &Database,
        login: Login,
        password: Password,
        nonce: &Nonce,
        address: IpAddr,
    ) -> Result<Option<Self>> {
        let is_same = |user: Self| {
            let age = DateTime::now().saturating_duration_since(user.at);
            user.nonce.as_ref() == Some(nonce) && age < RETRY_WINDOW
        };
        if !Self::by_login(db, &login).await?.is_some_and(is_same) {
            return Ok(None);
        }
        match Self::sign_in(db, Some(login), Some(password), address).await {
            Err(Error::Invalid(_)) => Ok(None),
            signed_in => signed_in.map(Some),
        }
    }

    /// Finds the person by what they sign in with; `None` is what nobody can have signed up with.
    ///
    /// # Errors
    /// `userId: Credentials` for an unknown id and a wrong password alike, after the same time; `TooMany`
    /// after too many of them (`models/throttle.rs`); the database's.
    pub async fn sign_in(
        db: &Database,
        login: Option<Login>,
        password: Option<Password>,
        client: impl Into<SignInOrigin<'_>>,
    ) -> Result<Self> {
        let SignInOrigin { address, device } = client.into();
        let user = match &login {
            Some(login) => Self::by_login(db, login).await?,
            None => None,
        };
        let known =
            user.as_ref().zip(device.as_ref()).filter(|(user, (device, secret))| device.has_signed_in(secret, user.id));
        let (attempt, lane) = match known {
            Some((user, (device, _))) => {
                (db.state::<Throttle>().begin_by_device(user.id, device.id()).await?, Lane::Known)
            }
            None => (db.state::<Throttle>().begin_by_network(login.as_ref(), address).await?, Lane::Unknown),
        };
        let kept = user.as_ref().map(|user| user.password.as_str());
        let right = db.state::<PasswordHasher>().verify(lane, password, kept).await;
        let verified = attempt.finish(right.map(|right| user.filter(|_| right)))?;
        verified.ok_or_else(|| Error::field("userId", FieldError::Credentials))
    }

    /// The person of this id.
    ///
    /// # Errors
    /// `NotFound`, or the database's.
    pub async fn find(db: &Database, id: UserId) -> Result<Self> {
        db.collection::<User>().find_by_id_cached(id).await?.ok_or(Error::NotFound)
    }

    /// Returns those of some users that exist, read from the database.
    pub(crate) async fn find_all(db: &Database, ids: &[UserId]) -> Result<HashMap<UserId, Self>> {
        let found = db.collection::<User>().find_many(doc! { "_id": { "$in": ids } }).await?;
        Ok(found.into_iter().map(|user| (user.id, user)).collect())
    }

    /// The nicknames of these people, without those who are gone.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn nicknames(db: &Database, ids: &[UserId]) -> Result<HashMap<UserId, Nickname>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        Ok(Self::find_all(db, ids).await?.into_iter().map(|(id, user)| (id, user.nickname)).collect())
    }

    async fn by_login(db: &Database, login: &Login) -> Result<Option<Self>> {
        db.collection::<User>().find_one(doc! { "login": login.as_str() }).await
    }

    async fn any_exists(db: &Database) -> Result<bool> {
        // An exact key. The bundled engine reads everybody to find anybody.
        if db.collection::<User>().find_one(doc! { "first": true }).await?.is_some() {
            return Ok(true);
        }
        // The first user may have left.
        Ok(db.collection::<User>().find_one(doc! {}).await?.is_some())
    }
}
