//! The current user's sessions.

use rocket::delete;

use super::page::account_path;
use crate::controllers::guards::current_user::CurrentUser;
use crate::controllers::guards::form_fields::FormFields;
use crate::controllers::reply::Reply;
use crate::controllers::request_context::RequestContext;
use crate::error::{Error, Result};
use crate::models::Session;

#[delete("/user/me/session/<session>", data = "<_form>")]
pub(super) async fn destroy(
    session: &str,
    user: &CurrentUser,
    _form: &FormFields,
    ctx: RequestContext<'_>,
) -> Result<Reply> {
    let sessions = Session::of_user(&ctx.db, user).await?;
    let session = sessions.iter().find(|other| other.id.to_string() == session).ok_or(Error::NotFound)?;
    ctx.hub.end_sessions(&ctx.db, std::slice::from_ref(session)).await?;
    Ok(ctx.no_content_or_redirect(account_path("sessions")))
}

/// Ends all sessions but the current one.
#[delete("/user/me/session", data = "<_form>")]
pub(super) async fn destroy_others(user: &CurrentUser, _form: &FormFields, ctx: RequestContext<'_>) -> Result<Reply> {
    user.revoke_other_sessions(&ctx.db, &user.session.id).await?;
    ctx.hub.sessions_revoked(user.id).await;
    Ok(ctx.no_content_or_redirect(account_path("sessions")))
}
