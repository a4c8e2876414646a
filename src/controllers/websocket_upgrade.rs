//! The response that upgrades a request to a WebSocket and hands the raw connection to a task.
//!
//! `rocket_ws` checks the request and computes the accept key. Its own `channel()` keeps the request alive beside the open
//! socket, and buffers of its own; `live::websocket` has the figures.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use rocket::data::{IoHandler, IoStream};
use rocket::request::Request;
use rocket::response::{self, Responder, Response};
use rocket_ws::WebSocket;

use crate::live::Hub;

/// Switches protocols, then runs `serve` in a task of the hub.
pub(super) struct WebSocketUpgrade {
    accept_key: String,
    hub: Arc<Hub>,
    serve: Box<dyn FnOnce(IoStream) -> BoxFuture<'static, ()> + Send>,
}

impl WebSocketUpgrade {
    pub(super) fn new<F>(
        request: &WebSocket,
        hub: &Arc<Hub>,
        serve: impl FnOnce(IoStream) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            accept_key: request.accept_key().to_owned(),
            hub: Arc::clone(hub),
            serve: Box::new(|io| Box::pin(serve(io))),
        }
    }
}

#[rocket::async_trait]
impl IoHandler for WebSocketUpgrade {
    /// Returns at once, so that Rocket drops the request and its buffers.
    async fn io(self: Pin<Box<Self>>, io: IoStream) -> io::Result<()> {
        let this = Pin::into_inner(self);
        this.hub.spawn((this.serve)(io));
        Ok(())
    }
}

impl<'r> Responder<'r, 'static> for WebSocketUpgrade {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build().raw_header("Sec-WebSocket-Accept", self.accept_key.clone()).upgrade("websocket", self).ok()
    }
}
