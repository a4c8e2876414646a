//! Styles and scripts.

use std::path::PathBuf;

use rocket::http::{ContentType, Header};
use rocket::{Responder, Route, get, routes};

use crate::error::{Error, Result};
use crate::views::assets;

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![show]
}

#[derive(Responder)]
struct File {
    bytes: Vec<u8>,
    kind: ContentType,
    caching: Header<'static>,
}

/// A file. Kept for ever under its own version; under an older one it is looked at anew.
#[get("/public/<version>/<name..>")]
fn show(version: &str, name: PathBuf) -> Result<File> {
    let asset = name.to_str().and_then(assets::find).ok_or(Error::NotFound)?;
    let caching = match version == assets::version() {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    Ok(File {
        bytes: asset.data.into_owned(),
        kind: ContentType::parse_flexible(asset.kind).ok_or(Error::NotFound)?,
        caching: Header::new("Cache-Control", caching),
    })
}
