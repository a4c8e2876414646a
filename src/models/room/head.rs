use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};

/// The end of a log as somebody saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The number of the last entry; 0 in an empty log.
    pub seq: i64,
    /// How many chats were said.
    pub no: i64,
    /// When the last entry was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<DateTime>,
    /// Whether it is *closed*.
    #[serde(skip)]
    pub closed: bool,
}
