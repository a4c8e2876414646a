//! One's own account: nickname, language, password, sessions, leaving.

use std::sync::Arc;

use rocket::http::Status;
use rocket::{FromForm, Route, State, delete, get, put, routes, uri};

use super::answer::Answer;
use super::form::{Nothing, Sent};
use super::visitor::{Reader, SignedIn, Visitor};
use super::{picture, user};
use crate::error::{Error, Fault, Faults, Result};
use crate::internal_api::ImageClient;
use crate::limits::Limits;
use crate::live::Hub;
use crate::models;
use crate::models::User;
use crate::models::user::{Profile, Theme};
use crate::models::values::{Nickname, Password};
use crate::store::Database;
use crate::ticket::Purpose;
use crate::views::Locale;
use crate::views::error::messages;
use crate::views::user::{Account, Me, Session, Upload, UserJson};

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![show, update, destroy, end_session, end_other_sessions]
}

/// What is typed about oneself. What is absent stays as it is; with either password it is the password's form.
#[derive(FromForm)]
struct Change<'r> {
    #[field(name = "userNickname")]
    nickname: Option<&'r str>,
    locale: Option<&'r str>,
    theme: Option<&'r str>,
    #[field(name = "oldPassword")]
    old: Option<&'r str>,
    #[field(name = "userPassword")]
    new: Option<&'r str>,
}

impl Change<'_> {
    /// The fields that the form has, checked.
    fn checked(&self) -> Result<Profile> {
        let mut faults = Faults::default();
        let nickname = self.nickname.and_then(|typed| faults.check("userNickname", Nickname::parse(typed)));
        let locale = self.locale.and_then(|typed| match typed {
            "" => Some(None),
            tag => faults.check("locale", Locale::tagged(tag).map(|locale| Some(locale.tag())).ok_or(Fault::Language)),
        });
        let theme = self.theme.and_then(|typed| match typed {
            "" => Some(None),
            typed => faults.check("theme", Theme::parse(typed).map(Some)),
        });
        if faults.0.is_empty() { Ok(Profile { nickname, locale, theme }) } else { Err(Error::Invalid(faults)) }
    }

    fn passwords(&self) -> Result<(Password, Password)> {
        let mut faults = Faults::default();
        let old = faults.check("oldPassword", known(self.old.unwrap_or_default()));
        let new = faults.check("userPassword", Password::parse(self.new.unwrap_or_default()));
        old.zip(new).ok_or(Error::Invalid(faults))
    }

    fn is_of_passwords(&self) -> bool {
        self.old.is_some() || self.new.is_some()
    }
}

/// What is typed to leave.
#[derive(FromForm)]
struct Leave<'r> {
    #[field(name = "userPassword", default = "")]
    password: &'r str,
}

/// What may just have been done, and what may have become of an upload: the ends of keys in `locales/`.
const DONE: [&str; 4] = ["profile", "password", "sessions", "picture"];
const UPLOADED: [&str; 11] = [
    "stored",
    "ticket",
    "form",
    "missing",
    "too-large",
    "too-slow",
    "too-many",
    "kind",
    "pixels",
    "broken",
    "unavailable",
];

/// The account page. `done` says what was just done, `picture` what became of an upload.
#[get("/user/me?<done>&<picture>")]
pub(super) async fn show(
    done: Option<&str>,
    picture: Option<&str>,
    who: Reader,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    images: &State<ImageClient>,
) -> Result<Answer> {
    if visitor.wants_json() {
        return Answer::json(&UserJson::from(&who.user));
    }
    let known = |codes: &[&'static str], code: Option<&str>| codes.iter().copied().find(|known| code == Some(*known));
    let account = Account {
        done: known(&DONE, done),
        uploaded: known(&UPLOADED, picture),
        ..account(&who, &visitor, db, images).await?
    };
    Ok(Answer::page(&visitor, "users/me.html.tera", &account)?.in_full())
}

/// Changes nickname and language, or the password.
#[put("/user/me", data = "<form>")]
async fn update(
    form: Sent<Change<'_>>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
    images: &State<ImageClient>,
    limits: &State<Limits>,
) -> Result<Answer> {
    let who = visitor.signed_in().await?;
    // Passwords have a limit of their own.
    if !form.is_of_passwords() {
        limits.edits.check(who.user.id, visitor.address())?;
    }
    let changed = async {
        if form.is_of_passwords() {
            who.user.change_password(db, form.passwords()?, &who.session.id).await?;
            hub.sessions_revoked(who.user.id).await;
            return Ok("password");
        }
        let profile = form.checked()?;
        let is_renamed = who.user.update_profile(db, &profile).await;
        // After an error nobody knows whether the database has the new nickname.
        if profile.nickname.is_some() && !matches!(is_renamed, Ok(false)) {
            hub.user_changed(who.user.id);
        }
        is_renamed?;
        if let Some(locale) = profile.locale {
            visitor.keep_locale(locale.and_then(Locale::tagged));
        }
        Ok("profile")
    };
    match changed.await {
        Ok(_) if visitor.wants_json() => {
            let user = User::find(db, who.user.id).await?;
            Ok(Answer::json(&UserJson::from(&user))?)
        }
        Ok(done) => Ok(Answer::see_other(uri!(show(done = Some(done), picture = _)))),
        Err(Error::Invalid(faults)) if !visitor.wants_json() => {
            let faults = messages(&faults, visitor.locale());
            let mut account = account(&who, &visitor, db, images).await?;
            match form.is_of_passwords() {
                true => account.password_faults = faults,
                false => account.faults = faults,
            }
            account.chosen = form.locale.map_or(account.chosen, str::to_owned);
            account.theme = form.theme.map_or(account.theme, str::to_owned);
            account.nickname = form.nickname.map_or(account.nickname, str::to_owned);
            refused(&visitor, &account)
        }
        Err(error) => Err(error),
    }
}

/// Leaves for good. What was said stays, by nobody.
#[delete("/user/me", data = "<form>")]
async fn destroy(
    form: Sent<Leave<'_>>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
    images: &State<ImageClient>,
) -> Result<Answer> {
    let who = visitor.signed_in().await?;
    let left = async {
        let password = known(form.password).map_err(|fault| Error::field("userPassword", fault))?;
        who.user.reauthenticate(db, password, &who.session.id).await?;
        who.user.delete_account(db).await?;
        hub.sessions_revoked(who.user.id).await;
        Ok(())
    };
    match left.await {
        Ok(()) => {
            hub.user_changed(who.user.id);
            visitor.forget();
            if let Some(picture) = &who.user.picture
                && !User::is_picture_used(db, picture).await?
            {
                picture::forget(images, Some(picture.clone()));
            }
            Ok(match visitor.wants_json() {
                true => Answer::no_content(),
                false => Answer::see_other(uri!(user::door(next = _, lang = _))),
            })
        }
        Err(Error::Invalid(faults)) if !visitor.wants_json() => {
            let leave_faults = messages(&faults, visitor.locale());
            refused(&visitor, &Account { leave_faults, ..account(&who, &visitor, db, images).await? })
        }
        Err(error) => Err(error),
    }
}

/// Ends one of one's sessions.
#[delete("/user/me/session/<session>", data = "<_form>")]
async fn end_session(
    session: &str,
    who: &SignedIn,
    _form: Sent<Nothing>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
) -> Result<Answer> {
    let all = models::Session::of_user(db, &who.user).await?;
    let session = all.iter().find(|other| other.id.to_string() == session).ok_or(Error::NotFound)?;
    hub.end_sessions(db, std::slice::from_ref(session)).await?;
    Ok(sessions_ended(&visitor))
}

/// Ends all of one's sessions but this one.
#[delete("/user/me/session", data = "<_form>")]
async fn end_other_sessions(
    who: &SignedIn,
    _form: Sent<Nothing>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
) -> Result<Answer> {
    who.user.revoke_other_sessions(db, &who.session.id).await?;
    hub.sessions_revoked(who.user.id).await;
    Ok(sessions_ended(&visitor))
}

async fn account(who: &SignedIn, visitor: &Visitor<'_>, db: &Database, images: &ImageClient) -> Result<Account> {
    let id = who.user.id.to_string();
    let (sessions, is_there) = tokio::join!(models::Session::of_user(db, &who.user), images.is_healthy());
    let sessions = sessions?;
    let upload = match (visitor.images_url(), is_there) {
        (Some(url), true) => Some(Upload {
            address: url.to_string(),
            ticket: format!("{id}.{}", images.secret().ticket(Purpose::Upload, &id)),
        }),
        _ => None,
    };
    Ok(Account {
        me: Me::from(&who.user),
        login: who.user.login.as_str().to_owned(),
        chosen: who.user.locale.clone().unwrap_or_default(),
        theme: who.user.theme.map(Theme::as_str).unwrap_or_default().to_owned(),
        sessions: sessions.iter().map(|session| Session::new(session, &who.session)).collect(),
        nickname: who.user.nickname.as_str().to_owned(),
        upload,
        has_picture: who.user.picture.is_some(),
        ..Account::default()
    })
}

fn refused(visitor: &Visitor<'_>, account: &Account) -> Result<Answer> {
    let page = Answer::page(visitor, "users/me.html.tera", account)?;
    Ok(page.with_status(Status::UnprocessableEntity))
}

fn sessions_ended(visitor: &Visitor<'_>) -> Answer {
    match visitor.wants_json() {
        true => Answer::no_content(),
        false => Answer::see_other(uri!(show(done = Some("sessions"), picture = _))),
    }
}

/// A password that may be the account's: what could not be one is wrong.
fn known(typed: &str) -> Result<Password, Fault> {
    Password::parse(typed).map_err(|_| Fault::WrongPassword)
}
