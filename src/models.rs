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
mod patience;
pub mod restore;
pub mod room;
pub mod session;
pub mod signal;
mod site_id;
mod table;
mod throttle;
pub mod user;

pub use chat::Chat;
pub use database::Database;
pub use device::Device;
pub use id::{RoomId, UserId};
pub use lease::Lease;
pub use log::Log;
pub use patience::{patiently, together};
pub use room::Room;
pub use session::Session;
pub use user::User;
