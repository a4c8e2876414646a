//! Value types: what users type, parsed once into types that need no further checks.
//!
//! A character is a Unicode scalar value unless the text says grapheme.

mod chat_text;
mod login;
mod nickname;
mod nonce;
mod password;
mod room_name;
mod text;
mod topic;

pub use chat_text::ChatText;
pub use login::Login;
pub use nickname::Nickname;
pub use nonce::Nonce;
pub use password::Password;
pub use room_name::RoomName;
pub(crate) use text::{collapse, initial, is_visible, key};
pub use topic::Topic;

pub use crate::picture_path::PicturePath;
