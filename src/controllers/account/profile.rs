//! Nickname, language and theme.

use rocket::FromForm;

use super::page::{account_page, account_path, account_view};
use crate::controllers::guards::current_user::CurrentUser;
use crate::controllers::guards::form_fields::FormFields;
use crate::controllers::guards::form_values::{Optional, Selection};
use crate::controllers::guards::submission::Submission;
use crate::controllers::reply::Reply;
use crate::controllers::request_context::RequestContext;
use crate::error::{FieldErrors, Result};
use crate::models::User;
use crate::models::user::{Profile, Theme};
use crate::models::values::Nickname;
use crate::views::Locale;
use crate::views::user::{AccountPage, UserJson};

/// Absent fields do not change.
#[derive(FromForm)]
struct ProfileForm {
    #[field(name = "userNickname")]
    nickname: Optional<Nickname>,
    locale: Optional<Selection<Locale>>,
    theme: Optional<Selection<Theme>>,
}

pub(super) async fn update(fields: &FormFields, ctx: &RequestContext<'_>) -> Result<Reply> {
    let form = Submission::parse(fields)?;
    let user = ctx.rate_limited_user(|limits| &limits.edits).await?;
    let updated = change_profile(&form, user, ctx).await;
    ctx.reply(updated)
        .json(async |()| Reply::json(&UserJson::from(&User::find(&ctx.db, user.id).await?)))
        .redirect(|()| account_path(if fields.has_any(&["userNickname"]) { "profile" } else { "preferences" }))
        .invalid(async |errors| invalid_page(&form, &errors, user, ctx).await)
        .await
}

async fn change_profile(
    form: &Submission<'_, ProfileForm>,
    user: &CurrentUser,
    ctx: &RequestContext<'_>,
) -> Result<()> {
    let ProfileForm { nickname, locale, theme } = form.value()?;
    let (nickname, locale) = (nickname.0.clone(), locale.0.map(|Selection(locale)| locale));
    let (tag, theme) = (locale.map(|locale| locale.map(Locale::tag)), theme.0.map(|Selection(theme)| theme));
    let is_named = nickname.is_some();
    let is_renamed = user.update_profile(&ctx.db, &Profile { nickname, locale: tag, theme }).await;
    // After an error the database may have the new nickname or not.
    if is_named && !matches!(is_renamed, Ok(false)) {
        ctx.hub.user_changed(user.id);
    }
    is_renamed?;
    if let Some(locale) = locale {
        ctx.cookies().set_locale(locale);
    }
    Ok(())
}

async fn invalid_page(
    form: &Submission<'_, ProfileForm>,
    errors: &FieldErrors,
    user: &CurrentUser,
    ctx: &RequestContext<'_>,
) -> Result<Reply> {
    let stored = account_view(user, ctx).await?;
    let page = AccountPage {
        errors: ctx.field_messages(errors),
        language: form.typed_or("locale", &stored.language).to_owned(),
        theme: form.typed_or("theme", &stored.theme).to_owned(),
        nickname: form.typed_or("userNickname", &stored.nickname).to_owned(),
        ..stored
    };
    account_page(&page, user, ctx).await
}
