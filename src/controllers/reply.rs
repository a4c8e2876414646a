//! The replies that several controllers give.

use std::io::Cursor;

use flate2::Compression;
use rocket::http::{ContentType, Status};
use rocket::request::Request;
use rocket::response::{self, Responder, Response};
use serde::Serialize;

use super::compression::compressed_body;
use crate::error::{Error, Result};
use crate::views::gzip::gzip;
use crate::views::{Locale, Views};

/// A page, a fragment, JSON or a redirect. No cache stores it.
pub(crate) struct Reply {
    status: Status,
    location: Option<String>,
    body: Option<(ContentType, Vec<u8>)>,
    is_compressible: bool,
}

/// A reply that proxies pass on as it is written. nginx holds back what it buffers or compresses, other proxies what
/// they compress.
pub(crate) struct Unbuffered<R>(pub(crate) R);

impl Reply {
    pub(crate) fn page(views: &Views, template: &str, locale: Locale, view: &impl Serialize) -> Result<Self> {
        let html = views.render(template, locale, view)?;
        Ok(Self { is_compressible: true, ..Self::ok(ContentType::HTML, html.into_bytes()) })
    }

    pub(crate) fn fragment(html: &str) -> Self {
        Self::ok(ContentType::HTML, html.into())
    }

    pub(crate) fn json(view: &impl Serialize) -> Result<Self> {
        let json = serde_json::to_vec(view).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self::ok(ContentType::JSON, json))
    }

    pub(crate) fn see_other(location: impl ToString) -> Self {
        Self { location: Some(location.to_string()), ..Self::empty(Status::SeeOther) }
    }

    pub(crate) fn no_content() -> Self {
        Self::empty(Status::NoContent)
    }

    pub(crate) fn with_status(self, status: Status) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn with_content_type(self, content_type: ContentType) -> Self {
        Self { body: self.body.map(|(_, bytes)| (content_type, bytes)), ..self }
    }

    /// Never compresses a page that contains a secret next to text that others can choose. The length of the compressed
    /// page would reveal the secret (BREACH).
    pub(crate) fn uncompressed(self) -> Self {
        Self { is_compressible: false, ..self }
    }

    fn ok(content_type: ContentType, bytes: Vec<u8>) -> Self {
        Self { body: Some((content_type, bytes)), ..Self::empty(Status::Ok) }
    }

    fn empty(status: Status) -> Self {
        Self { status, location: None, body: None, is_compressible: false }
    }
}

impl<'r> Responder<'r, 'static> for Reply {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::build();
        // Going back in a browser asks again, also after signing out.
        response.status(self.status).raw_header("Cache-Control", "no-store");
        if let Some(location) = self.location {
            response.raw_header("Location", location);
        }
        if let Some((content_type, bytes)) = self.body {
            response.header(content_type);
            if self.is_compressible && self.status == Status::Ok {
                compressed_body(&mut response, request, bytes, |bytes| gzip(bytes, Compression::fast()));
            } else {
                response.sized_body(bytes.len(), Cursor::new(bytes));
            }
        }
        response.ok()
    }
}

impl<'r, 'o: 'r, R: Responder<'r, 'o>> Responder<'r, 'o> for Unbuffered<R> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'o> {
        Response::build_from(self.0.respond_to(request)?)
            .raw_header("Cache-Control", "no-store, no-transform")
            .raw_header("X-Accel-Buffering", "no")
            .ok()
    }
}
