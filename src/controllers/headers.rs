//! What every answer says about itself.

use rocket::fairing::AdHoc;
use rocket::shield::{Frame, NoSniff, Permission, Referrer, Shield};

use super::visitor::Visitor;

/// Scripts and styles from here only, nothing inline; pictures also from the image server, and to it; frames by our
/// own pages only.
pub fn content_security() -> AdHoc {
    AdHoc::on_response("Content security", |request, response| {
        Box::pin(async move {
            let images = Visitor::of(request).images_url().map(|url| url.origin().ascii_serialization());
            let images = images.unwrap_or_default();
            let policy = format!(
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: {images}; \
                 connect-src 'self' {images}; form-action 'self' {images}; font-src 'self'; manifest-src 'self'; \
                 worker-src 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'"
            );
            response.set_raw_header("Content-Security-Policy", policy);
        })
    })
}

/// Adds the cookie that goes behind all others.
pub fn last_cookie() -> AdHoc {
    AdHoc::on_response("Last cookie", |request, response| {
        Box::pin(async move {
            if let Some(cookie) = Visitor::of(request).take_last_cookie() {
                response.adjoin_header(&cookie);
            }
        })
    })
}

/// The headers.
pub fn shield() -> Shield {
    Shield::new()
        .enable(NoSniff::Enable)
        .enable(Frame::SameOrigin)
        .enable(Permission::default())
        // Stricter makes a browser say `Origin: null` for our own forms.
        .enable(Referrer::StrictOriginWhenCrossOrigin)
}
