//! Pages of signed-in users: each has the sidebar with the rooms.

use std::sync::Arc;

use serde::Serialize;

use super::guards::current_user::CurrentUser;
use super::reply::Reply;
use super::request_context::RequestContext;
use super::room;
use crate::error::Result;
use crate::models::Room;
use crate::views::room::RoomListItem;
use crate::views::shell::Shell;
use crate::views::user::UserView;

const SIDEBAR_ROOMS: usize = 30;

/// Renders a page beside the first rooms of the list. `current` is the room that the page shows.
pub(super) async fn shell_page(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    current: Option<&Room>,
    template: &str,
    page: &impl Serialize,
) -> Result<Reply> {
    let mut rooms = user.cached_rooms(&ctx.db, SIDEBAR_ROOMS).await;
    if let Some(current) = current.filter(|current| rooms.iter().all(|room| room.id != current.id)) {
        rooms.push(Arc::new(current.clone()));
    }
    let rooms = room_items(ctx, user, &rooms).await;
    ctx.page(template, &Shell { current_user: UserView::from(&user.user), rooms, page })
}

/// Shows rooms in a list, each with its last chat and the number of people online.
pub(super) async fn room_items(ctx: &RequestContext<'_>, user: &CurrentUser, rooms: &[Arc<Room>]) -> Vec<RoomListItem> {
    let summaries = ctx.hub.summaries(rooms).await;
    rooms.iter().map(|room| room::view(ctx, room, user)).zip(summaries).map(RoomListItem::from).collect()
}
