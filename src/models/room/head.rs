use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};

/// The last entry of a log, as far as known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// 0 if the log is empty.
    pub seq: i64,
    /// The number of *said* entries.
    pub no: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<DateTime>,
    /// Whether the last entry is *closed*.
    #[serde(skip)]
    pub closed: bool,
}
