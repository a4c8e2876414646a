//! The request guards and responses of the image server: redirects for forms, JSON for scripts.

use std::fs::File;
use std::io::{self, Cursor};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rocket::http::{ContentType, Status};
use rocket::outcome::Outcome;
use rocket::request::{FromRequest, Request};
use rocket::response::{self, Responder, Response};
use serde::Serialize;
use tokio::io::AsyncReadExt;
use url::Url;

use crate::config::Settings;
use crate::error::{CrossOrigin, Error};
use crate::http;
use crate::picture_path::PictureName;
use crate::views::Locale;
use crate::views::error::ErrorJson;

/// In bytes: each is read by a task of its own.
const FILE_CHUNK: usize = 128 << 10;

#[derive(Clone, Copy)]
pub(super) struct Client<'r>(&'r Request<'r>);

pub(super) struct Bearer<'r>(pub(super) &'r str);

pub(super) struct ImageResponse {
    status: Status,
    headers: Vec<(&'static str, String)>,
    body: ResponseBody,
}

enum ResponseBody {
    None,
    Bytes(ContentType, Vec<u8>),
    /// So many bytes from the position of a file.
    File(File, u64),
}

impl<'r> Client<'r> {
    /// Returns the URL of the site: the configured one, or the requested host with the site's port.
    pub(super) fn site_url(&self) -> Option<Url> {
        let settings: &Settings = self.0.rocket().state()?;
        if let Some(url) = &settings.site.url {
            return Some(url.clone());
        }
        http::url_at_port(self.0, settings.rocket.extract_inner("port").ok()?)
    }

    fn own_origin(&self) -> Option<String> {
        let origin = self.site_url()?.origin().ascii_serialization();
        (self.0.headers().get_one("Origin")? == origin).then_some(origin)
    }

    pub(super) fn address(&self) -> IpAddr {
        let peer = self.0.remote().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        let proxies = self.0.rocket().state().map_or(&[][..], |settings: &Settings| &settings.proxies);
        http::client_address(peer, self.0.headers().get("X-Forwarded-For"), proxies)
    }

    /// Returns whether the host of the request is unknown. A valid ticket is valid at any host.
    pub(super) fn is_misdirected(&self) -> bool {
        !http::accepts_host(self.0)
    }

    /// Checks the origin of a form. At an unknown host the error is `Misdirected`.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.check_page().map_err(|error| if self.is_misdirected() { Error::Misdirected } else { error })
    }

    /// Checks the origin of an upload for a chat: the site, or the page that this server answers with.
    pub(super) fn check_upload(&self) -> Result<(), Error> {
        let origin = self.0.headers().get_one("Origin");
        let is_own =
            origin.is_some_and(|origin| self.own_url().is_some_and(|url| url.origin().ascii_serialization() == origin));
        if is_own { Ok(()) } else { self.check() }
    }

    /// Returns the URL of this server, as browsers know it.
    fn own_url(&self) -> Option<Url> {
        let settings: &Settings = self.0.rocket().state()?;
        settings.images.url.clone().or_else(|| http::url_at_port(self.0, settings.images.port))
    }

    pub(super) fn header(&self, name: &str) -> Option<&'r str> {
        self.0.headers().get_one(name)
    }

    pub(super) fn language(&self) -> &'r str {
        self.header("Accept-Language").unwrap_or_default()
    }

    pub(super) fn locale(&self) -> Locale {
        Locale::negotiate(self.language())
    }

    fn check_page(&self) -> Result<(), Error> {
        let headers = self.0.headers();
        let Some(settings) = self.0.rocket().state() else { return Err(Error::Misdirected) };
        let site = self.site_url();
        let check = |origin| http::check_origin(self.0, settings, site.as_ref(), origin).map_err(Error::CrossOrigin);
        headers.get("Origin").try_for_each(check)?;
        // The two servers are always same-site, but not always same-origin.
        match headers.get_one("Sec-Fetch-Site") {
            Some("cross-site") if !headers.contains("Origin") => Err(Error::CrossOrigin(CrossOrigin::Page)),
            _ => Ok(()),
        }
    }

    pub(super) fn has_cached(&self, name: &str) -> bool {
        self.0.headers().get("If-None-Match").any(|tags| tags.trim() == "*" || tags.contains(name))
    }

    pub(super) fn error(&self, error: &Error) -> ImageResponse {
        ImageResponse::error_page(self.0, error)
    }

    pub(super) fn wants_json(&self) -> bool {
        http::prefers_json(self.0)
    }
}

impl ImageResponse {
    pub(super) fn status_only(status: Status) -> Self {
        Self { status, headers: Vec::new(), body: ResponseBody::None }
    }

    pub(super) fn json(status: Status, view: &impl Serialize) -> Self {
        let json = serde_json::to_vec(view).unwrap_or_default();
        Self { body: ResponseBody::Bytes(ContentType::JSON, json), ..Self::status_only(status) }
    }

    /// Returns an error in the client's language, as JSON or a page.
    pub(super) fn error_page(request: &Request<'_>, error: &Error) -> Self {
        let (client, status) = (Client(request), Status::new(error.status()));
        let locale = client.locale();
        if client.wants_json() {
            return Self::json(status, &ErrorJson::new(error, locale, None)).with_cors(&client);
        }
        let text = |end| locale.text(&format!("error-{}{end}", error.code()));
        let (tag, message, hint) = (locale.tag(), text(""), text("-hint"));
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"{tag}\">\n<meta charset=\"utf-8\">\n<title>{message}</title>\n\
             <h1>{message}</h1>\n<p>{hint}</p>\n"
        );
        Self { body: ResponseBody::Bytes(ContentType::HTML, page.into_bytes()), ..Self::status_only(status) }
    }

    /// Returns the outcome of an upload: JSON, or a redirect to the account page, which translates the code.
    pub(super) fn outcome(client: &Client<'_>, status: Status, code: &str, view: &impl Serialize) -> Self {
        if client.wants_json() {
            return Self::json(status, view).with_cors(client);
        }
        let Some(mut url) = client.site_url() else { return Self::status_only(status) };
        url.set_path("/user/me");
        url.query_pairs_mut().append_pair("picture", code);
        Self { headers: vec![("Location", url.into())], ..Self::status_only(Status::SeeOther) }
    }

    pub(super) fn preflight(client: &Client<'_>) -> Self {
        let mut response = Self::status_only(Status::NoContent).with_cors(client);
        if client.own_origin().is_some() {
            response.headers.push(("Access-Control-Allow-Methods", "POST".into()));
            response.headers.push(("Access-Control-Allow-Headers", "accept, content-type".into()));
            response.headers.push(("Access-Control-Max-Age", "600".into()));
        }
        response
    }

    pub(super) fn picture(name: &PictureName, file: File, length: u64) -> Self {
        let picture = Self { body: ResponseBody::File(file, length), ..Self::immutable(Status::Ok, name) };
        picture.with_header("Content-Type", Some("image/jpeg".into()))
    }

    /// Returns so many bytes from the position of a file.
    pub(super) fn file(status: Status, file: File, length: u64) -> Self {
        Self { body: ResponseBody::File(file, length), ..Self::status_only(status) }
    }

    /// Returns JSON of the site.
    pub(super) fn raw_json(status: Status, json: Vec<u8>) -> Self {
        Self { body: ResponseBody::Bytes(ContentType::JSON, json), ..Self::status_only(status) }
    }

    pub(super) fn html(status: Status, page: String) -> Self {
        let page =
            Self { body: ResponseBody::Bytes(ContentType::HTML, page.into_bytes()), ..Self::status_only(status) };
        page.with_header("Cache-Control", Some("no-store".into()))
            .with_header("Content-Security-Policy", Some("default-src 'none'; style-src 'unsafe-inline'".into()))
            .with_header("Referrer-Policy", Some("no-referrer".into()))
    }

    /// Returns the outcome of a removal.
    pub(super) fn removed(result: io::Result<()>) -> Self {
        let status = match result {
            Ok(()) => Status::NoContent,
            Err(error) => {
                log::error!("file not removed: error={error}");
                Status::InternalServerError
            }
        };
        Self::status_only(status)
    }

    /// Adds a header, if there is a value.
    pub(super) fn with_header(mut self, name: &'static str, value: Option<String>) -> Self {
        self.headers.extend(value.map(|value| (name, value)));
        self
    }

    pub(super) fn not_modified(name: &PictureName) -> Self {
        Self::immutable(Status::NotModified, name)
    }

    fn immutable(status: Status, name: &PictureName) -> Self {
        let caching = ("Cache-Control", "public, max-age=31536000, immutable".into());
        Self { headers: vec![caching, ("ETag", format!("\"{}\"", name.as_str()))], ..Self::status_only(status) }
    }

    pub(super) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.headers.extend(retry_after.map(|after| ("Retry-After", (after.as_secs() + 1).to_string())));
        self
    }

    pub(super) fn with_cors(mut self, client: &Client<'_>) -> Self {
        self.headers.push(("Vary", "Origin".into()));
        self.headers.extend(client.own_origin().map(|origin| ("Access-Control-Allow-Origin", origin)));
        self
    }
}

impl<'r> Responder<'r, 'static> for ImageResponse {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::build();
        response.status(self.status);
        for (name, value) in self.headers {
            response.raw_header(name, value);
        }
        match self.body {
            ResponseBody::None => {}
            ResponseBody::Bytes(kind, bytes) => {
                response.header(kind).sized_body(bytes.len(), Cursor::new(bytes));
            }
            ResponseBody::File(file, length) => {
                response.raw_header("Content-Length", length.to_string());
                response.streamed_body(tokio::fs::File::from_std(file).take(length)).max_chunk_size(FILE_CHUNK);
            }
        }
        response.ok()
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Client<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (Status, ()), Status> {
        Outcome::Success(Self(request))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Bearer<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (Status, ()), Status> {
        match http::bearer(request) {
            Some(ticket) => Outcome::Success(Self(ticket)),
            None => Outcome::Error((Status::Forbidden, ())),
        }
    }
}
