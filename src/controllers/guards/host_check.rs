//! The requests that the site answers under any host name.

use rocket::http::Method;
use rocket::request::Request;

use crate::http::{self, RequestGate};
use crate::internal_api::ImageClient;
use crate::ticket::Purpose;

/// Returns the gate that rejects requests to an unknown host name.
pub fn gate() -> RequestGate {
    RequestGate(is_exempt)
}

fn is_exempt(request: &Request<'_>) -> bool {
    let mut path = request.uri().path().segments();
    match (request.method(), [path.next(), path.next(), path.next(), path.next()]) {
        (Method::Get | Method::Head, [Some("health" | "alive" | "metrics"), None, ..]) => true,
        // The image server reaches the site at an internal address, with a ticket.
        (Method::Get, [Some("image"), Some(_), None, _]) => {
            let images: Option<&ImageClient> = request.rocket().state();
            images.zip(http::bearer(request)).is_some_and(|(images, ticket)| {
                images.secret().verify(ticket, Purpose::QueryPicture, request.uri().path().as_str())
            })
        }
        // These tickets cover the body, so the actions check them.
        (Method::Put, [Some("room"), Some(_), Some("chat"), None]) => http::bearer(request).is_some(),
        (Method::Post, [Some("file"), Some("unused"), None, _]) => http::bearer(request).is_some(),
        // This ticket covers a field of the form, so the action checks it.
        (Method::Put, [Some("user"), Some(_), Some("image"), None]) => http::bearer(request).is_some(),
        _ => false,
    }
}
