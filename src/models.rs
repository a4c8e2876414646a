//! The collections and the verbs on them. Nothing here knows HTTP or HTML.

pub mod backup;
pub mod chat;
pub mod checked;
mod chore;
pub mod database;
pub mod device;
mod id;
mod lease;
pub mod log;
mod password;
pub mod restore;
pub mod room;
pub mod session;
pub mod signal;
mod site_id;
mod table;
mod throttle;
mod timeout;
pub mod user;

pub use chat::Chat;
pub use database::Database;
pub use device::Device;
pub use id::{RoomId, UserId};
pub use lease::Lease;
pub use log::RoomLog;
pub use room::Room;
pub use session::Session;
pub use timeout::{with_shared_budget, with_timeout};
pub use user::User;
