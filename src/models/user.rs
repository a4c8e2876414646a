//! Collection `user`.

mod account;
mod directory;
mod hasher;
mod name_match;
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
use crate::store::{Database, StoredDocument, index, partial_index, partial_unique_index, unique_index};
use crate::ticket::Secret;
pub use account::Profile;
pub(crate) use directory::{Directory, FoundPeople};
use hasher::{Lane, PasswordHasher};
pub(crate) use name_match::{NamePattern, Rank};
use throttle::Throttle;

/// How long after a sign-up a repeated form signs in.
const RETRY_WINDOW: Duration = Duration::from_secs(10 * 60);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    #[serde(rename = "_id")]
    pub id: UserId,
    pub(crate) login: Login,
    pub nickname: Nickname,
    /// [`Nickname::key`] of the nickname. A migration fills it in where it is missing.
    #[serde(rename = "nicknameKey", default)]
    pub(crate) nickname_key: String,
    /// The picture on the image server. `None`: an avatar is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) picture: Option<PicturePath>,
    password: String,
    /// Counts revocations of all sessions. Sessions of an older epoch have ended.
    #[serde(default)]
    pub(crate) epoch: i64,
    /// The session that requested the last revocation. It stays valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exempt: Option<SessionId>,
    /// A BCP 47 tag. `None`: the browser's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// `None`: the system's colours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<Theme>,
    #[serde(default)]
    pub(crate) admin: bool,
    /// The last entry of the inbox that the user has read.
    #[serde(default, rename = "inboxRead")]
    pub(crate) inbox_read: i64,
    /// What the files of the user's chats occupy. `file.rs` counts them.
    #[serde(default)]
    pub(crate) bytes: i64,
    /// Whether the sweep is to count them again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) recount: bool,
    /// Its unique index decides between concurrent sign-ups on an empty site.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<bool>,
    /// The nonce of the sign-up form, to recognize a repeated form.
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
            partial_index(doc! { "nicknameKey": 1 }, "nicknameKey"),
            partial_index(doc! { "recount": 1 }, "recount"),
        ]
    }
}

pub struct SignInOrigin<'a> {
    pub(crate) address: IpAddr,
    /// The browser, if it signed in before, and the secret of its signatures.
    pub(crate) device: Option<(Device, &'a Secret)>,
}

impl From<IpAddr> for SignInOrigin<'_> {
    fn from(address: IpAddr) -> Self {
        Self { address, device: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub(crate) const ALL: [Self; 2] = [Self::Light, Self::Dark];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == typed).ok_or(FieldError::Theme)
    }
}

impl User {
    /// Creates an account. The first user becomes admin.
    /// Fails with `userId: Taken`.
    pub async fn sign_up(db: &Database, login: Login, password: Password, nickname: Nickname) -> Result<Self> {
        Self::sign_up_once(db, login, password, nickname, None).await
    }

    /// Creates an account from a form with a nonce. See [`User::signed_up_before`].
    pub(crate) async fn sign_up_once(
        db: &Database,
        login: Login,
        password: Password,
        nickname: Nickname,
        nonce: Option<Nonce>,
    ) -> Result<Self> {
        // Checked before the expensive hash. The unique index decides.
        if Self::by_login(db, &login).await?.is_some() {
            return Err(Error::field("userId", FieldError::Taken));
        }
        let password = db.state::<PasswordHasher>().hash(Lane::SignUp, password).await?;
        let first = !Self::any_exists(db).await?;
        let mut user = Self {
            id: UserId::new(),
            login,
            nickname_key: nickname.key(),
            nickname,
            picture: None,
            password,
            epoch: 0,
            exempt: None,
            locale: None,
            theme: None,
            admin: first,
            inbox_read: 0,
            bytes: 0,
            recount: false,
            first: first.then_some(true),
            nonce,
            at: DateTime::now(),
        };
        let _listed = db.state::<Directory>().change(user.id);
        if first && !db.collection::<User>().insert(user.clone()).await? {
            // Another user was first at the same moment, or the id is taken. The second insert tells.
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

    /// Returns the user whom this very form created in the last minutes: its first answer was lost. Counts as a
    /// sign-in attempt.
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

    /// Verifies the credentials. `None` is a value that no account can have.
    /// Fails with `userId: Credentials` for an unknown id and a wrong password alike, after the same time. `RateLimited` by
    /// `throttle.rs`.
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

    /// Fails with `NotFound`.
    pub async fn find(db: &Database, id: UserId) -> Result<Self> {
        db.collection::<User>().find_by_id_cached(id).await?.ok_or(Error::NotFound)
    }

    pub(crate) async fn find_all(db: &Database, ids: &[UserId]) -> Result<HashMap<UserId, Self>> {
        let found = db.collection::<User>().find_many(doc! { "_id": { "$in": ids } }).await?;
        Ok(found.into_iter().map(|user| (user.id, user)).collect())
    }

    /// Returns the nicknames of those users that exist.
    pub(crate) async fn nicknames(db: &Database, ids: &[UserId]) -> Result<HashMap<UserId, Nickname>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        Ok(Self::find_all(db, ids).await?.into_iter().map(|(id, user)| (id, user.nickname)).collect())
    }

    pub(crate) fn joined_at(&self) -> DateTime {
        self.at
    }

    async fn by_login(db: &Database, login: &Login) -> Result<Option<Self>> {
        db.collection::<User>().find_one(doc! { "login": login.as_str() }).await
    }

    async fn any_exists(db: &Database) -> Result<bool> {
        // An exact key: for any other query the bundled engine reads all users.
        if db.collection::<User>().find_one(doc! { "first": true }).await?.is_some() {
            return Ok(true);
        }
        // The first user may have deleted the account.
        Ok(db.collection::<User>().find_one(doc! {}).await?.is_some())
    }
}
