//! Refuses requests with a large head or an unknown host, before routing.
//!
//! Rocket cannot limit the head, and hyper accepts about 400 KB. The fairing redirects a refused request to a path without
//! a route, and the catcher answers it.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::request::Request;
use rocket::{Data, uri};

use super::{SetupWarnings, accepts_host, clip};
use crate::error::Error;

const MAX_HEAD_BYTES: usize = 16 << 10;

/// The fairing, with the rule for requests that are valid under any `Host`.
pub struct RequestGate(pub(crate) fn(&Request<'_>) -> bool);

#[derive(Clone, Debug)]
pub(crate) struct GateRefusal {
    reason: Reason,
    pub(crate) path: String,
}

#[derive(Clone, Copy, Debug)]
enum Reason {
    TooLarge,
    Misdirected,
}

struct GateVerdict(Option<GateRefusal>);

impl GateRefusal {
    fn new(reason: Reason, request: &Request<'_>) -> Self {
        let uri = request.uri();
        let path = clip(uri.path().as_str()).to_owned();
        let path = uri.query().map_or(path.clone(), |query| format!("{path}?{}", clip(query.as_str())));
        Self { reason, path: clip(&path).to_owned() }
    }

    pub(crate) fn error(&self) -> Error {
        match self.reason {
            Reason::TooLarge => Error::HeadTooLarge,
            Reason::Misdirected => Error::Misdirected,
        }
    }
}

#[rocket::async_trait]
impl Fairing for RequestGate {
    fn info(&self) -> Info {
        Info { name: "Gate", kind: Kind::Request | Kind::Singleton }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        SetupWarnings::check_proxy(request);
        let misdirected = || {
            let refused = !accepts_host(request) && !(self.0)(request);
            refused.then(|| GateRefusal::new(Reason::Misdirected, request))
        };
        let refusal = too_large(request).or_else(misdirected);
        if request.local_cache(|| GateVerdict(refusal)).0.is_some() {
            // Replacing the `Accept` header would parse it.
            request.set_uri(uri!("/refused"));
        }
    }
}

pub(crate) fn refusal<'r>(request: &'r Request<'_>) -> Option<&'r GateRefusal> {
    // Rocket skips fairings for a malformed first line.
    request.local_cache(|| GateVerdict(too_large(request))).0.as_ref()
}

fn too_large(request: &Request<'_>) -> Option<GateRefusal> {
    let uri = request.uri();
    let line = request.method().as_str().len()
        + uri.path().as_str().len()
        + uri.query().map_or(0, |query| query.as_str().len() + 1)
        + "  HTTP/1.1\r\n\r\n".len();
    let headers = request.headers().iter().map(|header| header.name().as_str().len() + header.value().len() + 4);
    (line + headers.sum::<usize>() > MAX_HEAD_BYTES).then(|| GateRefusal::new(Reason::TooLarge, request))
}
