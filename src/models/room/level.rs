use serde::{Deserialize, Serialize};

use super::RoomKind;
use crate::error::FieldError;

/// What of a room its member wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    All,
    /// Chats that mention the member.
    Mentions,
    None,
    /// Nothing; the room is not in the list either.
    Hidden,
}

impl Level {
    pub(crate) const ALL: [Self; 4] = [Self::All, Self::Mentions, Self::None, Self::Hidden];

    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        Self::ALL.into_iter().find(|level| level.as_str() == typed).ok_or(FieldError::Level)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Mentions => "mentions",
            Self::None => "none",
            Self::Hidden => "hidden",
        }
    }

    /// Returns the level of a member who has chosen none.
    pub(crate) fn default_of(kind: RoomKind) -> Self {
        match kind {
            RoomKind::Direct => Self::All,
            RoomKind::Open | RoomKind::Closed => Self::Mentions,
        }
    }
}
