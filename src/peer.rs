//! The other server: what the site asks of the image server, and the image server of the site. Each question
//! carries a ticket, and none is waited for longer than [`PATIENCE`].

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::{Client, Method, StatusCode};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::ticket::{Purpose, Secret};

/// How long the other server may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long it may take to say that it is there.
const PULSE: Duration = Duration::from_millis(1_000);

/// The other server.
#[derive(Clone)]
pub struct Peer {
    client: Client,
    address: Url,
    secret: Secret,
}

/// What the site answers about a picture.
#[derive(Deserialize, Serialize)]
pub struct Use {
    /// Whether anybody has it.
    pub used: bool,
}

/// What the other server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Done, or yes.
    Yes,
    /// Refused, or no.
    No,
    /// Nothing: it is away, slow or in trouble.
    Nothing,
}

impl Peer {
    /// The server at an address.
    ///
    /// # Errors
    /// A sentence, when this machine cannot ask anybody anything.
    pub fn new(address: Url, secret: Secret) -> Result<Self, String> {
        // No connection is kept: one that is idle would hold up the other server when it stops.
        let client = Client::builder().timeout(PATIENCE).pool_max_idle_per_host(0).no_proxy();
        let client = client.redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| format!("The other server cannot be asked: {error}"))?;
        Ok(Self { client, address, secret })
    }

    /// What both servers know.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Whether it is there, and answers within [`PULSE`].
    pub async fn is_there(&self) -> bool {
        self.ask(self.client.get(self.at("/health")).timeout(PULSE)).await == Said::Yes
    }

    /// Returns its clock, from the `Date` of its answer, if it is there.
    pub async fn clock(&self) -> Option<Timestamp> {
        let answer = self.client.get(self.at("/health")).timeout(PULSE).send().await.ok()?.error_for_status().ok()?;
        let date = answer.headers().get("Date")?.to_str().ok()?;
        rfc2822::parse(date).ok().map(|date| date.timestamp())
    }

    /// The image server to the site: this user's picture is at this path.
    pub async fn record(&self, user: &str, path: &str) -> Said {
        let ticket = self.secret.ticket(Purpose::Record, &format!("{user} {path}"));
        let request = self.client.request(Method::PUT, self.at(&format!("/user/{user}/image")));
        self.ask(request.bearer_auth(ticket).form(&[("path", path)])).await
    }

    /// The image server to the site: whether anybody has the picture at this path. A refusal says nothing about that:
    /// another secret or another clock must not cost anybody a picture.
    pub async fn is_used(&self, path: &str) -> Said {
        let ticket = self.secret.ticket(Purpose::Ask, path);
        let question = self.client.get(self.at(path)).bearer_auth(ticket).header("Accept", "application/json");
        let answer = async { question.send().await?.error_for_status()?.json::<Use>().await };
        match answer.await {
            Ok(Use { used: true }) => Said::Yes,
            Ok(Use { used: false }) => Said::No,
            Err(error) => {
                log::warn!("the other server does not say whether a picture is used: {}", error.without_url());
                Said::Nothing
            }
        }
    }

    /// A file of the image server's, at its path; `None` when it has no such file.
    ///
    /// # Errors
    /// A word for the log, when it does not answer.
    pub async fn picture(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        let fetch = async {
            let answer = self.client.get(self.at(path)).send().await?;
            match answer.status() {
                StatusCode::NOT_FOUND => Ok(None),
                _ => answer.error_for_status()?.bytes().await.map(|bytes| Some(bytes.into())),
            }
        };
        fetch.await.map_err(|error| error.without_url().to_string())
    }

    /// The site to the image server: nobody has the picture at this path any more.
    pub async fn forget(&self, path: &str) -> Said {
        let ticket = self.secret.ticket(Purpose::Forget, path);
        self.ask(self.client.delete(self.at(path)).bearer_auth(ticket)).await
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.address.clone();
        url.set_path(path);
        url
    }

    async fn ask(&self, question: reqwest::RequestBuilder) -> Said {
        match question.send().await.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Said::Yes,
            Ok(StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) => Said::No,
            Ok(status) => {
                log::warn!("the other server answered {status}");
                Said::Nothing
            }
            Err(error) => {
                log::warn!("the other server does not answer: {}", error.without_url());
                Said::Nothing
            }
        }
    }
}
