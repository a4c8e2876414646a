//! One HTTP connection. It uses hyper directly, because the load shares its core with the database.

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, HeaderMap, LOCATION, SET_COOKIE};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::form_urlencoded::Serializer;

/// A connection and its cookie.
pub struct Http {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    pub cookie: String,
}

pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Http {
    pub async fn connect(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        tokio::task::spawn_local(connection);
        Ok(Self { sender, host: format!("127.0.0.1:{port}"), cookie: String::new() })
    }

    /// Opens another connection with the same cookie.
    pub async fn reconnect(&self, port: u16) -> Self {
        let mut http = Self::connect(port).await.unwrap();
        http.cookie.clone_from(&self.cookie);
        http
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(Request::get(path), Bytes::new()).await
    }

    pub async fn get_json(&mut self, path: &str) -> Reply {
        self.send(Request::get(path).header(ACCEPT, "application/json"), Bytes::new()).await
    }

    /// Sends a form with an `Accept` header.
    pub async fn post(&mut self, path: &str, form: &[(&str, &str)], accept: &str) -> Reply {
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.header(ACCEPT, accept), body.into()).await
    }

    async fn send(&mut self, request: hyper::http::request::Builder, body: Bytes) -> Reply {
        let request = request.header(HOST, &self.host).header(COOKIE, &self.cookie);
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        for cookie in head.headers.get_all(SET_COOKIE) {
            self.cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
        Reply { status: head.status.as_u16(), headers: head.headers, body }
    }
}

impl Reply {
    /// Returns the target of the redirect.
    pub fn location(&self) -> &str {
        self.headers[LOCATION].to_str().unwrap()
    }
}
