//! Pictures of people, as far as the site has to do with them: where one is, and who may say so.

use std::sync::Arc;

use rocket::http::{ContentType, Header};
use rocket::outcome::Outcome;
use rocket::request::{FromRequest, Request};
use rocket::{FromForm, Responder, Route, State, delete, get, put, routes, uri};

use super::account;
use super::answer::Answer;
use super::form::{Nothing, Sent};
use super::visitor::{SignedIn, Visitor};
use crate::error::{Error, Result};
use crate::http;
use crate::internal_api::{ImageClient, PictureUsage};
use crate::models::values::PicturePath;
use crate::models::{User, UserId};
use crate::store::Database;
use crate::ticket::Purpose;
use crate::views::picture;

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![show, record, remove, ask]
}

/// The ticket of the image server; empty when there is none.
struct Bearer<'r>(&'r str);

/// Where the image server has put a picture.
#[derive(FromForm)]
struct Put<'r> {
    #[field(default = "")]
    path: &'r str,
}

/// A picture: the way to the stored one, or a drawn one. It may be another one a moment later.
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
        kind: ContentType,
        caching: Header<'static>,
    },
}

/// A person's picture, in the size of a card or in that of a chat; those who are gone have one too.
#[get("/user/<id>/image?<small>")]
async fn show(
    id: UserId,
    small: bool,
    _who: &SignedIn,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
) -> Result<Picture> {
    let user = match User::find(db, id).await {
        Ok(user) => Some(user),
        Err(Error::NotFound) => None,
        Err(error) => return Err(error),
    };
    let caching = Header::new("Cache-Control", "private, no-cache");
    let stored = user.as_ref().and_then(|user| user.picture.as_ref()).zip(visitor.images_url());
    if let Some((path, mut url)) = stored {
        url.set_path(&if small { path.small() } else { path.as_str().to_owned() });
        return Ok(Picture::Stored { body: (), location: Header::new("Location", url.to_string()), caching });
    }
    let nickname = user.as_ref().map(|user| &user.nickname);
    let svg = picture::draw(visitor.views()?, visitor.locale(), &id.to_string(), nickname)?;
    Ok(Picture::Drawn { svg, kind: ContentType::SVG, caching })
}

/// The image server says where a user's picture is.
#[put("/user/<id>/image", data = "<form>")]
async fn record(
    id: UserId,
    form: Sent<Put<'_>>,
    bearer: Bearer<'_>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    images: &State<ImageClient>,
) -> Result<Answer> {
    if !images.secret().verify(bearer.0, Purpose::SetPicture, &format!("{id} {}", form.path)) {
        // Only a valid ticket is good at any host name.
        return Err(if visitor.is_misdirected() { Error::Misdirected } else { Error::Forbidden });
    }
    let path = PicturePath::parse(form.path).map_err(|fault| Error::field("path", fault))?;
    let before = User::change_picture(db, id, Some(&path)).await?;
    forget(images, before);
    Ok(Answer::no_content())
}

/// One's own picture goes; one is drawn again.
#[delete("/user/me/picture", data = "<_form>")]
async fn remove(
    who: &SignedIn,
    _form: Sent<Nothing>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    images: &State<ImageClient>,
) -> Result<Answer> {
    let before = User::change_picture(db, who.user.id, None).await?;
    forget(images, before);
    match visitor.wants_json() {
        true => Ok(Answer::no_content()),
        false => Ok(Answer::see_other(uri!(account::show(done = Some("picture"), picture = _)))),
    }
}

/// The image server asks whether anybody has a picture.
#[get("/image/<name>")]
async fn ask(name: &str, bearer: Bearer<'_>, db: &State<Arc<Database>>, images: &State<ImageClient>) -> Result<Answer> {
    let path = PicturePath::parse(&format!("/image/{name}")).map_err(|_| Error::NotFound)?;
    if !images.secret().verify(bearer.0, Purpose::QueryPicture, path.as_str()) {
        return Err(Error::Forbidden);
    }
    Answer::json(&PictureUsage { used: User::is_picture_used(db, &path).await? })
}

/// Has the image server forget a picture that nobody has. Where it is away, its next sweep will.
pub(super) fn forget(images: &ImageClient, picture: Option<PicturePath>) {
    if let Some(picture) = picture {
        let images = images.clone();
        tokio::spawn(async move { images.delete_picture(picture.as_str()).await });
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Bearer<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (rocket::http::Status, ()), rocket::http::Status> {
        Outcome::Success(Self(http::bearer(request).unwrap_or_default()))
    }
}
