//! Pictures of users. The image server stores them; the site knows their paths.

use rocket::http::{ContentType, Header};
use rocket::{FromForm, Responder, Route, get, put, routes};

use super::guards::bearer_token::BearerToken;
use super::guards::current_user::CurrentUser;
use super::guards::submission::Submission;
use super::reply::Reply;
use super::request_context::RequestContext;
use crate::error::{Error, Result};
use crate::internal_api::{ImageClient, PictureUsage};
use crate::models::values::PicturePath;
use crate::models::{User, UserId};
use crate::ticket::Purpose;
use crate::views::picture;

pub(super) fn routes() -> Vec<Route> {
    routes![show, update, in_use]
}

/// The path is validated after the ticket, which covers it.
#[derive(FromForm)]
struct PictureForm<'r> {
    #[field(default = "")]
    path: &'r str,
}

#[derive(Responder)]
enum Picture {
    #[response(status = 303)]
    Stored {
        body: (),
        location: Header<'static>,
        caching: Header<'static>,
    },
    Drawn {
        svg: String,
        content_type: ContentType,
        caching: Header<'static>,
    },
}

/// Redirects to a user's picture, or draws one. Deleted users have one too.
#[get("/user/<id>/image?<small>")]
async fn show(id: UserId, small: bool, _user: &CurrentUser, ctx: RequestContext<'_>) -> Result<Picture> {
    let user = find_if_exists(&ctx, id).await?;
    let caching = Header::new("Cache-Control", "private, no-cache");
    let stored = user.as_ref().and_then(|user| user.picture.as_ref()).zip(ctx.images_url());
    if let Some((path, mut url)) = stored {
        url.set_path(&if small { path.small() } else { path.as_str().to_owned() });
        return Ok(Picture::Stored { body: (), location: Header::new("Location", url.to_string()), caching });
    }
    let nickname = user.as_ref().map(|user| &user.nickname);
    let svg = picture::initial_avatar(ctx.views, ctx.locale(), &id.to_string(), nickname)?;
    Ok(Picture::Drawn { svg, content_type: ContentType::SVG, caching })
}

/// Sets a user's picture, for the image server.
#[put("/user/<id>/image", data = "<form>")]
async fn update(
    id: UserId,
    form: Submission<'_, PictureForm<'_>>,
    bearer: BearerToken<'_>,
    ctx: RequestContext<'_>,
) -> Result<Reply> {
    let path = form.value()?.path;
    if !ctx.images.secret().verify(bearer.0, Purpose::SetPicture, &format!("{id} {path}")) {
        // Only a valid ticket passes at any host name.
        return Err(if ctx.accepts_host() { Error::Forbidden } else { Error::Misdirected });
    }
    let path = PicturePath::parse(path).map_err(|error| Error::field("path", error))?;
    let previous = User::change_picture(&ctx.db, id, Some(&path)).await?;
    delete_in_background(ctx.images, previous);
    Ok(Reply::no_content())
}

/// Tells the image server whether a user has this picture.
#[get("/image/<name>")]
async fn in_use(name: &str, bearer: BearerToken<'_>, ctx: RequestContext<'_>) -> Result<Reply> {
    let path = PicturePath::parse(&format!("/image/{name}")).map_err(|_| Error::NotFound)?;
    if !ctx.images.secret().verify(bearer.0, Purpose::QueryPicture, path.as_str()) {
        return Err(Error::Forbidden);
    }
    Reply::json(&PictureUsage { used: User::is_picture_used(&ctx.db, &path).await? })
}

/// Deletes a picture that no user has. If the image server is down, its next sweep deletes it.
pub(super) fn delete_in_background(images: &ImageClient, picture: Option<PicturePath>) {
    if let Some(picture) = picture {
        let images = images.clone();
        tokio::spawn(async move { images.delete_picture(picture.as_str()).await });
    }
}

async fn find_if_exists(ctx: &RequestContext<'_>, id: UserId) -> Result<Option<User>> {
    match User::find(&ctx.db, id).await {
        Ok(user) => Ok(Some(user)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
