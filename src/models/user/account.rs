//! What people do with their own account.

use std::net::IpAddr;

use mongodb::bson::{Document, doc};

use super::User;
use crate::error::{Error, Fault, Result};
use crate::models::checked::{Nickname, Password};
use crate::models::database::within;
use crate::models::session::SessionId;
use crate::models::{Database, Session};

impl User {
    /// Takes another nickname, and another language; `None` is the browser's.
    ///
    /// # Errors
    /// The database's.
    pub async fn change(&self, db: &Database, nickname: Nickname, locale: Option<&str>) -> Result<()> {
        let mut change = doc! { "$set": { "nickname": nickname.as_str() } };
        match locale {
            Some(locale) => drop(change.get_document_mut("$set").map(|set| set.insert("locale", locale))),
            None => drop(change.insert("$unset", doc! { "locale": "" })),
        }
        self.update(db, change).await
    }

    /// Takes another password, and ends every session but `this`. Answers those that were ended.
    ///
    /// # Errors
    /// `oldPassword: WrongPassword`, `TooMany` after ten of them, or the database's.
    pub async fn change_password(
        &self,
        db: &Database,
        (old, new): (Password, Password),
        this: &Session,
        address: IpAddr,
    ) -> Result<Vec<SessionId>> {
        self.prove(db, "oldPassword", old, address).await?;
        let password = db.passwords.hash(new).await?;
        self.update(db, doc! { "$set": { "password": password } }).await?;
        Session::end_all(db, self.id, Some(this)).await
    }

    /// Leaves for good: what was said stays, by nobody. Answers the sessions that were ended.
    ///
    /// # Errors
    /// `userPassword: WrongPassword`, `TooMany` after ten of them, or the database's.
    pub async fn leave(&self, db: &Database, password: Password, address: IpAddr) -> Result<Vec<SessionId>> {
        self.prove(db, "userPassword", password, address).await?;
        let this = doc! { "_id": self.id };
        match self.first {
            None => drop(within(async { db.users.delete_one(this).await }).await?),
            Some(_) => {
                let nobody =
                    doc! { "gone": true, "login": format!("\u{0}{}", self.id), "nickname": "", "password": "" };
                self.update(db, doc! { "$set": nobody }).await?;
            }
        }
        Session::end_all(db, self.id, None).await
    }

    /// Has them say their password once more.
    async fn prove(&self, db: &Database, field: &'static str, password: Password, address: IpAddr) -> Result<()> {
        let attempt = db.throttle.try_as(&self.login, address)?;
        let right = db.passwords.verify(password, Some(&self.password)).await;
        let proof = attempt.settle(right.map(|right| right.then_some(())))?;
        proof.ok_or_else(|| Error::field(field, Fault::WrongPassword))
    }

    async fn update(&self, db: &Database, change: Document) -> Result<()> {
        within(async { db.users.update_one(doc! { "_id": self.id }, change).await }).await.map(drop)
    }
}
