//! Deleting the account.

use rocket::{FromForm, delete};

use super::page::{account_page, account_view};
use crate::controllers::guards::current_user::CurrentUser;
use crate::controllers::guards::submission::Submission;
use crate::controllers::picture::delete_in_background;
use crate::controllers::reply::Reply;
use crate::controllers::request_context::RequestContext;
use crate::controllers::user::{ACCOUNT_DELETED, sign_in_path};
use crate::error::{Error, FieldError, Result};
use crate::models::User;
use crate::models::values::Password;
use crate::views::user::AccountPage;

#[derive(FromForm)]
pub(super) struct DeleteAccountForm {
    #[field(name = "userPassword")]
    password: Option<Password>,
}

/// Deletes the account permanently. Its chats remain.
#[delete("/user/me", data = "<form>")]
pub(super) async fn destroy(form: Submission<'_, DeleteAccountForm>, ctx: RequestContext<'_>) -> Result<Reply> {
    let user = ctx.current_user().await?;
    let deleted = delete_account(&form, user, &ctx).await;
    ctx.reply(deleted)
        .json(async |()| Ok(Reply::no_content()))
        .redirect(|()| sign_in_path(None))
        .invalid(async |errors| {
            let deletion_errors = ctx.field_messages(&errors);
            account_page(&AccountPage { deletion_errors, ..account_view(user, &ctx).await? }, user, &ctx).await
        })
        .await
}

async fn delete_account(
    form: &Submission<'_, DeleteAccountForm>,
    user: &CurrentUser,
    ctx: &RequestContext<'_>,
) -> Result<()> {
    let password = form.value()?.password.clone();
    let password = password.ok_or_else(|| Error::field("userPassword", FieldError::WrongPassword))?;
    user.reauthenticate(&ctx.db, password, &user.session.id).await?;
    user.delete_with_memberships(&ctx.db).await?;
    ctx.hub.sessions_revoked(user.id).await;
    ctx.hub.user_changed(user.id);
    ctx.cookies().clear_session();
    if !ctx.wants_json() {
        ctx.cookies().set_notice(ACCOUNT_DELETED);
    }
    if let Some(picture) = &user.picture
        && !User::is_picture_used(&ctx.db, picture).await?
    {
        delete_in_background(ctx.images, Some(picture.clone()));
    }
    Ok(())
}
