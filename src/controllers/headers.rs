//! Headers of every response.

use rocket::fairing::AdHoc;
use rocket::shield::{Frame, NoSniff, Permission, Referrer, Shield};

use super::guards::cookies::Cookies;
use super::guards::images_url::images_url;

/// Returns the fairing that allows scripts and styles of the site only, nothing inline, and pictures of the file
/// server.
pub fn content_security() -> AdHoc {
    AdHoc::on_response("Content security", |request, response| {
        Box::pin(async move {
            let images = images_url(request).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
            let policy = format!(
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: {images}; \
                 media-src 'self' {images}; connect-src 'self' {images}; form-action 'self' {images}; font-src 'self'; manifest-src 'self'; \
                 worker-src 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'"
            );
            response.set_raw_header("Content-Security-Policy", policy);
        })
    })
}

/// Returns the fairing that adds cookies after all others.
pub fn trailing_cookies() -> AdHoc {
    AdHoc::on_response("Trailing cookies", |request, response| {
        Box::pin(async move {
            for cookie in Cookies::of(request).take_trailing() {
                response.adjoin_header(&cookie);
            }
        })
    })
}

/// Returns Rocket's shield with the site's policies.
pub fn shield() -> Shield {
    Shield::new()
        .enable(NoSniff::Enable)
        .enable(Frame::SameOrigin)
        .enable(Permission::default())
        // With a stricter policy browsers send `Origin: null` with the site's own forms.
        .enable(Referrer::StrictOriginWhenCrossOrigin)
}
