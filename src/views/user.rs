//! People, as pages show them.

use serde::Serialize;

use super::error::Messages;
use crate::models;

/// Who reads the page.
#[derive(Clone, Serialize)]
pub struct Me {
    id: String,
    nickname: String,
}

impl From<&models::User> for Me {
    fn from(user: &models::User) -> Self {
        Self { id: user.id.to_string(), nickname: user.nickname.as_str().to_owned() }
    }
}

/// The page with the sign-up and the sign-in form.
#[derive(Default, Serialize)]
pub struct Door {
    /// Where to go afterwards.
    pub next: String,
    /// What was typed into the sign-up form.
    pub sign_up: Typed,
    /// What was typed into the sign-in form.
    pub sign_in: Typed,
}

/// What was typed into a form of the door, never the password, and what is wrong with it.
#[allow(non_snake_case, reason = "the names of the form's fields")]
#[derive(Default, Serialize)]
pub struct Typed {
    /// As typed.
    pub userId: String,
    /// As typed.
    pub userNickname: String,
    /// By field.
    pub faults: Messages,
}

/// A person's card.
#[derive(Serialize)]
pub struct Card {
    /// Who reads it.
    pub me: Me,
    /// Whose it is.
    pub user: Me,
}

/// A person in JSON.
#[derive(Serialize)]
pub struct UserJson {
    id: String,
    nickname: String,
    admin: bool,
}

impl From<&models::User> for UserJson {
    fn from(user: &models::User) -> Self {
        Self { id: user.id.to_string(), nickname: user.nickname.as_str().to_owned(), admin: user.admin }
    }
}
