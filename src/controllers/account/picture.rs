//! The current user's picture.

use rocket::delete;

use super::page::account_path;
use crate::controllers::guards::current_user::CurrentUser;
use crate::controllers::guards::form_fields::FormFields;
use crate::controllers::picture::delete_in_background;
use crate::controllers::reply::Reply;
use crate::controllers::request_context::RequestContext;
use crate::error::Result;
use crate::models::User;

/// Removes the picture. A drawn one takes its place.
#[delete("/user/me/picture", data = "<_form>")]
pub(super) async fn destroy(user: &CurrentUser, _form: &FormFields, ctx: RequestContext<'_>) -> Result<Reply> {
    let previous = User::change_picture(&ctx.db, user.id, None).await?;
    delete_in_background(ctx.images, previous);
    Ok(ctx.no_content_or_redirect(account_path("picture")))
}
