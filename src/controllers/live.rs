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
use crate::limits::SocketPermit;
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
    request: SocketRequest<'_>,
    upgrade: WebSocket,
) -> Result<WebSocketUpgrade> {
    let ctx = &request.ctx;
    let room = request.user.room(&ctx.db, id).await?;
    let feed = match ctx.hub.feed(&room, since.at_least(0)?).await {
        // Browsers hide the status of a refused upgrade from scripts, so a close code tells them.
        Err(Error::CursorAhead) => Err(Error::CursorAhead),
        feed => Ok(feed?),
    };
    let (hub, client) = (Arc::clone(ctx.hub), request.into_client());
    let served = Arc::clone(&hub);
    Ok(WebSocketUpgrade::new(&upgrade, &hub, move |io: IoStream| socket::serve(io, served, client, feed)))
}

/// The current user with one more socket counted. As a guard it rejects with 401 without a user, and with 429 at the
/// limit.
struct SocketRequest<'r> {
    ctx: RequestContext<'r>,
    user: &'r CurrentUser,
    permit: SocketPermit,
}

impl<'r> SocketRequest<'r> {
    async fn new(request: &'r Request<'_>) -> Result<Self> {
        let ctx = RequestContext::new(request).await?;
        let user = ctx.current_user().await?;
        let permit = ctx.limits.sockets.acquire(user.id, ctx.client_address())?;
        Ok(Self { ctx, user, permit })
    }

    fn into_client(self) -> socket::SocketClient {
        socket::SocketClient {
            user: self.user.user.clone(),
            session: self.user.session.clone(),
            address: self.ctx.client_address(),
            locale: self.ctx.locale(),
            _permit: self.permit,
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SocketRequest<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (Status, ()), Status> {
        match Self::new(request).await {
            Ok(socket) => Outcome::Success(socket),
            Err(error) => reject(request, error),
        }
    }
}
