//! The upgrade of a request to a WebSocket. The connection's task is spawned and the request let go: kept
//! alive beside an open socket it costs 17 KiB each.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use rocket::data::{IoHandler, IoStream};
use rocket::http::Status;
use rocket::http::uncased::eq;
use rocket::outcome::Outcome;
use rocket::request::{FromRequest, Request};
use rocket::response::{self, Responder, Response};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::live::Hub;

/// A request that asks for a WebSocket.
pub(super) struct Upgrade {
    accept: String,
}

/// The answer that grants it.
pub(super) struct Upgraded {
    accept: String,
    hub: Arc<Hub>,
    serve: Box<dyn FnOnce(IoStream) -> BoxFuture<'static, ()> + Send>,
}

impl Upgrade {
    /// Grants it; `serve` then has the connection, in a task of its own.
    pub(super) fn to<F>(self, hub: &Arc<Hub>, serve: impl FnOnce(IoStream) -> F + Send + 'static) -> Upgraded
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Upgraded { accept: self.accept, hub: Arc::clone(hub), serve: Box::new(|io| Box::pin(serve(io))) }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Upgrade {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (Status, ()), Status> {
        let headers = request.headers();
        let lists = |name, value| headers.get(name).any(|line| line.split(',').any(|item| eq(item.trim(), value)));
        let key = headers.get_one("Sec-WebSocket-Key").filter(|_| {
            lists("Connection", "upgrade")
                && lists("Upgrade", "websocket")
                && headers.get_one("Sec-WebSocket-Version") == Some("13")
        });
        match key {
            Some(key) => Outcome::Success(Self { accept: derive_accept_key(key.as_bytes()) }),
            None => Outcome::Error((Status::BadRequest, ())),
        }
    }
}

#[rocket::async_trait]
impl IoHandler for Upgraded {
    async fn io(self: Pin<Box<Self>>, io: IoStream) -> io::Result<()> {
        let this = Pin::into_inner(self);
        this.hub.spawn((this.serve)(io));
        Ok(())
    }
}

impl<'r> Responder<'r, 'static> for Upgraded {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build().raw_header("Sec-WebSocket-Accept", self.accept.clone()).upgrade("websocket", self).ok()
    }
}
