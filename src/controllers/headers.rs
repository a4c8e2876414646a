//! What every answer says about itself.

use rocket::http::Header;
use rocket::shield::{Frame, NoSniff, Permission, Policy, Referrer, Shield};

/// Scripts, styles and pictures from here only, nothing inline; frames by our own pages only.
#[derive(Default)]
struct ContentSecurity;

impl Policy for ContentSecurity {
    const NAME: &'static str = "Content-Security-Policy";

    fn header(&self) -> Header<'static> {
        let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      font-src 'self'; manifest-src 'self'; frame-src 'self'; form-action 'self'; \
                      frame-ancestors 'self'; base-uri 'none'";
        Header::new(Self::NAME, policy)
    }
}

/// The headers.
pub fn shield() -> Shield {
    Shield::new()
        .enable(NoSniff::Enable)
        .enable(Frame::SameOrigin)
        .enable(Permission::default())
        // Stricter makes a browser say `Origin: null` for our own forms.
        .enable(Referrer::StrictOriginWhenCrossOrigin)
        .enable(ContentSecurity)
}
