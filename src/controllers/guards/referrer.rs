//! The page that a link was on.

use rocket::request::Request;
use url::Url;

use crate::models::RoomId;

/// Returns the path of the room whose page led here. Another site may have written the header, so the path is made of the
/// id alone.
pub(crate) fn referring_room(request: &Request<'_>) -> Option<String> {
    let page = Url::parse(request.headers().get_one("Referer")?).ok()?;
    let mut path = page.path_segments()?;
    let id: RoomId = (path.next() == Some("room")).then(|| path.next()?.parse().ok()).flatten()?;
    Some(format!("/room/{id}"))
}
