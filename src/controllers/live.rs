//! The WebSockets: of a room, and of pages outside rooms.

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
use crate::live::socket::{self, SocketClient, Subscription};
use crate::models::RoomId;

pub(super) fn routes() -> Vec<Route> {
    routes![show, index]
}

/// Opens a socket that follows the room from `since`, and the room list from `list`, or each from now.
#[get("/room/<id>/live?<since>")]
async fn show(
    id: RoomId,
    since: QueryNumber<'_>,
    request: SocketRequest<'_>,
    upgrade: WebSocket,
) -> Result<WebSocketUpgrade> {
    let ctx = &request.ctx;
    let room = request.user.room(&ctx.db, id).await?;
    let subscription = match ctx.hub.feed(&room, request.user.id, since.at_least(0)?).await {
        Ok(feed) => Subscription::Room(feed),
        // Browsers hide the status of a refused upgrade from scripts, so a close code tells them.
        Err(Error::CursorAhead) => Subscription::CursorAhead,
        Err(error) => return Err(error),
    };
    Ok(request.upgrade(&upgrade, subscription))
}

/// Opens a socket that follows the room list from `list`, or from now.
#[get("/user/me/live")]
fn index(request: SocketRequest<'_>, upgrade: WebSocket) -> WebSocketUpgrade {
    request.upgrade(&upgrade, Subscription::ListOnly)
}

/// The current user with one more socket counted. As a guard it rejects with 401 without a user, and with 429 at the
/// limit.
struct SocketRequest<'r> {
    ctx: RequestContext<'r>,
    user: &'r CurrentUser,
    permit: SocketPermit,
    list_position: u64,
}

impl<'r> SocketRequest<'r> {
    async fn new(request: &'r Request<'_>) -> Result<Self> {
        let ctx = RequestContext::new(request).await?;
        let user = ctx.current_user().await?;
        let permit = ctx.limits.sockets.acquire(user.id, ctx.client_address())?;
        let list_position = ctx.hub.list_position(request.query_value("list").and_then(Result::ok));
        Ok(Self { ctx, user, permit, list_position })
    }

    fn upgrade(self, upgrade: &WebSocket, subscription: Subscription) -> WebSocketUpgrade {
        let (hub, locale, address) = (Arc::clone(self.ctx.hub), self.ctx.locale(), self.ctx.client_address());
        let (user, session) = (self.user.user.clone(), self.user.session.clone());
        let (list_position, _permit) = (self.list_position, self.permit);
        let client = SocketClient { user, session, address, locale, list_position, _permit };
        let served = Arc::clone(&hub);
        WebSocketUpgrade::new(upgrade, &hub, move |io: IoStream| socket::serve(io, served, client, subscription))
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
