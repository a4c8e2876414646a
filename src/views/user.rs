//! People, as pages show them.

use serde::Serialize;

use super::error::Messages;
use super::time;
use crate::models;
use crate::models::user::Theme;

/// Who reads the page.
#[derive(Clone, Default, Serialize)]
pub struct Me {
    id: String,
    pub(super) nickname: String,
    theme: Option<&'static str>,
}

impl From<&models::User> for Me {
    fn from(user: &models::User) -> Self {
        Self {
            id: user.id.to_string(),
            nickname: user.nickname.as_str().to_owned(),
            theme: user.theme.map(Theme::as_str),
        }
    }
}

/// The page with the sign-up and the sign-in form.
#[derive(Default, Serialize)]
pub struct Door {
    /// Where to go afterwards.
    pub next: String,
    /// Makes a repeated sign-up create one account; may be empty.
    pub nonce: String,
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

/// One's own account.
#[derive(Default, Serialize)]
pub struct Account {
    /// Whose it is.
    pub me: Me,
    /// The id that they sign in with. Password managers need it beside a password.
    pub login: String,
    /// The language they chose; empty for the browser's.
    pub chosen: String,
    /// The colours they chose; empty for the system's.
    pub theme: String,
    /// Where they are signed in.
    pub sessions: Vec<Session>,
    /// What was just done, as the end of a key.
    pub done: Option<&'static str>,
    /// What became of an upload, as the end of a key.
    pub uploaded: Option<&'static str>,
    /// How to send a picture; none while the image server is away.
    pub upload: Option<Upload>,
    /// Whether there is a picture to remove.
    pub has_picture: bool,
    /// What was typed as nickname.
    pub nickname: String,
    /// What is wrong with it, by field.
    pub faults: Messages,
    /// What is wrong with the passwords, by field.
    pub password_faults: Messages,
    /// What is wrong with the form that deletes the account, by field.
    pub leave_faults: Messages,
}

/// How to send a picture.
#[derive(Serialize)]
pub struct Upload {
    /// Where the image server is; ends with a slash.
    pub address: String,
    /// What lets this user send one.
    pub ticket: String,
}

/// One browser that is signed in.
#[derive(Serialize)]
pub struct Session {
    id: String,
    browser: String,
    address: String,
    seen: String,
    /// Whether it is the one that reads the page.
    this: bool,
}

impl Session {
    /// A session, as the session `reader` sees it.
    pub fn new(session: &models::Session, reader: &models::Session) -> Self {
        Self {
            id: session.id.to_string(),
            browser: session.user_agent.clone(),
            address: session.address.clone(),
            seen: time::rfc3339(session.last_used),
            this: session.id == reader.id,
        }
    }
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
