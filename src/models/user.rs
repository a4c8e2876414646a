//! `user`: people.

mod account;

use std::collections::HashMap;
use std::net::IpAddr;

use mongodb::bson::{DateTime, doc};
use serde::{Deserialize, Serialize};

use super::checked::{Login, Nickname, Password, PicturePath};
use super::{Database, UserId};
use crate::error::{Error, Fault, Result};
pub use account::Profile;

/// One person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// The opaque id.
    #[serde(rename = "_id")]
    pub id: UserId,
    /// What they sign in with.
    pub login: Login,
    /// The name that others see.
    pub nickname: Nickname,
    /// Where their picture is on the image server; none: one is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<PicturePath>,
    /// argon2id, as a PHC string.
    password: String,
    /// The language they chose, as a BCP 47 tag; none: their browser's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The colours they chose; none: their system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<Theme>,
    /// Whether this person may do what a room's owner may.
    #[serde(default)]
    pub admin: bool,
    /// On the first user only. Of several who find nobody there, the unique index on it lets one be first.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<bool>,
    at: DateTime,
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
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// As forms and pages spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// # Errors
    /// `Theme`.
    pub fn parse(typed: &str) -> Result<Self, Fault> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == typed).ok_or(Fault::Theme)
    }
}

impl User {
    /// Signs a person up. Whoever comes to a site with nobody on it is its admin.
    ///
    /// # Errors
    /// `userId: Taken`, or the database's.
    pub async fn sign_up(db: &Database, login: Login, password: Password, nickname: Nickname) -> Result<Self> {
        // Looked at before the expensive hash; the index decides.
        if Self::by_login(db, &login).await?.is_some() {
            return Err(Error::field("userId", Fault::Taken));
        }
        let password = db.passwords.hash(password).await?;
        let first = !Self::is_there_anybody(db).await?;
        let mut user = Self {
            id: UserId::new(),
            login,
            nickname,
            picture: None,
            password,
            locale: None,
            theme: None,
            admin: first,
            first: first.then_some(true),
            at: DateTime::now(),
        };
        if first && !db.users.insert(user.clone()).await? {
            // Either somebody was first in the same moment, or the id is taken: the second try tells.
            (user.admin, user.first) = (false, None);
        } else if first {
            return Ok(user);
        }
        if db.users.insert(user.clone()).await? { Ok(user) } else { Err(Error::field("userId", Fault::Taken)) }
    }

    /// Finds the person by what they sign in with; `None` is what nobody can have signed up with.
    ///
    /// # Errors
    /// `userId: Credentials` for an unknown id and a wrong password alike, after the same time; `TooMany`
    /// after ten of them; the database's.
    pub async fn sign_in(
        db: &Database,
        login: Option<Login>,
        password: Option<Password>,
        address: IpAddr,
    ) -> Result<Self> {
        let attempt = db.throttle.try_as(login.as_ref(), address).await?;
        let verified = async {
            let user = match &login {
                Some(login) => Self::by_login(db, login).await?,
                None => None,
            };
            let right = db.passwords.verify(password, user.as_ref().map(|user| user.password.as_str())).await?;
            Ok(user.filter(|_| right))
        };
        attempt.settle(verified.await)?.ok_or_else(|| Error::field("userId", Fault::Credentials))
    }

    /// The person of this id.
    ///
    /// # Errors
    /// `NotFound`, or the database's.
    pub async fn find(db: &Database, id: UserId) -> Result<Self> {
        db.users.known(id).await?.ok_or(Error::NotFound)
    }

    /// Whether the account is there, with the password that it had.
    pub(super) async fn is_as_it_was(&self, db: &Database) -> Result<bool> {
        let now = db.users.one(doc! { "_id": self.id }).await?;
        Ok(now.is_some_and(|now| now.password == self.password))
    }

    /// The nicknames of these people, without those who are gone.
    ///
    /// # Errors
    /// The database's.
    pub async fn nicknames(db: &Database, ids: &[UserId]) -> Result<HashMap<UserId, Nickname>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let found = db.users.all(doc! { "_id": { "$in": ids } }).await?;
        Ok(found.into_iter().map(|user| (user.id, user.nickname)).collect())
    }

    async fn by_login(db: &Database, login: &Login) -> Result<Option<Self>> {
        db.users.one(doc! { "login": login.as_str() }).await
    }

    async fn is_there_anybody(db: &Database) -> Result<bool> {
        Ok(db.users.one(doc! {}).await?.is_some())
    }
}
