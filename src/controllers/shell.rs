//! Pages of signed-in users: each has the sidebar with the rooms.

use std::sync::Arc;

use serde::Serialize;

use super::guards::current_user::CurrentUser;
use super::reply::Reply;
use super::request_context::RequestContext;
use crate::error::Result;
use crate::live::room_list::LISTED_ROOMS;
use crate::live::user_rooms::{ListRequest, ListScope};
use crate::models::Room;
use crate::views::shell::Shell;
use crate::views::user::UserView;

/// Renders a page beside the first rooms of the list. `current` is the room that the page shows.
pub(super) async fn shell_page(
    ctx: &RequestContext<'_>,
    user: &CurrentUser,
    current: Option<&Room>,
    template: &str,
    page: &impl Serialize,
) -> Result<Reply> {
    let list_cursor = ctx.hub.list_cursor();
    let mut rooms = user.cached_rooms(&ctx.db, LISTED_ROOMS).await;
    if let Some(current) = current.filter(|current| rooms.iter().all(|room| room.id != current.id)) {
        rooms.push(Arc::new(current.clone()));
    }
    let request = ListRequest { current, scope: ListScope::Latest, directs: 1 };
    let lists = ctx.hub.user_rooms(user, &rooms, request, ctx.locale()).await?;
    let shell = Shell { current_user: UserView::from(&user.user), lists, list_cursor, is_list_fixed: false, page };
    ctx.page(template, &shell)
}
