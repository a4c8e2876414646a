use mongodb::bson::{Document, doc};

use super::hasher::{Lane, PasswordHasher};
use super::throttle::Throttle;
use super::{Directory, Theme, User};
use crate::error::{Error, FieldError, Result};
use crate::models::values::{Nickname, Password, PicturePath};
use crate::models::{SessionId, UserId};
use crate::store::Database;

/// `None` keeps the stored value.
#[derive(Debug, Default)]
pub struct Profile {
    pub nickname: Option<Nickname>,
    /// A BCP 47 tag. `Some(None)`: the browser's language.
    pub locale: Option<Option<&'static str>>,
    /// `Some(None)`: the system's colours.
    pub theme: Option<Option<Theme>>,
}

enum Proof {
    OldPassword,
    /// The session has made the same change before.
    Repeated,
}

impl User {
    /// Updates the given fields. Returns whether the nickname has changed.
    pub async fn update_profile(&self, db: &Database, profile: &Profile) -> Result<bool> {
        let (mut set, mut unset) = (Document::new(), Document::new());
        if let Some(nickname) = &profile.nickname {
            set.insert("nickname", nickname.as_str());
            set.insert("nicknameKey", nickname.key());
        }
        let theme = profile.theme.map(|theme| theme.map(Theme::as_str));
        for (key, field) in [("locale", profile.locale), ("theme", theme)] {
            match field {
                Some(Some(value)) => drop(set.insert(key, value)),
                Some(None) => drop(unset.insert(key, "")),
                None => {}
            }
        }
        let parts = [("$set", set), ("$unset", unset)].into_iter().filter(|(_, fields)| !fields.is_empty());
        let change: Document = parts.map(|(operator, fields)| (operator.to_owned(), fields.into())).collect();
        if change.is_empty() {
            return Ok(false);
        }
        let _listed = profile.nickname.as_ref().map(|_| db.state::<Directory>().change(self.id));
        let before = db.collection::<User>().find_one_and_update(doc! { "_id": self.id }, change).await?;
        Ok(before.is_some_and(|before| profile.nickname.as_ref().is_some_and(|now| *now != before.nickname)))
    }

    /// Changes the password and revokes all sessions but `session`, in one write. A retry with the same password
    /// succeeds.
    /// Fails with `oldPassword: WrongPassword`, `RateLimited` after ten of them in this session.
    pub(crate) async fn change_password(
        &self,
        db: &Database,
        (old, new): (Password, Password),
        session: &SessionId,
    ) -> Result<()> {
        // The caller's copy may be older than a change whose answer was lost.
        let now = db.collection::<User>().find_one(doc! { "_id": self.id }).await?.ok_or(Error::NotFound)?;
        let attempt = db.state::<Throttle>().begin_by_session(session).await?;
        let proof = attempt.finish(now.prove_change(db, old, &new, session).await)?;
        match proof.ok_or_else(|| Error::field("oldPassword", FieldError::WrongPassword))? {
            Proof::Repeated => return db.ensure_durable().await,
            Proof::OldPassword => {}
        }
        let password = db.state::<PasswordHasher>().hash(Lane::Known, new).await?;
        // Of two concurrent changes the second one's old password is wrong by now.
        let proved = doc! { "_id": self.id, "password": &now.password };
        let set = doc! { "password": password, "exempt": session.to_string() };
        match db.collection::<User>().update(proved, doc! { "$set": set, "$inc": { "epoch": 1_i64 } }).await? {
            true => Ok(()),
            false => Err(Error::field("oldPassword", FieldError::WrongPassword)),
        }
    }

    async fn prove_change(
        &self,
        db: &Database,
        old: Password,
        new: &Password,
        session: &SessionId,
    ) -> Result<Option<Proof>> {
        let verify = async |password| {
            db.state::<PasswordHasher>().verify(Lane::Known, Some(password), Some(&self.password)).await
        };
        if self.exempt.as_ref() == Some(session) && verify(new.clone()).await? {
            return Ok(Some(Proof::Repeated));
        }
        Ok(verify(old).await?.then_some(Proof::OldPassword))
    }

    /// Revokes all sessions but `session`, in one write. Idempotent.
    pub(crate) async fn revoke_other_sessions(&self, db: &Database, session: &SessionId) -> Result<()> {
        let change = doc! { "$set": { "exempt": session.to_string() }, "$inc": { "epoch": 1_i64 } };
        db.collection::<User>().update(doc! { "_id": self.id }, change).await.map(drop)
    }

    pub(crate) fn accepts_session(&self, epoch: i64, session: &SessionId) -> bool {
        epoch >= self.epoch || self.exempt.as_ref() == Some(session)
    }

    /// Sets the picture. Returns the previous one if no user has it any more.
    /// Fails with `NotFound` if the account was deleted.
    pub(crate) async fn change_picture(
        db: &Database,
        id: UserId,
        to: Option<&PicturePath>,
    ) -> Result<Option<PicturePath>> {
        let change = match to {
            Some(path) => doc! { "$set": { "picture": path.as_str() } },
            None => doc! { "$unset": { "picture": "" } },
        };
        let before = db.collection::<User>().find_one_and_update(doc! { "_id": id }, change).await?;
        match before.ok_or(Error::NotFound)?.picture {
            Some(before) if !Self::is_picture_used(db, &before).await? => Ok(Some(before)),
            _ => Ok(None),
        }
    }

    pub(crate) async fn is_picture_used(db: &Database, picture: &PicturePath) -> Result<bool> {
        let theirs = doc! { "picture": picture.as_str() };
        Ok(db.collection::<User>().find_one(theirs).await?.is_some())
    }

    /// Verifies the password before the account is deleted.
    /// Fails with `userPassword: WrongPassword`, `RateLimited` after ten of them in this session.
    pub(crate) async fn reauthenticate(&self, db: &Database, password: Password, session: &SessionId) -> Result<()> {
        self.verify_in_session(db, "userPassword", password, session).await
    }

    /// Deletes the account. Its chats stay.
    pub(crate) async fn delete_account(db: &Database, id: UserId) -> Result<()> {
        let _listed = db.state::<Directory>().change(id);
        db.collection::<User>().delete(doc! { "_id": id }).await
    }

    /// Verifies a password again. Failures count by session, independent of the sign-in form.
    async fn verify_in_session(
        &self,
        db: &Database,
        field: &'static str,
        password: Password,
        session: &SessionId,
    ) -> Result<()> {
        let attempt = db.state::<Throttle>().begin_by_session(session).await?;
        let right = db.state::<PasswordHasher>().verify(Lane::Known, Some(password), Some(&self.password)).await;
        let proof = attempt.finish(right.map(|right| right.then_some(())))?;
        proof.ok_or_else(|| Error::field(field, FieldError::WrongPassword))
    }
}
