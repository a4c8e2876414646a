//! The account page.

use rocket::{get, uri};

use crate::controllers::guards::current_user::{CurrentUser, PageUser};
use crate::controllers::reply::Reply;
use crate::controllers::request_context::RequestContext;
use crate::controllers::shell::shell_page;
use crate::error::Result;
use crate::models;
use crate::models::user::Theme;
use crate::ticket::Purpose;
use crate::views::user::{AccountPage, PictureUpload, SessionView, UserJson};

/// The ends of locale keys: notices about changes, and results of an upload.
const NOTICES: [&str; 5] = ["profile", "preferences", "password", "sessions", "picture"];
const UPLOAD_RESULTS: [&str; 11] = [
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

/// Shows the account. `done` names what was changed, `picture` the result of an upload.
#[get("/user/me?<done>&<picture>")]
pub(super) async fn show(
    done: Option<&str>,
    picture: Option<&str>,
    user: PageUser<'_>,
    ctx: RequestContext<'_>,
) -> Result<Reply> {
    if ctx.wants_json() {
        return Reply::json(&UserJson::from(&user.user));
    }
    let (notice, upload_result) = (known(&NOTICES, done), known(&UPLOAD_RESULTS, picture));
    let page = AccountPage { notice, upload_result, ..account_view(&user, &ctx).await? };
    Ok(account_page(&page, &user, &ctx).await?.uncompressed())
}

/// Returns the path of the page with a notice, and its section unless that is the first one.
pub(super) fn account_path(notice: &str) -> String {
    let path = uri!(show(done = Some(notice), picture = _));
    if matches!(notice, "profile" | "picture") { path.to_string() } else { format!("{path}#{notice}-title") }
}

pub(super) async fn account_page(page: &AccountPage, user: &CurrentUser, ctx: &RequestContext<'_>) -> Result<Reply> {
    shell_page(ctx, user, None, "users/account.html.tera", page).await
}

pub(super) async fn account_view(user: &CurrentUser, ctx: &RequestContext<'_>) -> Result<AccountPage> {
    let id = user.id.to_string();
    let (sessions, is_healthy) = tokio::join!(models::Session::of_user(&ctx.db, user), ctx.images.is_healthy());
    let upload = ctx.images_url().filter(|_| is_healthy).map(|url| PictureUpload {
        address: url.to_string(),
        ticket: format!("{id}.{}", ctx.images.secret().ticket(Purpose::Upload, &id)),
    });
    Ok(AccountPage {
        login: user.login.as_str().to_owned(),
        is_admin: user.admin,
        language: user.locale.clone().unwrap_or_default(),
        theme: user.theme.map(Theme::as_str).unwrap_or_default().to_owned(),
        sessions: sessions?.iter().map(|session| SessionView::new(session, &user.session)).collect(),
        nickname: user.nickname.as_str().to_owned(),
        upload,
        has_picture: user.picture.is_some(),
        ..AccountPage::default()
    })
}

fn known(codes: &[&'static str], code: Option<&str>) -> Option<&'static str> {
    codes.iter().copied().find(|known| code == Some(*known))
}
