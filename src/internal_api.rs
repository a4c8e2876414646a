//! Requests between the two servers. Each carries a ticket and times out after [`TIMEOUT`].

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt;
use url::Url;

use crate::attachment::{ChatWithFiles, DownloadClaims, FileName, FileNames, FileVariant};
use crate::ticket::{Purpose, Secret, now};

const TIMEOUT: Duration = Duration::from_secs(3);
/// A chat is durable when the site answers.
const POST_TIMEOUT: Duration = Duration::from_secs(5);
/// The seconds for which a ticket with the digest of a body is valid.
const DIGEST_TICKET_TTL: u64 = 10 * 60;
/// For a backup of a file server on another machine.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(30 * 60);
const HEALTH_TIMEOUT: Duration = Duration::from_millis(1_000);

/// The image server's client of the site.
pub(crate) struct SiteClient(InternalClient);

/// The site's client of the image server.
#[derive(Clone)]
pub(crate) struct ImageClient(InternalClient);

#[derive(Clone)]
struct InternalClient {
    http: Client,
    base: Url,
    secret: Secret,
}

/// The site's answer about a picture.
#[derive(Deserialize, Serialize)]
pub(crate) struct PictureUsage {
    /// Whether a user has this picture.
    pub(crate) used: bool,
}

/// The free space on the disk of the image server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Space {
    #[default]
    Ok,
    /// Less than `files.min_free_percent`.
    Low,
}

/// The site's answer to a chat that the file server posts.
pub(crate) struct ChatAnswer {
    pub(crate) status: u16,
    /// In seconds.
    pub(crate) retry_after: Option<String>,
    /// JSON.
    pub(crate) body: Vec<u8>,
}

/// The outcome of a request to the other server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, or yes.
    Yes,
    /// Refused, or no.
    No,
    /// The other server is down, slow or failing.
    Unavailable,
}

impl SiteClient {
    pub(crate) fn new(base: Url, secret: Secret) -> Result<Self> {
        InternalClient::new(base, secret).map(Self)
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.0.secret
    }

    /// Records that the user's picture is at this path.
    pub(crate) async fn set_picture(&self, user: &str, path: &str) -> Outcome {
        let ticket = self.0.secret.ticket(Purpose::SetPicture, &format!("{user} {path}"));
        let request = self.0.http.request(Method::PUT, self.0.url(&format!("/user/{user}/image")));
        send(request.bearer_auth(ticket).form(&[("path", path)])).await
    }

    /// Returns whether a user has the picture at this path. A refusal is `Unavailable`: a differing secret or clock
    /// must not delete pictures.
    pub(crate) async fn is_picture_used(&self, path: &str) -> Outcome {
        let ticket = self.0.secret.ticket(Purpose::QueryPicture, path);
        let request = self.0.http.get(self.0.url(path)).bearer_auth(ticket).header("Accept", "application/json");
        let usage = async { request.send().await?.error_for_status()?.json::<PictureUsage>().await };
        match usage.await {
            Ok(PictureUsage { used: true }) => Outcome::Yes,
            Ok(PictureUsage { used: false }) => Outcome::No,
            Err(error) => {
                log::warn!("picture usage unknown: error={}", error.without_url());
                Outcome::Unavailable
            }
        }
    }
}

impl SiteClient {
    /// Posts a chat for its author. Returns `None` while the site does not answer.
    pub(crate) async fn post_chat(&self, room: &str, chat: &ChatWithFiles, language: &str) -> Option<ChatAnswer> {
        let answer = async {
            let url = self.0.url(&format!("/room/{room}/chat"));
            let request = self.0.signed_json(Method::PUT, url, Purpose::PostChat, room, chat)?;
            let response = request.header("Accept-Language", language).timeout(POST_TIMEOUT).send().await?;
            let status = response.status().as_u16();
            let retry_after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok());
            let retry_after = retry_after.map(str::to_owned);
            anyhow::Ok(ChatAnswer { status, retry_after, body: response.bytes().await?.into() })
        };
        answer.await.inspect_err(|error| log::warn!("chat with files not posted: error={error}")).ok()
    }

    /// Returns the files that no chat has, or `None` if the site does not say so.
    pub(crate) async fn unused_files(&self, names: &FileNames) -> Option<FileNames> {
        let answer = async {
            let url = self.0.url("/file/unused");
            let request = self.0.signed_json(Method::POST, url, Purpose::QueryFiles, "", names)?;
            anyhow::Ok(request.send().await?.error_for_status()?.json().await?)
        };
        answer.await.inspect_err(|error| log::warn!("usage of files unknown: error={error}")).ok()
    }
}

impl ImageClient {
    pub(crate) fn new(base: Url, secret: Secret) -> Result<Self> {
        InternalClient::new(base, secret).map(Self)
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.0.secret
    }

    pub(crate) async fn is_healthy(&self) -> bool {
        self.0.is_healthy().await
    }

    /// Returns what the image server says about its disk, or `None` if it does not answer.
    pub(crate) async fn space(&self) -> Option<Space> {
        #[derive(Deserialize)]
        struct Health {
            #[serde(default)]
            space: Space,
        }
        let health = async { self.0.health_request().send().await?.error_for_status()?.json::<Health>().await };
        health.await.map(|health| health.space).ok()
    }

    /// Returns the image server's clock, from the `Date` header of its health check.
    pub(crate) async fn clock(&self) -> Option<Timestamp> {
        let response = self.0.health_request().send().await.ok()?.error_for_status().ok()?;
        let date = response.headers().get("Date")?.to_str().ok()?;
        rfc2822::parse(date).ok().map(|date| date.timestamp())
    }

    /// Returns a stored picture, or `None` if there is no such file.
    /// A message for the log.
    pub(crate) async fn picture(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        let fetch = async {
            let response = self.0.http.get(self.0.url(path)).send().await?;
            match response.status() {
                StatusCode::NOT_FOUND => Ok(None),
                _ => response.error_for_status()?.bytes().await.map(|bytes| Some(bytes.into())),
            }
        };
        fetch.await.map_err(|error: reqwest::Error| error.without_url().to_string())
    }

    /// Downloads a file of a chat, or returns `false` if there is no such file.
    pub(crate) async fn download(&self, variant: &FileVariant, to: &Path) -> Result<bool> {
        let claims =
            DownloadClaims { name: "file".into(), media_type: "application/octet-stream".into(), inline: false };
        let (subject, expiry) = (variant.to_string(), now() + DOWNLOAD_TIMEOUT.as_secs());
        let ticket = self.0.secret.ticket_with_claims(Purpose::DownloadFile, &subject, &claims, expiry)?;
        let mut url = self.0.url(&variant.name.path(variant.is_small));
        url.query_pairs_mut().append_pair("ticket", &ticket);
        let response =
            self.0.http.get(url).timeout(DOWNLOAD_TIMEOUT).send().await.map_err(|error| error.without_url())?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        let mut response = response.error_for_status().map_err(|error| error.without_url())?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).await?;
        while let Some(chunk) = response.chunk().await? {
            file.write_all(&chunk).await?;
        }
        file.sync_all().await?;
        Ok(true)
    }

    /// Deletes a file that no chat has any more, and its small version. `Yes` also if there is no such file.
    pub(crate) async fn delete_file(&self, name: &FileName) -> Outcome {
        let ticket = self.0.secret.ticket(Purpose::DeleteFile, name.as_str());
        send(self.0.http.delete(self.0.url(&name.path(false))).bearer_auth(ticket)).await
    }

    /// Deletes a picture that no user has any more.
    pub(crate) async fn delete_picture(&self, path: &str) -> Outcome {
        let ticket = self.0.secret.ticket(Purpose::DeletePicture, path);
        send(self.0.http.delete(self.0.url(path)).bearer_auth(ticket)).await
    }
}

impl InternalClient {
    fn new(base: Url, secret: Secret) -> Result<Self> {
        // An idle connection in a pool would delay the other server's shutdown.
        let http = Client::builder().timeout(TIMEOUT).pool_max_idle_per_host(0).no_proxy();
        let http = http.redirect(reqwest::redirect::Policy::none()).build();
        let http = http.context("Cannot set up the HTTP client")?;
        Ok(Self { http, base, secret })
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// Returns a request whose ticket covers its body.
    fn signed_json(
        &self,
        method: Method,
        url: Url,
        purpose: Purpose,
        subject: &str,
        body: &impl Serialize,
    ) -> Result<RequestBuilder> {
        let body = serde_json::to_vec(body)?;
        let digest: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        let ticket = self.secret.ticket_with_claims(purpose, subject, &digest, now() + DIGEST_TICKET_TTL)?;
        let request = self.http.request(method, url).bearer_auth(ticket).header("Accept", "application/json");
        Ok(request.header("Content-Type", "application/json").body(body))
    }

    fn health_request(&self) -> RequestBuilder {
        self.http.get(self.url("/health")).timeout(HEALTH_TIMEOUT)
    }

    async fn is_healthy(&self) -> bool {
        send(self.health_request()).await == Outcome::Yes
    }
}

async fn send(request: RequestBuilder) -> Outcome {
    match request.send().await.map(|response| response.status()) {
        Ok(status) if status.is_success() => Outcome::Yes,
        Ok(StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) => Outcome::No,
        Ok(status) => {
            log::warn!("unexpected answer of the other server: status={status}");
            Outcome::Unavailable
        }
        Err(error) => {
            log::warn!("other server not reached: error={}", error.without_url());
            Outcome::Unavailable
        }
    }
}
