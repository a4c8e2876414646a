//! The WebSocket of a room.

use std::sync::Arc;

use rocket::data::IoStream;
use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request::{FromRequest, Request};
use rocket::{Route, get, routes};
use rocket_ws::WebSocket;

use super::guards::current_user::CurrentUser;
use super::guards::guard_error::reject;
use super::guards::query_number::QueryNumber;
use super::request_context::RequestContext;
use super::websocket_upgrade::WebSocketUpgrade;
use crate::error::{Error, Result};
use crate::limit::Place;
use crate::live::socket;
use crate::models::RoomId;

pub(super) fn routes() -> Vec<Route> {
    routes![show]
}

/// Opens a socket that follows the room from `since`, or from now.
#[get("/room/<id>/live?<since>")]
async fn show(
    id: RoomId,
    since: QueryNumber<'_>,
    client: SocketClient<'_>,
    upgrade: WebSocket,
) -> Result<WebSocketUpgrade> {
    let ctx = &client.ctx;
    let room = client.user.room(&ctx.db, id).await?;
    let feed = match ctx.hub.feed(&room, since.at_least(0)?).await {
        // Browsers hide the status of a refused upgrade from scripts, so a close code tells them.
        Err(Error::CursorAhead) => Err(Error::CursorAhead),
        feed => Ok(feed?),
    };
    let (hub, visitor) = (Arc::clone(ctx.hub), client.visitor());
    let served = Arc::clone(&hub);
    Ok(WebSocketUpgrade::new(&upgrade, &hub, move |io: IoStream| socket::serve(io, served, visitor, feed)))
}

/// The current user with one more socket counted. As a guard it rejects with 401 without a user, and with 429 at the
/// limit.
struct SocketClient<'r> {
    ctx: RequestContext<'r>,
    user: &'r CurrentUser,
    place: Place,
}

impl<'r> SocketClient<'r> {
    async fn new(request: &'r Request<'_>) -> Result<Self> {
        let ctx = RequestContext::new(request).await?;
        let user = ctx.current_user().await?;
        let place = ctx.limits.sockets.open(user.id, ctx.client_address())?;
        Ok(Self { ctx, user, place })
    }

    fn visitor(self) -> socket::Visitor {
        socket::Visitor {
            user: self.user.user.clone(),
            session: self.user.session.clone(),
            address: self.ctx.client_address(),
            locale: self.ctx.locale(),
            place: self.place,
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SocketClient<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (Status, ()), Status> {
        match Self::new(request).await {
            Ok(client) => Outcome::Success(client),
            Err(error) => reject(request, error),
        }
    }
}
