use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// 0 if the log is empty.
    pub seq: i64,
    pub no: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<DateTime>,
    /// Events since the last chat.
    #[serde(skip)]
    pub(crate) events: i64,
    /// Whether the last entry is *closed*.
    #[serde(skip)]
    pub closed: bool,
}
