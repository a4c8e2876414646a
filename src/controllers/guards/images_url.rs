//! The address at which this client reaches the image server.

use rocket::request::Request;
use url::Url;

use super::state::settings;
use crate::http;

/// Returns `images.url`, or else the request's host with the image server's port.
pub(crate) fn images_url(request: &Request<'_>) -> Option<Url> {
    let images = &settings(request).images;
    if let Some(url) = &images.url {
        return Some(url.clone());
    }
    http::url_at_port(request, images.port)
}
