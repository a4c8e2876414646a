//! A request and the parts of the site that its action works with.

use std::net::IpAddr;
use std::sync::Arc;

use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request::{FromRequest, Request};
use serde::Serialize;
use url::Url;

use super::form_reply::FormReply;
use super::guards::client_address::client_address;
use super::guards::cookies::Cookies;
use super::guards::current_user::{self, CurrentUser};
use super::guards::guard_error::reject;
use super::guards::state::{database, managed};
use super::guards::{images_url, locale, referrer};
use super::reply::Reply;
use crate::error::{FieldErrors, Result};
use crate::http;
use crate::internal_api::ImageClient;
use crate::limits::{Limits, Rate};
use crate::live::Hub;
use crate::store::Database;
use crate::views::form::{FieldMessages, field_messages};
use crate::views::{Locale, Views};

pub(crate) struct RequestContext<'r> {
    request: &'r Request<'r>,
    pub(crate) db: Arc<Database>,
    pub(crate) hub: &'r Arc<Hub>,
    pub(crate) images: &'r ImageClient,
    pub(crate) limits: &'r Limits,
    pub(crate) views: &'r Views,
}

impl<'r> RequestContext<'r> {
    pub(crate) async fn new(request: &'r Request<'_>) -> Result<Self> {
        Ok(Self {
            request,
            db: database(request).await?,
            hub: managed(request)?,
            images: managed(request)?,
            limits: managed(request)?,
            views: managed(request)?,
        })
    }

    /// Returns the current user. Actions with a form ask for the user here rather than by a guard: the form is read by
    /// then, and the error page keeps it.
    pub(crate) async fn current_user(&self) -> Result<&'r CurrentUser> {
        current_user::current_user(self.request).await
    }

    /// Returns the current user and counts one action towards a rate.
    pub(crate) async fn rate_limited_user(&self, rate: impl FnOnce(&Limits) -> &Rate) -> Result<&'r CurrentUser> {
        let user = self.current_user().await?;
        rate(self.limits).check(user.id, self.client_address())?;
        Ok(user)
    }

    pub(crate) fn client_address(&self) -> IpAddr {
        client_address(self.request)
    }

    /// Returns a text in the query. For actions whose route is told from another one by a parameter.
    pub(crate) fn query_text(&self, name: &str) -> Option<&'r str> {
        self.request.query_value(name).and_then(std::result::Result::ok)
    }

    /// Returns which of some words the query has as `done`: what was done before the page was asked for.
    pub(crate) fn done(&self, known: &[&'static str]) -> Option<&'static str> {
        let done = self.query_text("done")?;
        known.iter().copied().find(|word| *word == done)
    }

    pub(crate) fn user_agent(&self) -> &'r str {
        self.request.headers().get_one("User-Agent").unwrap_or_default()
    }

    pub(crate) fn cookies(&self) -> Cookies<'r> {
        Cookies::of(self.request)
    }

    pub(crate) fn locale(&self) -> Locale {
        locale::locale(self.request)
    }

    pub(crate) async fn account_locale(&self) -> Locale {
        locale::account_locale(self.request).await
    }

    pub(crate) fn wants_json(&self) -> bool {
        http::prefers_json(self.request)
    }

    pub(crate) fn accepts_host(&self) -> bool {
        http::accepts_host(self.request)
    }

    /// Returns the image server's address for this client.
    pub(crate) fn images_url(&self) -> Option<Url> {
        images_url::images_url(self.request)
    }

    /// Returns the path of the room that the reader comes from.
    pub(crate) fn referring_room(&self) -> Option<String> {
        referrer::referring_room(self.request)
    }

    pub(crate) fn field_messages(&self, errors: &FieldErrors) -> FieldMessages {
        field_messages(errors, self.locale())
    }

    pub(crate) fn page(&self, template: &str, view: &impl Serialize) -> Result<Reply> {
        Reply::page(self.views, template, self.locale(), view)
    }

    /// Begins the reply to a form.
    pub(crate) fn reply<T>(&self, outcome: Result<T>) -> FormReply<T, (), ()> {
        FormReply::new(outcome, self.wants_json())
    }

    /// Replies to a form without a result of its own: 204 to a program, a redirect to a browser.
    pub(crate) fn no_content_or_redirect(&self, path: impl ToString) -> Reply {
        if self.wants_json() { Reply::no_content() } else { Reply::see_other(path) }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for RequestContext<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (Status, ()), Status> {
        match Self::new(request).await {
            Ok(context) => Outcome::Success(context),
            Err(error) => reject(request, error),
        }
    }
}
