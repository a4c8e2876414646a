//! The frame around every page of a signed-in user.

use serde::Serialize;

use super::room::RoomListItem;
use super::user::UserView;

/// A page with the sidebar's rooms and the current user.
#[derive(Serialize)]
pub struct Shell<'a, P> {
    pub current_user: UserView,
    pub rooms: Vec<RoomListItem>,
    #[serde(flatten)]
    pub page: &'a P,
}
