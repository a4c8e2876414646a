//! The gate before all routes of a server. It refuses requests whose head is too large, and requests that were sent to
//! a host name at which the server does not answer.
//!
//! Rocket has no setting for the size of a head, and hyper takes some 400 KB. So the first request fairing measures the
//! head, gives the request a path that no route has, and the catcher answers.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::request::Request;
use rocket::{Data, uri};

use super::{SetupWarnings, accepts_host, clip};
use crate::error::Error;

/// The most bytes of a request's head: its first line and its headers.
const MAX_HEAD: usize = 16 << 10;

/// The gate. It holds the rule for which requests may come under any `Host`.
pub struct RequestGate(pub fn(&Request<'_>) -> bool);

/// A request that was refused before it was routed.
#[derive(Clone, Debug)]
pub struct GateRefusal {
    reason: Reason,
    /// The path and query that the client asked for, cut.
    pub path: String,
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

    /// Returns the error that answers the request.
    pub fn error(&self) -> Error {
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
            // The headers stay: to replace `Accept` would parse it.
            request.set_uri(uri!("/refused"));
        }
    }
}

/// Returns why a request was refused before it was routed, if it was.
pub fn refusal<'r>(request: &'r Request<'_>) -> Option<&'r GateRefusal> {
    // Rocket runs no fairing for a request whose first line it cannot read.
    request.local_cache(|| GateVerdict(too_large(request))).0.as_ref()
}

fn too_large(request: &Request<'_>) -> Option<GateRefusal> {
    let uri = request.uri();
    let line = request.method().as_str().len()
        + uri.path().as_str().len()
        + uri.query().map_or(0, |query| query.as_str().len() + 1)
        + "  HTTP/1.1\r\n\r\n".len();
    let headers = request.headers().iter().map(|header| header.name().as_str().len() + header.value().len() + 4);
    (line + headers.sum::<usize>() > MAX_HEAD).then(|| GateRefusal::new(Reason::TooLarge, request))
}
