//! The password.

use rocket::{FromForm, form};

use super::page::{account_page, account_path, account_view};
use crate::controllers::guards::current_user::CurrentUser;
use crate::controllers::guards::form_fields::FormFields;
use crate::controllers::guards::form_values::invalid;
use crate::controllers::guards::submission::Submission;
use crate::controllers::reply::Reply;
use crate::controllers::request_context::RequestContext;
use crate::error::{Error, FieldError, Result};
use crate::models::User;
use crate::models::values::Password;
use crate::views::user::{AccountPage, UserJson};

pub(super) const FIELDS: [&str; 2] = ["oldPassword", "userPassword"];

#[derive(FromForm)]
struct PasswordForm {
    #[field(name = "oldPassword", validate = can_be_right())]
    old: Option<Password>,
    #[field(name = "userPassword")]
    new: Password,
}

/// Rejects a text that no account can have as its password.
fn can_be_right<'r>(password: &Option<Password>) -> form::Result<'r, ()> {
    if password.is_some() { Ok(()) } else { Err(invalid(FieldError::WrongPassword)) }
}

/// Changes the password and ends all other sessions. Wrong passwords have a limit of their own.
pub(super) async fn update(fields: &FormFields, ctx: &RequestContext<'_>) -> Result<Reply> {
    let form = Submission::parse(fields)?;
    let user = ctx.current_user().await?;
    let updated = change_password(&form, user, ctx).await;
    ctx.reply(updated)
        .json(async |()| Reply::json(&UserJson::from(&User::find(&ctx.db, user.id).await?)))
        .redirect(|()| account_path("password"))
        .invalid(async |errors| {
            let password_errors = ctx.field_messages(&errors);
            account_page(&AccountPage { password_errors, ..account_view(user, ctx).await? }, user, ctx).await
        })
        .await
}

async fn change_password(
    form: &Submission<'_, PasswordForm>,
    user: &CurrentUser,
    ctx: &RequestContext<'_>,
) -> Result<()> {
    let PasswordForm { old, new } = form.value()?;
    let old = old.clone().ok_or_else(|| Error::field("oldPassword", FieldError::WrongPassword))?;
    user.change_password(&ctx.db, (old, new.clone()), &user.session.id).await?;
    ctx.hub.sessions_revoked(user.id).await;
    Ok(())
}
