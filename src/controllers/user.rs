//! People: the sign-in page, signing up, and cards.

use rocket::http::Status;
use rocket::{FromForm, Route, get, post, routes, uri};
use serde_json::json;

use super::guards::current_user::PageUser;
use super::guards::form_values::Optional;
use super::guards::submission::Submission;
use super::reply::Reply;
use super::request_context::RequestContext;
use super::room;
use super::shell::shell_page;
use crate::error::{Error, FieldErrors, Result};
use crate::models::session::ClientInfo;
use crate::models::values::{Login, Nickname, Nonce, Password};
use crate::models::{Device, Session, User, UserId};
use crate::views::Locale;
use crate::views::user::{FormValues, PersonView, ProfilePage, SignInPage, UserJson};

/// The notices that an action leaves for the sign-in page.
pub(super) const SIGNED_OUT: &str = "signed-out";
pub(super) const ACCOUNT_DELETED: &str = "account-deleted";
const SIGN_IN_NOTICES: [&str; 2] = [SIGNED_OUT, ACCOUNT_DELETED];

pub(super) fn routes() -> Vec<Route> {
    routes![sign_in_page, create, show]
}

#[derive(FromForm)]
struct SignUpForm {
    #[field(name = "userId")]
    login: Login,
    #[field(name = "userPassword")]
    password: Password,
    #[field(name = "userNickname")]
    nickname: Nickname,
    /// Makes a repeated request create one account.
    nonce: Optional<Nonce>,
}

/// Shows the sign-up and the sign-in form. `lang` sets the language of this browser.
#[get("/user?<next>&<lang>")]
async fn sign_in_page(next: Option<&str>, lang: Option<&str>, ctx: RequestContext<'_>) -> Result<Reply> {
    if let Some(locale) = lang.and_then(Locale::from_tag) {
        ctx.cookies().set_locale(Some(locale));
        return Ok(Reply::see_other(uri!(sign_in_page(next = next, lang = _))));
    }
    match ctx.current_user().await {
        Ok(_) => Ok(Reply::see_other(room::index_path())),
        Err(Error::SignedOut) if ctx.wants_json() => Reply::json(&json!({ "next": next })),
        Err(Error::SignedOut) => {
            let notice = sign_in_notice(&ctx);
            sign_up_page(SignInPage { notice, ..sign_in_view(&ctx, next.unwrap_or_default()) }, &ctx)
        }
        Err(error) => Err(error),
    }
}

/// Creates an account and signs the user in.
#[post("/user", data = "<form>")]
async fn create(form: Submission<'_, SignUpForm>, ctx: RequestContext<'_>) -> Result<Reply> {
    let signed_up = sign_up(&form, &ctx).await;
    ctx.reply(signed_up)
        .json(async |user| created_session(&user))
        .redirect(|_| path_after_sign_in(form.typed("next")))
        .invalid(async |errors| {
            let (sign_up, view) = (typed(&form, &errors, &ctx), sign_in_view(&ctx, form.typed("next")));
            sign_up_page(SignInPage { sign_up, signs_in_first: false, ..view }, &ctx)
        })
        .await
}

/// Shows a person's card. That of a deleted account has the status 404.
#[get("/user/<id>")]
async fn show(id: UserId, current_user: PageUser<'_>, ctx: RequestContext<'_>) -> Result<Reply> {
    let (user, status) = match User::find(&ctx.db, id).await {
        Err(Error::NotFound) if !ctx.wants_json() => (None, Status::NotFound),
        user => (Some(user?), Status::Ok),
    };
    if let Some(user) = user.as_ref().filter(|_| ctx.wants_json()) {
        return Reply::json(&UserJson::from(user));
    }
    let page =
        ProfilePage { id: id.to_string(), person: user.as_ref().map(PersonView::from), room: ctx.referring_room() };
    Ok(shell_page(&ctx, &current_user, None, "users/profile.html.tera", &page).await?.with_status(status))
}

/// Returns the path of the sign-in page, which leads back to `next`.
pub(super) fn sign_in_path(next: Option<&str>) -> String {
    uri!(sign_in_page(next = next, lang = _)).to_string()
}

/// Starts a session for a user and ends the browser's previous one.
pub(super) async fn start_session(ctx: &RequestContext<'_>, user: &User, zone: &str) -> Result<()> {
    if let Ok(previous) = ctx.current_user().await {
        ctx.hub.end_sessions(&ctx.db, std::slice::from_ref(&previous.session)).await?;
    }
    let (cookies, secret) = (ctx.cookies(), ctx.images.secret());
    let device = cookies.device(secret).map_or_else(|| Device::new(secret), Ok)?.with_account(secret, user.id);
    let client = ClientInfo { user_agent: ctx.user_agent(), address: ctx.client_address(), zone };
    let token = Session::open(&ctx.db, user, client).await?;
    cookies.set_session(token.with_device(&device).as_str());
    cookies.clear_device();
    if let Some(locale) = user.locale.as_deref().and_then(Locale::from_tag) {
        cookies.set_locale(Some(locale));
    }
    Ok(())
}

/// Replies to a program that has signed in.
pub(super) fn created_session(user: &User) -> Result<Reply> {
    Ok(Reply::json(&UserJson::from(user))?.with_status(Status::Created))
}

/// Returns the path to continue at: `next` if it is a path of this site.
pub(super) fn path_after_sign_in(next: &str) -> String {
    let is_own = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    match rocket::http::uri::Origin::parse(next) {
        Ok(path) if is_own => path.to_string(),
        _ => room::index_path(),
    }
}

/// Creates an account, or finds the one that an earlier copy of this request created.
async fn sign_up(form: &Submission<'_, SignUpForm>, ctx: &RequestContext<'_>) -> Result<User> {
    ctx.limits.signups.check_address(ctx.client_address())?;
    let SignUpForm { login, password, nickname, nonce: Optional(nonce) } = form.value()?;
    let (login, password, nickname) = (login.clone(), password.clone(), nickname.clone());
    let created = User::sign_up_once(&ctx.db, login.clone(), password.clone(), nickname, nonce.clone()).await;
    created.iter().for_each(|user| ctx.hub.user_signed_up(user.id));
    let user = match (created, nonce) {
        (Err(Error::Invalid(taken)), Some(nonce)) => {
            let earlier = User::signed_up_before(&ctx.db, login, password, nonce, ctx.client_address()).await?;
            earlier.ok_or(Error::Invalid(taken))?
        }
        (created, _) => created?,
    };
    start_session(ctx, &user, form.typed("zone")).await?;
    Ok(user)
}

/// Returns the sign-in page for this browser. One that has signed in before sees the sign-in form first.
pub(super) fn sign_in_view(ctx: &RequestContext<'_>, next: &str) -> SignInPage {
    SignInPage {
        next: next.into(),
        leads_to_room: next.starts_with("/room/"),
        signs_in_first: ctx.cookies().device(ctx.images.secret()).is_some(),
        ..SignInPage::default()
    }
}

/// Returns what happened before: the user signed out, or the session of the browser has ended.
fn sign_in_notice(ctx: &RequestContext<'_>) -> Option<&'static str> {
    let cookies = ctx.cookies();
    let notice = cookies.take_notice().and_then(|notice| SIGN_IN_NOTICES.into_iter().find(|known| *known == notice));
    notice.or_else(|| cookies.has_own_session().then_some("session-ended"))
}

fn sign_up_page(page: SignInPage, ctx: &RequestContext<'_>) -> Result<Reply> {
    let nonce = Nonce::random()?.as_str().into();
    ctx.page("users/sign_in.html.tera", &SignInPage { nonce, ..page })
}

fn typed(form: &Submission<'_, SignUpForm>, errors: &FieldErrors, ctx: &RequestContext<'_>) -> FormValues {
    let [id, nickname] = ["userId", "userNickname"].map(|field| form.typed(field).to_owned());
    FormValues { userId: id, userNickname: nickname, errors: ctx.field_messages(errors) }
}
