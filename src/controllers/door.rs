//! The door that every route has, before its guards ask the database anything. What changes something, or
//! opens a socket, must not come from another site's page: a browser says where from in `Origin`, else in
//! `Sec-Fetch-Site`; with neither it is none. And an id in the path must be one.
//! Behind it, all that one request asks of the database shares one patience.

use rocket::data::Data;
use rocket::http::{Method, Status};
use rocket::request::Request;
use rocket::route::{Handler, Outcome, Route};

use super::form;
use super::param::Number;
use super::visitor::Visitor;
use crate::error::{Error, Foreign};
use crate::http::{self, RequestGate, SetupWarnings};
use crate::internal_api::ImageClient;
use crate::models::RoomId;
use crate::ticket::Purpose;

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
        if (changes || upgrades)
            && let Err(foreign) = check_origin(request)
        {
            if changes {
                form::keep(request, data).await;
            }
            return Outcome::from(request, Error::Foreign(foreign));
        }
        if self.leads_nowhere(request) {
            return Outcome::forward(data, Status::NotFound);
        }
        crate::store::with_shared_budget(self.inside.handle(request, data)).await
    }
}

/// Returns the gate before the site's routes: what may come under any `Host`.
pub fn gate() -> RequestGate {
    RequestGate(|request| {
        let mut path = request.uri().path().segments();
        match (request.method(), [path.next(), path.next(), path.next(), path.next()]) {
            (Method::Get | Method::Head, [Some("health" | "alive" | "metrics"), None, ..]) => true,
            // The image server reaches the site at an address of its own, with a ticket.
            (Method::Get, [Some("image"), Some(_), None, _]) => {
                let path = request.uri().path();
                let peer = request.rocket().state::<ImageClient>();
                peer.zip(http::bearer(request))
                    .is_some_and(|(peer, ticket)| peer.secret().verify(ticket, Purpose::QueryPicture, path.as_str()))
            }
            // This ticket is about a field of the form, so the route checks it.
            (Method::Put, [Some("user"), Some(_), Some("image"), None]) => http::bearer(request).is_some(),
            _ => false,
        }
    })
}

/// Checks that a request comes from a page of the site, or from no page at all.
fn check_origin(request: &Request<'_>) -> Result<(), Foreign> {
    let (headers, visitor) = (request.headers(), Visitor::of(request));
    if !headers.contains("Origin") {
        return match headers.get_one("Sec-Fetch-Site") {
            None | Some("same-origin" | "none") => Ok(()),
            Some(_) => Err(Foreign::Page),
        };
    }
    let settings = visitor.settings();
    headers.get("Origin").try_for_each(|origin| {
        // Behind a proxy that is not configured the scheme is not known, so the host alone decides.
        let scheme = origin.split_once(':').map_or("http", |(scheme, _)| scheme);
        let own = settings.site.url.clone().or_else(|| http::host(request)?.url(scheme));
        http::check_origin(request, settings, own.as_ref(), origin).inspect_err(|foreign| {
            if let (Foreign::Port | Foreign::Address, Some(notices)) =
                (foreign, request.rocket().state::<SetupWarnings>())
            {
                notices.warn_origin(origin, headers.get_one("Host").unwrap_or_default());
            }
        })
    })
}
