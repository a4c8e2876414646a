//! A room, live.

use std::sync::Arc;

use rocket::data::IoStream;
use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request::{FromRequest, Request};
use rocket::{Route, State, get, routes};

use super::param::Asked;
use super::upgrade::{Upgrade, Upgraded};
use super::visitor::{SignedIn, Visitor};
use crate::error::{Error, Result};
use crate::limits::{Limits, SocketPermit};
use crate::live::{Hub, socket};
use crate::models::RoomId;
use crate::store::Database;

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![show]
}

/// A socket that follows the room from `since`, or from now.
#[get("/room/<id>/live?<since>")]
async fn show<'r>(
    id: RoomId,
    since: Asked<'r>,
    opened: Opened,
    visitor: Visitor<'r>,
    upgrade: Upgrade,
    db: &'r State<Arc<Database>>,
    hub: &'r State<Arc<Hub>>,
) -> Result<Upgraded> {
    let Opened { who, place } = opened;
    let room = who.user.room(db, id).await?;
    let feed = match hub.feed(&room, since.number("since", 0)?).await {
        // A browser does not see the status of a refused upgrade: it is told by a close code.
        Err(Error::Beyond) => Err(Error::Beyond),
        feed => Ok(feed?),
    };
    let visitor = socket::SocketClient {
        user: who.user.clone(),
        session: who.session.clone(),
        address: visitor.address(),
        locale: visitor.locale(),
        place,
    };
    let served = Arc::clone(hub);
    Ok(upgrade.to(hub, move |io: IoStream| socket::serve(io, served, visitor, feed)))
}

/// The current user, with the place of one more socket. As a guard: 401 for all others, 429 where there is no place.
struct Opened {
    who: Arc<SignedIn>,
    place: SocketPermit,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Opened {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (Status, ()), Status> {
        let visitor = Visitor::of(request);
        let opened = async {
            let who = visitor.signed_in().await?;
            let place = visitor.state::<Limits>()?.sockets.acquire(who.user.id, visitor.address())?;
            Ok(Self { who, place })
        };
        match opened.await {
            Ok(opened) => Outcome::Success(opened),
            Err(error) => visitor.refuse(error),
        }
    }
}
