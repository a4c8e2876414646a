//! A room, live.

use std::sync::Arc;

use rocket::data::IoStream;
use rocket::{Route, State, get, routes};

use super::param::Asked;
use super::upgrade::{Upgrade, Upgraded};
use super::visitor::{SignedIn, Visitor};
use crate::error::{Error, Result};
use crate::limit::Limits;
use crate::live::{Hub, socket};
use crate::models::{Database, RoomId};

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![show]
}

/// A socket that follows the room from `since`, or from now.
#[get("/room/<id>/live?<since>")]
async fn show<'r>(
    id: RoomId,
    since: Asked<'r>,
    who: &'r SignedIn,
    visitor: Visitor<'r>,
    upgrade: Upgrade,
    db: &'r State<Arc<Database>>,
    hub: &'r State<Arc<Hub>>,
    limits: &'r State<Limits>,
) -> Result<Upgraded> {
    let place = limits.sockets.open(who.user.id, visitor.address())?;
    let room = who.user.room(db, id).await?;
    let feed = match hub.feed(&room, since.number("since", 0)?).await {
        // A browser does not see the status of a refused upgrade: it is told by a close code.
        Err(Error::Beyond) => Err(Error::Beyond),
        feed => Ok(feed?),
    };
    let visitor = socket::Visitor {
        user: who.user.clone(),
        session: who.session.clone(),
        address: visitor.address(),
        locale: visitor.locale(),
    };
    let served = Arc::clone(hub);
    Ok(upgrade.to(hub, move |io: IoStream| async move {
        let _place = place;
        socket::serve(io, served, visitor, feed).await;
    }))
}
