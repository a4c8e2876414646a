//! Signing in and out.

use std::sync::Arc;

use rocket::form::Form;
use rocket::http::Status;
use rocket::{FromForm, Route, State, delete, post, routes, uri};

use super::answer::{Answer, Refusal};
use super::user::{self, welcome};
use super::visitor::Visitor;
use crate::error::{Error, Result};
use crate::live::Hub;
use crate::models::checked::{Login, Password};
use crate::models::{Database, User};
use crate::views::error::{Kept, messages};
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

impl SignIn<'_> {
    fn kept(&self) -> Kept {
        Kept {
            action: uri!(create).to_string(),
            typed: vec![("userId", self.id.into())],
            hidden: vec![("next", self.next.into())],
            password: true,
        }
    }
}

/// Signs in.
#[post("/session", data = "<form>")]
async fn create(
    form: Form<SignIn<'_>>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
) -> Result<Answer, Refusal> {
    let signed_in = async {
        // What could not have been signed up with is refused like what was not.
        let (login, password) = (Login::parse(form.id).ok(), Password::parse(form.password).ok());
        let user = User::sign_in(db, login, password, visitor.address()).await?;
        welcome(&visitor, db, hub, &user, form.next).await
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
        answer => answer.map_err(|error| Refusal::keeping(error, form.kept())),
    }
}

/// Signs out: the cookie opens nothing any more, and the session's sockets close.
#[delete("/session")]
async fn destroy(visitor: Visitor<'_>, db: &State<Arc<Database>>, hub: &State<Arc<Hub>>) -> Result<Answer> {
    let who = visitor.signed_in().await?;
    hub.end(db, std::slice::from_ref(&who.session)).await?;
    visitor.forget();
    match visitor.wants_json() {
        true => Ok(Answer::no_content()),
        false => Ok(Answer::see_other(uri!(user::door(next = _, lang = _)))),
    }
}
