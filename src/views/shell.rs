//! The frame around every page of a signed-in user.

use serde::Serialize;

use super::user::UserView;

/// A page with the sidebar's rooms and the current user.
#[derive(Serialize)]
pub struct Shell<'a, P> {
    pub current_user: UserView,
    /// The elements of the rooms.
    pub rooms: String,
    /// The last change of the list that these rooms show.
    pub list_cursor: String,
    /// Rooms of a later page or a search change in place only.
    pub is_list_fixed: bool,
    #[serde(flatten)]
    pub page: &'a P,
}
