//! People: the door, signing up, cards.

use std::sync::Arc;

use rocket::http::Status;
use rocket::{FromForm, Route, State, get, post, routes, uri};

use super::answer::Answer;
use super::form::Sent;
use super::param::Asked;
use super::room;
use super::visitor::{Reader, Visitor};
use crate::error::{Error, Faults, Result};
use crate::internal_api::ImageClient;
use crate::limits::Limits;
use crate::live::Hub;
use crate::models::values::{Login, Nickname, Nonce, Password};
use crate::models::{Device, Session, User, UserId};
use crate::store::Database;
use crate::ticket::Secret;
use crate::views::Locale;
use crate::views::error::messages;
use crate::views::user::{Card, Door, Me, Typed, UserJson};

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![door, create, show]
}

/// What is typed to sign up.
#[derive(FromForm)]
struct SignUp<'r> {
    #[field(name = "userId", default = "")]
    id: &'r str,
    #[field(name = "userPassword", default = "")]
    password: &'r str,
    #[field(name = "userNickname", default = "")]
    nickname: &'r str,
    /// Makes a repeated request create one account. Optional.
    nonce: Option<&'r str>,
    #[field(default = "")]
    next: &'r str,
}

impl SignUp<'_> {
    fn checked(&self) -> Result<(Login, Password, Nickname, Option<Nonce>)> {
        let mut faults = Faults::default();
        let login = faults.check("userId", Login::parse(self.id));
        let password = faults.check("userPassword", Password::parse(self.password));
        let nickname = faults.check("userNickname", Nickname::parse(self.nickname));
        let nonce = self.nonce.and_then(|nonce| faults.check("nonce", Nonce::parse(nonce)));
        match (login, password, nickname) {
            (Some(login), Some(password), Some(nickname)) if self.nonce.is_some() == nonce.is_some() => {
                Ok((login, password, nickname, nonce))
            }
            _ => Err(Error::Invalid(faults)),
        }
    }

    fn typed(&self) -> Typed {
        Typed { userId: self.id.into(), userNickname: self.nickname.into(), ..Typed::default() }
    }
}

/// Where to sign up and sign in, and where a language is chosen before that.
#[get("/user?<next>&<lang>")]
async fn door(next: Option<&str>, lang: Option<&str>, visitor: Visitor<'_>) -> Result<Answer> {
    if let Some(locale) = lang.and_then(Locale::tagged) {
        visitor.keep_locale(Some(locale));
        return Ok(Answer::see_other(uri!(door(next = next, lang = _))));
    }
    match visitor.signed_in().await {
        Ok(_) => Ok(Answer::see_other(uri!(room::index(page = _)))),
        Err(Error::SignedOut) if visitor.wants_json() => Answer::json(&serde_json::json!({ "next": next })),
        Err(Error::SignedOut) => {
            let nonce = Nonce::random()?.as_str().into();
            let door = Door { next: next.unwrap_or_default().into(), nonce, ..Door::default() };
            Answer::page(&visitor, "users/door.html.tera", &door)
        }
        Err(error) => Err(error),
    }
}

/// Signs up, and in.
#[post("/user", data = "<form>")]
async fn create(
    form: Sent<SignUp<'_>>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
    images: &State<ImageClient>,
    limits: &State<Limits>,
) -> Result<Answer> {
    let signed_up = async {
        limits.signups.check_address(visitor.address())?;
        let user = sign_up(&form, &visitor, db).await?;
        welcome(&visitor, db, hub, images.secret(), &user, form.next).await
    };
    match signed_up.await {
        Err(Error::Invalid(faults)) if !visitor.wants_json() => {
            let typed = Typed { faults: messages(&faults, visitor.locale()), ..form.typed() };
            let nonce = Nonce::random()?.as_str().into();
            let door = Door { next: form.next.into(), nonce, sign_up: typed, ..Door::default() };
            let page = Answer::page(&visitor, "users/door.html.tera", &door)?;
            Ok(page.with_status(Status::UnprocessableEntity))
        }
        answer => answer,
    }
}

/// Creates an account, or finds the one that the same form created before.
async fn sign_up(form: &SignUp<'_>, visitor: &Visitor<'_>, db: &Database) -> Result<User> {
    let (login, password, nickname, nonce) = form.checked()?;
    match (User::sign_up_once(db, login, password, nickname, nonce.clone()).await, nonce) {
        (Err(Error::Invalid(taken)), Some(nonce)) => {
            let (login, password, ..) = form.checked()?;
            let before = User::signed_up_before(db, login, password, &nonce, visitor.address()).await?;
            before.ok_or(Error::Invalid(taken))
        }
        (signed_up, _) => signed_up,
    }
}

/// Signs a person in under a new token, and lets them go on to where they wanted. A browser has one session: the one
/// that it had ends.
pub(super) async fn welcome(
    visitor: &Visitor<'_>,
    db: &Database,
    hub: &Hub,
    secret: &Secret,
    user: &User,
    next: &str,
) -> Result<Answer> {
    if let Ok(before) = visitor.signed_in().await {
        hub.end_sessions(db, std::slice::from_ref(&before.session)).await?;
    }
    let device = visitor.device(secret).map_or_else(|| Device::new(secret), Ok)?.with_account(secret, user.id);
    let token = Session::open(db, user, visitor.browser(), visitor.address()).await?;
    visitor.keep(&token.with_device(&device));
    visitor.forget_device();
    if let Some(locale) = user.locale.as_deref().and_then(Locale::tagged) {
        visitor.keep_locale(Some(locale));
    }
    match visitor.wants_json() {
        true => Ok(Answer::json(&UserJson::from(user))?.with_status(Status::Created)),
        false => Ok(Answer::see_other(path_after(next))),
    }
}

/// A person's card.
#[get("/user/<id>")]
async fn show(id: UserId, who: Reader, visitor: Visitor<'_>, db: &State<Arc<Database>>) -> Result<Answer> {
    let user = User::find(db, id).await?;
    match visitor.wants_json() {
        true => Answer::json(&UserJson::from(&user)),
        false => {
            let card = Card { me: Me::from(&who.user), user: Me::from(&user) };
            Answer::page(&visitor, "users/show.html.tera", &card)
        }
    }
}

/// The door, with the way back.
pub(super) fn path_of_door(next: &str) -> String {
    uri!(door(next = Some(next), lang = _)).to_string()
}

/// Where to go on: a path of ours, never another site's.
fn path_after(next: &str) -> String {
    let ours = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    match rocket::http::uri::Origin::parse(next) {
        Ok(path) if ours => path.to_string(),
        _ => uri!(room::index(page = _)).to_string(),
    }
}
