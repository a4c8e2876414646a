//! The check against cross-site request forgery, and the check of the ids in a path. Both run before any guard.
//!
//! A browser names the origin of a form or an upgrade in `Origin`, or else in `Sec-Fetch-Site`. A request with neither
//! header comes from a program and passes.

use rocket::data::Data;
use rocket::http::{Method, Status};
use rocket::request::Request;
use rocket::route::{Handler, Outcome, Route};

use super::form_fields::FormFields;
use super::params::Seq;
use super::state::settings;
use crate::error::{CrossOrigin, Error};
use crate::http::{self, SetupWarnings};
use crate::models::RoomId;

#[derive(Clone)]
struct OriginCheck {
    id_segment: Option<usize>,
    seq_segment: Option<usize>,
    handler: Box<dyn Handler>,
}

/// Checks all requests of a route.
pub(crate) fn protect(mut route: Route) -> Route {
    let segment = |name| route.uri.path().split('/').skip(1).position(|segment| segment == name);
    let (id_segment, seq_segment) = (segment("<id>"), segment("<seq>"));
    route.handler = Box::new(OriginCheck { id_segment, seq_segment, handler: route.handler });
    route
}

impl OriginCheck {
    fn has_invalid_params(&self, request: &Request<'_>) -> bool {
        // All kinds of ids have one form.
        let is_id = |segment| request.param::<RoomId>(segment).is_some_and(|id| id.is_ok());
        let is_seq = |segment| request.param::<Seq>(segment).is_some_and(|seq| seq.is_ok());
        !self.id_segment.is_none_or(is_id) || !self.seq_segment.is_none_or(is_seq)
    }
}

#[rocket::async_trait]
impl Handler for OriginCheck {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        let is_unsafe = !matches!(request.method(), Method::Get | Method::Head | Method::Options);
        let is_upgrade = request.headers().contains("Upgrade");
        if (is_unsafe || is_upgrade)
            && let Err(reason) = check_origin(request)
        {
            if is_unsafe {
                // The error page shows what was typed.
                let _ = FormFields::read(request, data).await;
            }
            return Outcome::from(request, Error::CrossOrigin(reason));
        }
        if self.has_invalid_params(request) {
            return Outcome::forward(data, Status::NotFound);
        }
        self.handler.handle(request, data).await
    }
}

/// Checks that a request comes from a page of the site, or from no page at all.
fn check_origin(request: &Request<'_>) -> Result<(), CrossOrigin> {
    let headers = request.headers();
    if !headers.contains("Origin") {
        return match headers.get_one("Sec-Fetch-Site") {
            None | Some("same-origin" | "none") => Ok(()),
            Some(_) => Err(CrossOrigin::Page),
        };
    }
    let settings = settings(request);
    headers.get("Origin").try_for_each(|origin| {
        // Behind a proxy that is not configured the scheme is unknown, so the host alone decides.
        let scheme = origin.split_once(':').map_or("http", |(scheme, _)| scheme);
        let own = settings.site.url.clone().or_else(|| http::host(request)?.url(scheme));
        http::check_origin(request, settings, own.as_ref(), origin).inspect_err(|reason| {
            if matches!(reason, CrossOrigin::Port | CrossOrigin::Address)
                && let Some(warnings) = request.rocket().state::<SetupWarnings>()
            {
                warnings.warn_origin(origin, headers.get_one("Host").unwrap_or_default());
            }
        })
    })
}
