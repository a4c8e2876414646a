//! The language of a reply.

use std::sync::OnceLock;

use rocket::request::Request;

use super::cookies::Cookies;
use super::current_user::{current_user, resumed_user};
use crate::views::Locale;

/// The locale of a person for whom the file server asks.
#[derive(Default)]
struct PersonLocale(OnceLock<Locale>);

/// Returns the account's locale if the session is resumed, else the one chosen in this browser, else the one that
/// `Accept-Language` prefers.
pub(crate) fn locale(request: &Request<'_>) -> Locale {
    if let Some(locale) = request.local_cache(PersonLocale::default).0.get() {
        return *locale;
    }
    let of_account = resumed_user(request).and_then(|user| user.locale.as_deref()).and_then(Locale::from_tag);
    let accepted = || Locale::negotiate(request.headers().get_one("Accept-Language").unwrap_or_default());
    of_account.or_else(|| Cookies::of(request).locale()).unwrap_or_else(accepted)
}

/// Answers in the locale of a person's account, if they have chosen one.
pub(crate) fn answer_in(request: &Request<'_>, tag: Option<&str>) {
    if let Some(locale) = tag.and_then(Locale::from_tag) {
        let _ = request.local_cache(PersonLocale::default).0.set(locale);
    }
}

/// Resumes the session to learn the account's locale. Without a session, or without a database, it is the browser's.
pub(crate) async fn account_locale(request: &Request<'_>) -> Locale {
    let _ = current_user(request).await;
    locale(request)
}
