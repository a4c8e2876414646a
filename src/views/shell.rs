//! The frame around every page of a signed-in user.

use serde::Serialize;

use super::user::UserView;

/// The elements of the lists in the sidebar.
#[derive(Serialize)]
pub struct ShellLists {
    pub rooms: String,
    pub directs: String,
    /// The element with the number of unread entries of the inbox.
    pub inbox_count: String,
    /// How many rooms have unread chats.
    pub unread_rooms: usize,
    /// The pages of direct rooms before and after this one.
    pub directs_previous: Option<usize>,
    pub directs_next: Option<usize>,
}

/// A page with the sidebar's rooms and the current user.
#[derive(Serialize)]
pub struct Shell<'a, P> {
    pub current_user: UserView,
    #[serde(flatten)]
    pub lists: ShellLists,
    /// The last change of the list that these rooms show.
    pub list_cursor: String,
    /// Rooms of a later page or a search change in place only.
    pub is_list_fixed: bool,
    #[serde(flatten)]
    pub page: &'a P,
}
