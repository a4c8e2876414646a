//! Users and their account.

use serde::Serialize;

use super::device_name::DeviceName;
use super::form::FieldMessages;
use super::time;
use crate::models;
use crate::models::user::Theme;

#[derive(Clone, Default, Serialize)]
pub struct UserView {
    id: String,
    pub(super) nickname: String,
    admin: bool,
    theme: Option<&'static str>,
}

impl From<&models::User> for UserView {
    fn from(user: &models::User) -> Self {
        Self {
            id: user.id.to_string(),
            nickname: user.nickname.as_str().to_owned(),
            admin: user.admin,
            theme: user.theme.map(Theme::as_str),
        }
    }
}

#[derive(Default, Serialize)]
pub struct SignInPage {
    /// The path to go to afterwards.
    pub next: String,
    /// Whether `next` is a room: somebody has shared its address.
    pub leads_to_room: bool,
    /// Whether the sign-in form comes before the sign-up form.
    pub signs_in_first: bool,
    /// What happened before: the end of a locale key.
    pub notice: Option<&'static str>,
    /// Makes a repeated sign-up create one account. May be empty.
    pub nonce: String,
    pub sign_up: FormValues,
    pub sign_in: FormValues,
}

/// What was typed into the sign-in or the sign-up form, without the password.
#[allow(non_snake_case, reason = "the names of the form's fields")]
#[derive(Default, Serialize)]
pub struct FormValues {
    pub userId: String,
    pub userNickname: String,
    pub errors: FieldMessages,
}

/// The card of a person.
#[derive(Serialize)]
pub struct ProfilePage {
    pub id: String,
    /// `None`: the account was deleted or never existed.
    pub person: Option<PersonView>,
    /// The room that the reader comes from.
    pub room: Option<String>,
}

#[derive(Serialize)]
pub struct PersonView {
    nickname: String,
    is_admin: bool,
    joined_at: String,
}

impl From<&models::User> for PersonView {
    fn from(user: &models::User) -> Self {
        Self {
            nickname: user.nickname.as_str().to_owned(),
            is_admin: user.admin,
            joined_at: time::rfc3339(user.joined_at()),
        }
    }
}

#[derive(Default, Serialize)]
pub struct AccountPage {
    /// Password managers need it beside a password.
    pub login: String,
    pub is_admin: bool,
    /// The chosen language; empty for the browser's.
    pub language: String,
    /// The chosen theme; empty for the system's.
    pub theme: String,
    pub sessions: Vec<SessionView>,
    /// What was just done: the end of a locale key.
    pub notice: Option<&'static str>,
    /// How an upload ended: the end of a locale key.
    pub upload_result: Option<&'static str>,
    /// `None` while the image server is unavailable.
    pub upload: Option<PictureUpload>,
    pub has_picture: bool,
    pub nickname: String,
    pub errors: FieldMessages,
    pub password_errors: FieldMessages,
    pub deletion_errors: FieldMessages,
}

/// The form that uploads a picture.
#[derive(Serialize)]
pub struct PictureUpload {
    /// The URL of the image server, with a slash at its end.
    pub address: String,
    /// Permits the current user to upload one picture.
    pub ticket: String,
}

#[derive(Serialize)]
pub struct SessionView {
    id: String,
    device: DeviceName,
    user_agent: String,
    /// The end of the time zone's name, mostly a city, with `_` for spaces.
    city: Option<String>,
    address: String,
    last_used: String,
    is_current: bool,
}

impl SessionView {
    pub fn new(session: &models::Session, current: &models::Session) -> Self {
        Self {
            id: session.id.to_string(),
            device: DeviceName::parse(&session.user_agent),
            user_agent: session.user_agent.clone(),
            city: session.zone.as_deref().and_then(|zone| zone.rsplit('/').next()).map(str::to_owned),
            address: session.address.clone(),
            last_used: time::rfc3339(session.last_used),
            is_current: session.id == current.id,
        }
    }
}

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
