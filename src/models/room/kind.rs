use serde::{Deserialize, Serialize};

use crate::error::FieldError;

/// Who may read and write in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoomKind {
    /// Everybody.
    #[default]
    Open,
    /// The members, whom the owner adds.
    Closed,
    /// A set of people that never changes. The room has no name of its own.
    Direct,
}

impl RoomKind {
    /// Parses a kind that the owner of a room may choose.
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        match typed {
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            _ => Err(FieldError::RoomKind),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Direct => "direct",
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        *self == Self::Open
    }
}
