//! Who asks: from where, in which language, signed in or not.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rocket::http::{Cookie, CookieJar, SameSite, Status};
use rocket::outcome::Outcome;
use rocket::request::{FromRequest, Request};
use rocket::time::Duration;
use url::Url;

use super::access;
use super::cookies::{self, CookieNames, OLD_LOCALE, OLD_SESSION};
use super::form::Fields;
use crate::config::Settings;
use crate::error::{Error, Result};
use crate::http;
use crate::models::session::SessionToken;
use crate::models::{Device, Session, User};
use crate::store::Database;
use crate::ticket::Secret;
use crate::views::error::Kept;
use crate::views::user::Me;
use crate::views::{Locale, Views};

/// How long a browser keeps a cookie. It outlives the session, whose end the site decides;
/// 400 days is the most that browsers keep.
const COOKIE_LIFE: Duration = Duration::days(400);

/// Whoever asks. What it costs to find out is spent when it is asked for.
#[derive(Clone, Copy)]
pub struct Visitor<'r> {
    request: &'r Request<'r>,
}

/// A user and the session that they are signed in under. As a guard: 401 for all others.
pub struct SignedIn {
    /// The person.
    pub user: User,
    /// Under which session.
    pub session: Session,
}

/// The same for a page: all others are sent to sign in, and back.
pub struct Reader(Arc<SignedIn>);

/// What one request has found out about its visitor.
#[derive(Default)]
struct Known {
    /// Filled when the session was resumed.
    signed_in: OnceLock<Arc<SignedIn>>,
    /// Why a guard refused: taken by the catcher that answers.
    refusal: Mutex<Option<Error>>,
    /// What [`super::last_cookie`] sends.
    last_cookie: Mutex<Option<Cookie<'static>>>,
    /// The form that the request sent, for an error page that keeps it.
    fields: OnceLock<Fields>,
}

impl<'r> Visitor<'r> {
    /// Whoever sent the request.
    pub fn of(request: &'r Request<'_>) -> Self {
        // A request's own borrow is the shorter of its two lifetimes.
        Self { request }
    }

    /// The address it came from; behind a configured proxy the one that the proxy saw.
    pub fn address(&self) -> IpAddr {
        let peer = self.request.remote().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        http::client_address(peer, self.request.headers().get("X-Forwarded-For"), &self.settings().proxies)
    }

    /// Whether a proxy that is believed has sent it on.
    pub(super) fn is_by_proxy(&self) -> bool {
        self.request.remote().is_some_and(|peer| http::is_proxy(peer.ip(), &self.settings().proxies))
    }

    /// Whether it came by TLS, as far as that is known.
    pub fn is_secure(&self) -> bool {
        if let Some(url) = &self.settings().site.url {
            return url.scheme() == "https";
        }
        self.is_by_proxy()
            && self.request.headers().get_one("X-Forwarded-Proto").is_some_and(|proto| proto.trim() == "https")
    }

    /// The language to answer in: the one of the account, as far as this request has asked who it is, else the one
    /// that was chosen in this browser, else the one that the browser likes best.
    pub fn locale(&self) -> Locale {
        let of_account = self.known().signed_in.get().and_then(|signed_in| signed_in.user.locale.as_deref());
        let of_cookie = || {
            let own = cookies::sent(self.request, self.cookie_names()?.locale(self.is_secure()));
            own.chain(cookies::sent(self.request, OLD_LOCALE)).find_map(Locale::tagged)
        };
        let of_browser = || Locale::accepted(self.request.headers().get_one("Accept-Language").unwrap_or_default());
        of_account.and_then(Locale::tagged).or_else(of_cookie).unwrap_or_else(of_browser)
    }

    /// The same after asking who it is. Where that cannot be known, it is nobody.
    pub async fn settled_locale(&self) -> Locale {
        let _ = self.signed_in().await;
        self.locale()
    }

    /// Whether JSON is wanted rather than a page.
    pub fn wants_json(&self) -> bool {
        http::prefers_json(self.request)
    }

    /// What it says of itself.
    pub fn browser(&self) -> &'r str {
        self.request.headers().get_one("User-Agent").unwrap_or_default()
    }

    /// Where this browser reaches the image server: the configured address, else its port of the host that was asked.
    pub fn images_url(&self) -> Option<Url> {
        let images = &self.settings().images;
        if let Some(url) = &images.url {
            return Some(url.clone());
        }
        http::host(self.request).filter(|_| http::accepts_host(self.request))?.with_port(images.port)
    }

    /// Whether the site does not answer at the host that the request was sent to.
    pub(super) fn is_misdirected(&self) -> bool {
        !http::accepts_host(self.request)
    }

    /// The site's templates.
    pub fn views(&self) -> Result<&'r Views> {
        self.state()
    }

    /// The path and query that were asked for.
    pub fn path(&self) -> String {
        http::refusal(self.request).map_or_else(|| self.request.uri().to_string(), |refusal| refusal.path.clone())
    }

    /// The person, when signed in.
    ///
    /// # Errors
    /// `SignedOut`, or the database's.
    pub async fn signed_in(&self) -> Result<Arc<SignedIn>> {
        let known = self.known();
        if let Some(signed_in) = known.signed_in.get() {
            return Ok(Arc::clone(signed_in));
        }
        let db = self.state::<Arc<Database>>()?;
        for (token, is_old) in self.tokens() {
            let (session, user) = match Session::resume(db, token).await {
                Err(Error::SignedOut) => continue,
                resumed => resumed?,
            };
            if is_old {
                self.set(|names| names.session(self.is_secure()), token.to_owned());
                self.cookies().remove(Cookie::build(OLD_SESSION).path("/"));
            }
            return Ok(Arc::clone(known.signed_in.get_or_init(|| Arc::new(SignedIn { user, session }))));
        }
        Err(Error::SignedOut)
    }

    /// The tokens that the request carries, each with whether its cookie has the old name. Other programs on the host
    /// may have cookies of that name too.
    fn tokens(&self) -> impl Iterator<Item = (&'r str, bool)> {
        let own = self.cookie_names().map(|names| cookies::sent(self.request, names.session(self.is_secure())));
        let own = own.into_iter().flatten().map(|token| (token, false));
        let old = cookies::sent(self.request, OLD_SESSION).map(|token| (token, true));
        own.chain(old).filter(|(token, _)| SessionToken::is_well_formed(token))
    }

    /// The person, as far as this request has asked already.
    pub fn me(&self) -> Option<Me> {
        self.known().signed_in.get().map(|signed_in| Me::from(&signed_in.user))
    }

    /// Whether they say that they are signed in.
    pub(super) fn has_session(&self) -> bool {
        self.tokens().next().is_some()
    }

    /// The person's opaque id, as far as this request has asked already.
    pub(super) fn user_id(&self) -> Option<String> {
        self.known().signed_in.get().map(|signed_in| signed_in.user.id.to_string())
    }

    /// The number of the request, as the log has it.
    pub(super) fn request_id(&self) -> &'r str {
        access::id(self.request)
    }

    /// Why a guard refused.
    pub(super) fn take_refusal(&self) -> Option<Error> {
        self.known().refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Keeps the form of this request until it is answered.
    pub(super) fn keep_fields(&self, fields: Fields) -> &'r Fields {
        self.known().fields.get_or_init(|| fields)
    }

    /// The form of this request as an error page keeps it; `is_sendable`: whether the page offers to send it again.
    pub(super) fn kept(&self, is_sendable: bool) -> Option<Kept> {
        self.known().fields.get()?.kept(self.request, is_sendable)
    }

    /// The user whose page the form of this request stood on.
    pub(super) fn author(&self) -> Option<&'r str> {
        self.known().fields.get()?.author()
    }

    /// Has the browser keep a session's token.
    pub fn keep(&self, token: &SessionToken) {
        self.set(|names| names.session(self.is_secure()), token.as_str().to_owned());
    }

    /// Has the browser forget it.
    pub fn forget(&self) {
        self.unset(|names| names.session(self.is_secure()));
    }

    /// Has the browser keep the choice of a language, or forget it: pages that are answered without asking who it is
    /// go by that.
    pub fn keep_locale(&self, locale: Option<Locale>) {
        match locale {
            Some(locale) => self.set(|names| names.locale(self.is_secure()), locale.tag().to_owned()),
            None => self.unset(|names| names.locale(self.is_secure())),
        }
    }

    /// Returns the browser's device token, if anybody has signed in with this browser before. The token is signed, so any of the
    /// cookies may carry it.
    pub(super) fn device(&self, secret: &Secret) -> Option<Device> {
        let sessions = self.tokens().map(|(token, _)| SessionToken::device(token));
        let own = self.cookie_names().map(|names| cookies::sent(self.request, names.device(self.is_secure())));
        let values = sessions.chain(own.into_iter().flatten());
        values.filter_map(|value| Device::parse(secret, value)).max_by_key(Device::account_count)
    }

    /// Keeps the device token in a cookie of its own once nobody is signed in.
    pub(super) fn keep_device(&self, device: &Device) {
        let Some(names) = self.cookie_names() else { return };
        self.set_last(self.cookie(names.device(self.is_secure()), device.to_string()));
    }

    /// Removes that cookie, if there is one: the session's cookie carries the token too.
    pub(super) fn forget_device(&self) {
        let Some(names) = self.cookie_names() else { return };
        let name = names.device(self.is_secure());
        if cookies::sent(self.request, name).next().is_some() {
            let mut cookie = self.cookie(name, String::new());
            cookie.make_removal();
            self.set_last(cookie);
        }
    }

    /// The cookie that goes behind all others of the answer.
    pub(super) fn take_last_cookie(&self) -> Option<Cookie<'static>> {
        self.known().last_cookie.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Rocket sends its own cookies in any order, and some programs read the first one only: that is the session's.
    fn set_last(&self, cookie: Cookie<'static>) {
        *self.known().last_cookie.lock().unwrap_or_else(PoisonError::into_inner) = Some(cookie);
    }

    fn set(&self, name: impl FnOnce(&'r CookieNames) -> &'r str, value: String) {
        let Some(names) = self.cookie_names() else { return };
        self.cookies().add(self.cookie(name(names), value));
    }

    fn cookie(&self, name: &str, value: String) -> Cookie<'static> {
        Cookie::build((name.to_owned(), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.is_secure())
            .max_age(COOKIE_LIFE)
            .build()
    }

    fn unset(&self, name: impl FnOnce(&'r CookieNames) -> &'r str) {
        let Some(names) = self.cookie_names() else { return };
        self.cookies().remove(Cookie::build(name(names).to_owned()).path("/").secure(self.is_secure()));
    }

    fn cookie_names(&self) -> Option<&'r CookieNames> {
        self.request.rocket().state()
    }

    pub(super) fn settings(&self) -> &'r Settings {
        // Managed before the first request, as everything is.
        self.request.rocket().state().unwrap_or_else(|| unreachable!("the settings are managed"))
    }

    fn cookies(&self) -> &'r CookieJar<'r> {
        self.request.cookies()
    }

    pub(super) fn state<T: Send + Sync + 'static>(&self) -> Result<&'r T> {
        self.request.rocket().state().ok_or_else(|| Error::Internal(std::any::type_name::<T>().into()))
    }

    fn known(&self) -> &'r Known {
        self.request.local_cache(Known::default)
    }

    /// Refuses as a guard.
    pub(super) fn refuse<T>(&self, error: Error) -> Outcome<T, (Status, ()), Status> {
        Outcome::Error((self.hold(error), ()))
    }

    /// Holds an error for the catcher that answers; returns its status.
    pub(super) fn hold(&self, error: Error) -> Status {
        let status = Status::new(error.status());
        *self.known().refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        status
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Visitor<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (Status, ()), Status> {
        Outcome::Success(Visitor::of(request))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for &'r SignedIn {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (Status, ()), Status> {
        let visitor = Visitor::of(request);
        match visitor.signed_in().await {
            Ok(_) => match visitor.known().signed_in.get() {
                Some(signed_in) => Outcome::Success(&**signed_in),
                None => visitor.refuse(Error::SignedOut),
            },
            Err(error) => visitor.refuse(error),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Reader {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, (Status, ()), Status> {
        let visitor = Visitor::of(request);
        match visitor.signed_in().await {
            Ok(signed_in) => Outcome::Success(Self(signed_in)),
            // Caught, and sent to sign in.
            Err(Error::SignedOut) if !visitor.wants_json() => Outcome::Error((Status::SeeOther, ())),
            Err(error) => visitor.refuse(error),
        }
    }
}

impl std::ops::Deref for Reader {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.0
    }
}
