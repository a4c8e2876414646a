//! What pages and JSON show. Views are plain values: they use no database and know no HTTP.

pub mod assets;
pub mod chat;
mod device_name;
pub mod error;
pub mod event;
pub mod file;
pub mod form;
pub mod gzip;
pub mod inbox;
pub mod locale;
mod markup;
pub mod member;
mod particle;
pub mod people;
mod per_locale;
pub mod picture;
pub mod pwa;
pub mod room;
pub mod shell;
mod templates;
pub mod time;
pub mod user;

pub use locale::Locale;
pub use per_locale::PerLocale;
pub use templates::Views;
