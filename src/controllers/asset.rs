//! Styles, scripts and the site's own pictures.

use std::io::Cursor;
use std::path::PathBuf;

use rocket::request::Request;
use rocket::response::{self, Responder, Response};
use rocket::{Route, get, routes};

use super::compression::kept_compressed_body;
use crate::error::{Error, Result};
use crate::views::assets::{self, Asset};

pub(super) fn routes() -> Vec<Route> {
    routes![show]
}

pub(super) struct File {
    asset: &'static Asset,
    caching: &'static str,
}

impl File {
    /// Returns a file that browsers revalidate each time.
    pub(super) fn revalidated(name: &str) -> Result<Self> {
        Ok(Self { asset: assets::find(name).ok_or(Error::NotFound)?, caching: "no-cache" })
    }

    fn immutable(self) -> Self {
        Self { caching: "public, max-age=31536000, immutable", ..self }
    }
}

impl<'r> Responder<'r, 'static> for File {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::build();
        response.raw_header("Content-Type", self.asset.content_type).raw_header("Cache-Control", self.caching);
        let asset = self.asset;
        match asset.gzip() {
            Some(gzip) => kept_compressed_body(&mut response, request, gzip, || asset.plain().into_owned()),
            None => {
                let plain = asset.plain();
                response.sized_body(plain.len(), Cursor::new(plain));
            }
        }
        response.ok()
    }
}

/// Returns a file, which browsers keep permanently if the version is the current one.
#[get("/public/<version>/<name..>")]
fn show(version: &str, name: PathBuf) -> Result<File> {
    let file = File::revalidated(name.to_str().ok_or(Error::NotFound)?)?;
    Ok(if version == assets::version() { file.immutable() } else { file })
}
