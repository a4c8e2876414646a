//! Signing in and out.

use std::sync::Arc;

use rocket::http::Status;
use rocket::{FromForm, Route, State, delete, post, routes, uri};

use super::answer::Answer;
use super::form::{Nothing, Sent};
use super::user::{self, welcome};
use super::visitor::Visitor;
use crate::error::{Error, Result};
use crate::internal_api::ImageClient;
use crate::live::Hub;
use crate::models::User;
use crate::models::user::SignInOrigin;
use crate::models::values::{Login, Password};
use crate::store::Database;
use crate::views::error::messages;
use crate::views::user::{Door, Typed};

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![create, destroy]
}

/// What is typed to sign in.
#[derive(FromForm)]
struct SignIn<'r> {
    #[field(name = "userId", default = "")]
    id: &'r str,
    #[field(name = "userPassword", default = "")]
    password: &'r str,
    #[field(default = "")]
    next: &'r str,
}

/// Signs in.
#[post("/session", data = "<form>")]
async fn create(
    form: Sent<SignIn<'_>>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
    images: &State<ImageClient>,
) -> Result<Answer> {
    let secret = images.secret();
    let signed_in = async {
        // What could not have been signed up with is refused like what was not.
        let (login, password) = (Login::parse(form.id).ok(), Password::parse(form.password).ok());
        let device = visitor.device(secret).map(|device| (device, secret));
        let user = User::sign_in(db, login, password, SignInOrigin { address: visitor.address(), device }).await?;
        welcome(&visitor, db, hub, secret, &user, form.next).await
    };
    match signed_in.await {
        Err(Error::Invalid(faults)) if !visitor.wants_json() => {
            let faults = messages(&faults, visitor.locale());
            let typed = Typed { userId: form.id.into(), faults, ..Typed::default() };
            // Without a nonce: the page is the same whatever was wrong.
            let door = Door { next: form.next.into(), sign_in: typed, ..Door::default() };
            let page = Answer::page(&visitor, "users/door.html.tera", &door)?;
            Ok(page.with_status(Status::UnprocessableEntity))
        }
        answer => answer,
    }
}

/// Signs out: the cookie opens nothing any more, and the session's sockets close. The browser stays known to the account.
#[delete("/session", data = "<_form>")]
async fn destroy(
    _form: Sent<Nothing>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
    images: &State<ImageClient>,
) -> Result<Answer> {
    let who = visitor.signed_in().await?;
    let device = visitor.device(images.secret());
    hub.end_sessions(db, std::slice::from_ref(&who.session)).await?;
    visitor.forget();
    if let Some(device) = device {
        visitor.keep_device(&device);
    }
    match visitor.wants_json() {
        true => Ok(Answer::no_content()),
        false => Ok(Answer::see_other(uri!(user::door(next = _, lang = _)))),
    }
}
