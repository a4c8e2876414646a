//! The door that every route has, before its guards ask the database anything. What changes something, or
//! opens a socket, must not come from another site's page: a browser says where from in `Origin`, else in
//! `Sec-Fetch-Site`; with neither it is none. And an id in the path must be one.
//! Behind it, all that one request asks of the database shares one patience.

use rocket::data::Data;
use rocket::http::{Method, Status};
use rocket::request::Request;
use rocket::route::{Handler, Outcome, Route};
use url::Url;

use super::form;
use super::param::Number;
use super::visitor::Visitor;
use crate::error::Error;
use crate::models::{self, RoomId};

/// The routes, each behind the door.
pub(super) fn guarded(routes: Vec<Route>) -> Vec<Route> {
    let guard = |mut route: Route| {
        let segments = route.uri.path().split('/').skip(1).enumerate();
        let named = |name| segments.clone().find(|(_, segment)| *segment == name).map(|(place, _)| place);
        let (id, seq) = (named("<id>"), named("<seq>"));
        route.handler = Box::new(Door { id, seq, inside: route.handler });
        route
    };
    routes.into_iter().map(guard).collect()
}

#[derive(Clone)]
struct Door {
    /// Which segments of the path are an id and a number.
    id: Option<usize>,
    seq: Option<usize>,
    inside: Box<dyn Handler>,
}

impl Door {
    fn leads_nowhere(&self, request: &Request<'_>) -> bool {
        // All ids are of one form.
        let is_id = |place| request.param::<RoomId>(place).is_some_and(|id| id.is_ok());
        let is_number = |place| request.param::<Number>(place).is_some_and(|number| number.is_ok());
        !self.id.is_none_or(is_id) || !self.seq.is_none_or(is_number)
    }
}

#[rocket::async_trait]
impl Handler for Door {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        let changes = !matches!(request.method(), Method::Get | Method::Head | Method::Options);
        let upgrades = request.headers().contains("Upgrade");
        if (changes || upgrades) && is_foreign(request) {
            if changes {
                form::keep(request, data).await;
            }
            return Outcome::from(request, Error::Foreign);
        }
        if self.leads_nowhere(request) {
            return Outcome::forward(data, Status::NotFound);
        }
        models::together(self.inside.handle(request, data)).await
    }
}

fn is_foreign(request: &Request<'_>) -> bool {
    let headers = request.headers();
    match headers.contains("Origin") {
        true => !headers.get("Origin").all(|origin| is_own(origin, request)),
        false => headers.get_one("Sec-Fetch-Site").is_some_and(|site| !matches!(site, "same-origin" | "none")),
    }
}

/// The configured origin, to the letter; else the host that the request was sent to. Its scheme cannot be
/// known behind a proxy that is not configured, so the host alone decides.
fn is_own(origin: &str, request: &Request<'_>) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    // An origin is written in one way, and without a path.
    if !matches!(url.scheme(), "http" | "https") || url.origin().ascii_serialization() != origin {
        return false;
    }
    match &Visitor::of(request).settings().site.url {
        Some(own) => url.origin() == own.origin(),
        None => {
            let host = request.headers().get_one("Host").unwrap_or_default();
            let own = Url::parse(&format!("{}://{host}", url.scheme()));
            own.is_ok_and(|own| url.origin() == own.origin())
        }
    }
}
