//! A room, live.

use std::sync::Arc;

use rocket::data::IoStream;
use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request::{FromRequest, Request};
use rocket::{Route, State, get, routes};
use rocket_ws::WebSocket;

use super::param::Asked;
use super::visitor::{SignedIn, Visitor};
use super::websocket_upgrade::WebSocketUpgrade;
use crate::error::{Error, Result};
use crate::limits::{Limits, SocketPermit};
use crate::live::{Hub, socket};
use crate::models::RoomId;
use crate::store::Database;

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![show]
}

/// Opens a socket that follows the room from `since`, or from now.
#[get("/room/<id>/live?<since>")]
async fn show<'r>(
    id: RoomId,
    since: Asked<'r>,
    slot: SocketSlot,
    visitor: Visitor<'r>,
    upgrade: WebSocket,
    db: &'r State<Arc<Database>>,
    hub: &'r State<Arc<Hub>>,
) -> Result<WebSocketUpgrade> {
    let SocketSlot { who, place } = slot;
    let room = who.user.room(db, id).await?;
    let feed = match hub.feed(&room, since.number("since", 0)?).await {
        // Browsers hide the status of a refused upgrade from scripts, so a close code tells them.
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
    Ok(WebSocketUpgrade::new(&upgrade, hub, move |io: IoStream| socket::serve(io, served, visitor, feed)))
}

/// The current user, with one more socket counted. Rejects with 401 without a user, with 429 at the limit.
struct SocketSlot {
    who: Arc<SignedIn>,
    place: SocketPermit,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SocketSlot {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (Status, ()), Status> {
        let visitor = Visitor::of(request);
        let slot = async {
            let who = visitor.signed_in().await?;
            let place = visitor.state::<Limits>()?.sockets.acquire(who.user.id, visitor.address())?;
            Ok(Self { who, place })
        };
        match slot.await {
            Ok(slot) => Outcome::Success(slot),
            Err(error) => visitor.refuse(error),
        }
    }
}
