//! Signing in and out.

use rocket::{FromForm, Route, delete, post, routes};

use super::guards::form_fields::FormFields;
use super::guards::submission::Submission;
use super::reply::Reply;
use super::request_context::RequestContext;
use super::user::{SIGNED_OUT, created_session, path_after_sign_in, sign_in_path, sign_in_view, start_session};
use crate::error::{FieldErrors, Result};
use crate::models::User;
use crate::models::user::SignInOrigin;
use crate::models::values::{Login, Password};
use crate::views::user::{FormValues, SignInPage};

pub(super) fn routes() -> Vec<Route> {
    routes![create, destroy]
}

/// An id or a password that no account can have is `None`, and fails like a wrong one.
#[derive(FromForm)]
struct SignInForm {
    #[field(name = "userId")]
    login: Option<Login>,
    #[field(name = "userPassword")]
    password: Option<Password>,
}

#[post("/session", data = "<form>")]
async fn create(form: Submission<'_, SignInForm>, ctx: RequestContext<'_>) -> Result<Reply> {
    let signed_in = sign_in(&form, &ctx).await;
    ctx.reply(signed_in)
        .json(async |user| created_session(&user))
        .redirect(|_| path_after_sign_in(form.typed("next")))
        .invalid(async |errors| invalid_page(&form, &errors, &ctx))
        .await
}

/// Signs the user out and closes the session's sockets. The device token remains.
#[delete("/session", data = "<_form>")]
async fn destroy(_form: &FormFields, ctx: RequestContext<'_>) -> Result<Reply> {
    let (user, cookies) = (ctx.current_user().await?, ctx.cookies());
    ctx.hub.end_sessions(&ctx.db, std::slice::from_ref(&user.session)).await?;
    cookies.clear_session();
    if let Some(device) = cookies.device(ctx.images.secret()) {
        cookies.set_device(&device);
    }
    if !ctx.wants_json() {
        cookies.set_notice(SIGNED_OUT);
    }
    Ok(ctx.no_content_or_redirect(sign_in_path(None)))
}

async fn sign_in(form: &Submission<'_, SignInForm>, ctx: &RequestContext<'_>) -> Result<User> {
    let (SignInForm { login, password }, secret) = (form.value()?, ctx.images.secret());
    let device = ctx.cookies().device(secret).map(|device| (device, secret));
    let origin = SignInOrigin { address: ctx.client_address(), device };
    let user = User::sign_in(&ctx.db, login.clone(), password.clone(), origin).await?;
    start_session(ctx, &user, form.typed("zone")).await?;
    Ok(user)
}

/// Shows the form again, without a nonce: the page is the same whatever was wrong.
fn invalid_page(form: &Submission<'_, SignInForm>, errors: &FieldErrors, ctx: &RequestContext<'_>) -> Result<Reply> {
    let sign_in =
        FormValues { userId: form.typed("userId").into(), errors: ctx.field_messages(errors), ..FormValues::default() };
    let page = SignInPage { sign_in, signs_in_first: true, ..sign_in_view(ctx, form.typed("next")) };
    ctx.page("users/sign_in.html.tera", &page)
}
