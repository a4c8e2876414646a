//! The site's cookies: the session's token, the locale chosen in this browser, the device token, and a notice for the
//! next page.

use std::sync::{Mutex, PoisonError};

use rocket::http::{Cookie, SameSite};
use rocket::request::Request;
use rocket::time::Duration;

use super::client_address::is_secure;
use super::cookie_names::{CookieNames, OLD_LOCALE, OLD_SESSION};
use crate::models::Device;
use crate::models::session::SessionToken;
use crate::ticket::Secret;
use crate::views::Locale;

/// The longest that browsers keep a cookie. The session ends earlier, and the site decides when.
const COOKIE_TTL: Duration = Duration::days(400);
/// How long a notice waits for its page.
const NOTICE_TTL: Duration = Duration::minutes(1);
/// The most cookies of one name that are read.
const MAX_COOKIES: usize = 8;

/// The cookies of a request and of its reply.
#[derive(Clone, Copy)]
pub(crate) struct Cookies<'r> {
    request: &'r Request<'r>,
    names: Option<&'r CookieNames>,
    is_secure: bool,
}

/// One of the names; the flag is whether the client uses TLS.
type NameOf = fn(&CookieNames, bool) -> &str;

#[derive(Default)]
struct TrailingCookies(Mutex<Vec<Cookie<'static>>>);

impl<'r> Cookies<'r> {
    pub(crate) fn of(request: &'r Request<'_>) -> Self {
        Self { request, names: request.rocket().state(), is_secure: is_secure(request) }
    }

    /// Returns the session tokens of the request, each with whether its cookie has the old name.
    pub(crate) fn session_tokens(&self) -> impl Iterator<Item = (&'r str, bool)> + use<'r> {
        let own = self.values(CookieNames::session).map(|token| (token, false));
        let old = values(self.request, OLD_SESSION).map(|token| (token, true));
        // Other programs on the host may use these names too.
        own.chain(old).filter(|(token, _)| SessionToken::is_well_formed(token))
    }

    pub(crate) fn has_session(&self) -> bool {
        self.session_tokens().next().is_some()
    }

    /// Returns whether the browser holds a session's cookie that only this site can have set.
    pub(crate) fn has_own_session(&self) -> bool {
        self.session_tokens().any(|(_, has_old_name)| !has_old_name)
    }

    pub(crate) fn set_session(&self, token: &str) {
        self.set(CookieNames::session, token.to_owned());
    }

    pub(crate) fn clear_session(&self) {
        self.clear(CookieNames::session);
    }

    /// Replaces a session's cookie of the old name by one of the new name.
    pub(crate) fn rename_session(&self, token: &str) {
        self.set_session(token);
        self.request.cookies().remove(Cookie::build(OLD_SESSION).path("/"));
    }

    pub(crate) fn locale(&self) -> Option<Locale> {
        let own = self.values(CookieNames::locale);
        own.chain(values(self.request, OLD_LOCALE)).find_map(Locale::from_tag)
    }

    /// Sets or clears the locale of pages that do not look up the user.
    pub(crate) fn set_locale(&self, locale: Option<Locale>) {
        match locale {
            Some(locale) => self.set(CookieNames::locale, locale.tag().to_owned()),
            None => self.clear(CookieNames::locale),
        }
    }

    /// Returns the device token of a browser that a user has signed in with before. It is signed, so any of the cookies
    /// may carry it.
    pub(crate) fn device(&self, secret: &Secret) -> Option<Device> {
        let sessions = self.session_tokens().map(|(token, _)| SessionToken::device(token));
        let devices = sessions.chain(self.values(CookieNames::device));
        devices.filter_map(|value| Device::parse(secret, value)).max_by_key(Device::account_count)
    }

    /// Sets the device's own cookie, for the time without a session, whose cookie carries the token too.
    pub(crate) fn set_device(&self, device: &Device) {
        if let Some(name) = self.name(CookieNames::device) {
            self.set_trailing(self.cookie(name, device.to_string()));
        }
    }

    pub(crate) fn clear_device(&self) {
        self.clear_trailing(CookieNames::device);
    }

    /// Sets a notice for the next sign-in page: the end of a locale key.
    pub(crate) fn set_notice(&self, notice: &str) {
        if let Some(name) = self.name(CookieNames::notice) {
            let mut cookie = self.cookie(name, notice.to_owned());
            cookie.set_max_age(NOTICE_TTL);
            self.set_trailing(cookie);
        }
    }

    /// Returns the notice and clears it. Any program on the host may have written it.
    pub(crate) fn take_notice(&self) -> Option<&'r str> {
        let notice = self.values(CookieNames::notice).next()?;
        self.clear_trailing(CookieNames::notice);
        Some(notice)
    }

    pub(crate) fn take_trailing(&self) -> Vec<Cookie<'static>> {
        std::mem::take(&mut *self.trailing().lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn clear_trailing(&self, of: NameOf) {
        let Some(name) = self.name(of) else { return };
        if values(self.request, name).next().is_some() {
            let mut cookie = self.cookie(name, String::new());
            cookie.make_removal();
            self.set_trailing(cookie);
        }
    }

    /// Sends a cookie after all others. Rocket orders its cookies at random, and some programs read only the first one,
    /// which has to be the session's.
    fn set_trailing(&self, cookie: Cookie<'static>) {
        self.trailing().lock().unwrap_or_else(PoisonError::into_inner).push(cookie);
    }

    fn trailing(&self) -> &'r Mutex<Vec<Cookie<'static>>> {
        &self.request.local_cache(TrailingCookies::default).0
    }

    fn name(&self, of: NameOf) -> Option<&'r str> {
        self.names.map(|names| of(names, self.is_secure))
    }

    fn values(&self, of: NameOf) -> impl Iterator<Item = &'r str> + use<'r> {
        let request = self.request;
        self.name(of).into_iter().flat_map(move |name| values(request, name))
    }

    fn set(&self, of: NameOf, value: String) {
        if let Some(name) = self.name(of) {
            self.request.cookies().add(self.cookie(name, value));
        }
    }

    fn clear(&self, of: NameOf) {
        if let Some(name) = self.name(of) {
            self.request.cookies().remove(Cookie::build(name.to_owned()).path("/").secure(self.is_secure));
        }
    }

    fn cookie(&self, name: &str, value: String) -> Cookie<'static> {
        Cookie::build((name.to_owned(), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.is_secure)
            .max_age(COOKIE_TTL)
            .build()
    }
}

/// Returns the values of all cookies of a name. Rocket's jar keeps only the last one.
fn values<'r>(request: &'r Request<'_>, name: &'r str) -> impl Iterator<Item = &'r str> + use<'r> {
    let cookies = request.headers().get("Cookie").flat_map(|line| line.split(';'));
    cookies.filter_map(move |cookie| cookie.trim().strip_prefix(name)?.strip_prefix('=')).take(MAX_COOKIES)
}
