//! The members of a room.

use serde::Serialize;

use super::RoomView;
use crate::models::Room;
use crate::models::room::membership::Membership;
use crate::models::values::Nickname;
use crate::views::form::FieldMessages;
use crate::views::time;
use crate::views::user::UserJson;

/// One member. The JSON calls `is_owner` "owner".
#[derive(Serialize)]
pub struct MemberView {
    id: String,
    /// `None` for a deleted user.
    nickname: Option<String>,
    #[serde(rename = "owner")]
    is_owner: bool,
    joined: String,
}

#[derive(Default, Serialize)]
pub struct MembersPage {
    pub room: Option<RoomView>,
    /// Empty for an open room.
    pub members: Vec<MemberView>,
    /// How many people stay when an open room becomes closed.
    pub visitors: usize,
    /// The end of the key of what has just been changed.
    pub notice: Option<&'static str>,
    /// What the reader wants to be told of the room.
    pub level: &'static str,
    /// What was typed to find people to add, and who was found.
    pub find: String,
    pub found: Vec<UserJson>,
    /// The errors of the form that adds members.
    pub errors: FieldMessages,
}

impl MemberView {
    pub(crate) fn new(member: &Membership, room: &Room, nickname: Option<&Option<Nickname>>) -> Self {
        Self {
            id: member.user.to_string(),
            nickname: nickname.and_then(Option::as_ref).map(|nickname| nickname.as_str().to_owned()),
            is_owner: member.user == room.owner,
            joined: time::rfc3339(member.joined),
        }
    }
}
