//! Styles, scripts and the site's own pictures.

use std::io::Cursor;
use std::path::PathBuf;

use rocket::request::Request;
use rocket::response::{self, Responder, Response};
use rocket::{Route, get, routes};

use super::encoding::put_either;
use crate::error::{Error, Result};
use crate::views::assets::{self, Asset};

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![show]
}

/// A file, and how long it may be kept.
pub(super) struct File {
    asset: &'static Asset,
    caching: &'static str,
}

impl File {
    /// A file that is looked at anew each time.
    ///
    /// # Errors
    /// `NotFound`.
    pub(super) fn fresh(name: &str) -> Result<Self> {
        Ok(Self { asset: assets::find(name).ok_or(Error::NotFound)?, caching: "no-cache" })
    }

    fn for_ever(self) -> Self {
        Self { caching: "public, max-age=31536000, immutable", ..self }
    }
}

impl<'r> Responder<'r, 'static> for File {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::build();
        response.raw_header("Content-Type", self.asset.content_type).raw_header("Cache-Control", self.caching);
        let plain: &'static [u8] = &self.asset.data;
        match self.asset.gzip.as_deref() {
            Some(gzip) => put_either(&mut response, request, plain, |_| Some(gzip)),
            None => drop(response.sized_body(plain.len(), Cursor::new(plain))),
        }
        response.ok()
    }
}

/// A file. Kept for ever under its own version; under an older one it is looked at anew.
#[get("/public/<version>/<name..>")]
fn show(version: &str, name: PathBuf) -> Result<File> {
    let file = File::fresh(name.to_str().ok_or(Error::NotFound)?)?;
    Ok(if version == assets::version() { file.for_ever() } else { file })
}
