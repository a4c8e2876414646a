//! Who calls the image server, and what it answers: to a form a way back to the site, to a script JSON.

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rocket::http::{ContentType, Status};
use rocket::outcome::Outcome;
use rocket::request::{FromRequest, Request};
use rocket::response::{self, Responder, Response};
use serde::Serialize;
use url::Url;

use super::store::FileName;
use crate::config::Settings;
use crate::error::{CrossOrigin, Error};
use crate::http;
use crate::views::Locale;
use crate::views::error::ErrorJson;

/// Whoever calls.
#[derive(Clone, Copy)]
pub(super) struct Client<'r>(&'r Request<'r>);

/// The ticket of the other server.
pub(super) struct Bearer<'r>(pub(super) &'r str);

/// An answer.
pub(super) struct ImageResponse {
    status: Status,
    headers: Vec<(&'static str, String)>,
    body: Option<(ContentType, Vec<u8>)>,
}

impl<'r> Client<'r> {
    /// Where the site's pages are: its configured address, else its port of the host that was asked.
    fn site_url(&self) -> Option<Url> {
        let settings: &Settings = self.0.rocket().state()?;
        if let Some(url) = &settings.site.url {
            return Some(url.clone());
        }
        http::url_at_port(self.0, settings.rocket.extract_inner("port").ok()?)
    }

    /// The site's origin, when the call comes from one of its pages by script.
    fn own_origin(&self) -> Option<String> {
        let home = self.site_url()?.origin().ascii_serialization();
        (self.0.headers().get_one("Origin")? == home).then_some(home)
    }

    /// The address that it comes from.
    pub(super) fn address(&self) -> IpAddr {
        let peer = self.0.remote().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        let proxies = self.0.rocket().state().map_or(&[][..], |settings: &Settings| &settings.proxies);
        http::client_address(peer, self.0.headers().get("X-Forwarded-For"), proxies)
    }

    /// Returns whether the site does not answer at the host that the request was sent to. A valid ticket is good at any.
    pub(super) fn is_misdirected(&self) -> bool {
        !http::accepts_host(self.0)
    }

    /// Checks that a form may come from where it came from. A request without `Origin` may come to any host.
    ///
    /// # Errors
    /// `CrossOrigin`; at an unknown host `Misdirected` instead.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.check_page().map_err(|error| if self.is_misdirected() { Error::Misdirected } else { error })
    }

    fn check_page(&self) -> Result<(), Error> {
        let headers = self.0.headers();
        let Some(settings) = self.0.rocket().state() else { return Err(Error::Misdirected) };
        let home = self.site_url();
        let check = |origin| http::check_origin(self.0, settings, home.as_ref(), origin).map_err(Error::CrossOrigin);
        headers.get("Origin").try_for_each(check)?;
        // A page of the site is of the same site as the image server, not always of the same origin.
        match headers.get_one("Sec-Fetch-Site") {
            Some("cross-site") if !headers.contains("Origin") => Err(Error::CrossOrigin(CrossOrigin::Page)),
            _ => Ok(()),
        }
    }

    /// Whether it has the picture of this name already.
    pub(super) fn query_has(&self, name: &str) -> bool {
        self.0.headers().get("If-None-Match").any(|tags| tags.trim() == "*" || tags.contains(name))
    }

    /// Returns the answer to a request that is refused.
    pub(super) fn error(&self, error: &Error) -> ImageResponse {
        ImageResponse::error_page(self.0, error)
    }

    fn wants_json(&self) -> bool {
        http::prefers_json(self.0)
    }
}

impl ImageResponse {
    /// Nothing but a status.
    pub(super) fn status_only(status: Status) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    pub(super) fn json(status: Status, view: &impl Serialize) -> Self {
        let json = serde_json::to_vec(view).unwrap_or_default();
        Self { body: Some((ContentType::JSON, json)), ..Self::status_only(status) }
    }

    /// An error in the reader's words: JSON for a script, else a page.
    pub(super) fn error_page(request: &Request<'_>, error: &Error) -> Self {
        let (caller, status) = (Client(request), Status::new(error.status()));
        let locale = Locale::negotiate(request.headers().get_one("Accept-Language").unwrap_or_default());
        if caller.wants_json() {
            return Self::json(status, &ErrorJson::new(error, locale, None)).with_cors(&caller);
        }
        let text = |end| locale.text(&format!("error-{}{end}", error.code()));
        let (tag, message, hint) = (locale.tag(), text(""), text("-hint"));
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"{tag}\">\n<meta charset=\"utf-8\">\n<title>{message}</title>\n\
             <h1>{message}</h1>\n<p>{hint}</p>\n"
        );
        Self { body: Some((ContentType::HTML, page.into_bytes())), ..Self::status_only(status) }
    }

    /// What became of an upload: JSON for a script, else back to the account page, which puts the code in words.
    pub(super) fn outcome(caller: &Client<'_>, status: Status, code: &str, view: &impl Serialize) -> Self {
        if caller.wants_json() {
            return Self::json(status, view).with_cors(caller);
        }
        let Some(mut home) = caller.site_url() else { return Self::status_only(status) };
        home.set_path("/user/me");
        home.query_pairs_mut().append_pair("picture", code);
        Self { headers: vec![("Location", home.into())], ..Self::status_only(Status::SeeOther) }
    }

    pub(super) fn preflight(caller: &Client<'_>) -> Self {
        let mut answer = Self::status_only(Status::NoContent).with_cors(caller);
        if caller.own_origin().is_some() {
            answer.headers.push(("Access-Control-Allow-Methods", "POST".into()));
            answer.headers.push(("Access-Control-Allow-Headers", "accept, content-type".into()));
            answer.headers.push(("Access-Control-Max-Age", "600".into()));
        }
        answer
    }

    pub(super) fn picture(name: &FileName, bytes: Vec<u8>) -> Self {
        Self { body: Some((ContentType::JPEG, bytes)), ..Self::immutable(Status::Ok, name) }
    }

    pub(super) fn not_modified(name: &FileName) -> Self {
        Self::immutable(Status::NotModified, name)
    }

    fn immutable(status: Status, name: &FileName) -> Self {
        let caching = ("Cache-Control", "public, max-age=31536000, immutable".into());
        Self { headers: vec![caching, ("ETag", format!("\"{}\"", name.as_str()))], ..Self::status_only(status) }
    }

    /// The same, with when to try again.
    pub(super) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.headers.extend(retry_after.map(|after| ("Retry-After", (after.as_secs() + 1).to_string())));
        self
    }

    /// Lets the site's own pages read it.
    fn with_cors(mut self, caller: &Client<'_>) -> Self {
        self.headers.push(("Vary", "Origin".into()));
        self.headers.extend(caller.own_origin().map(|origin| ("Access-Control-Allow-Origin", origin)));
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
        if let Some((kind, bytes)) = self.body {
            response.header(kind).sized_body(bytes.len(), Cursor::new(bytes));
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
