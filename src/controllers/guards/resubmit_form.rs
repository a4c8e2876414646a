//! The form on an error page that keeps what was typed.

use rocket::http::Method;
use rocket::request::Request;

use super::form_fields::FormFields;
use crate::error::Error;
use crate::views::form::ResubmitForm;

/// The fields that users type into, in the order of the error page. Passwords are not repeated.
const TYPED: [&str; 5] = ["text", "name", "topic", "userId", "userNickname"];
const SECRET: [&str; 2] = ["oldPassword", "userPassword"];

/// Returns the form of a failed request, if it was read and a user typed into it.
pub(crate) fn resubmit_form(request: &Request<'_>, error: &Error) -> Option<ResubmitForm> {
    let can_send = can_resubmit(error)?;
    let fields = FormFields::of(request)?;
    let typed = TYPED.iter().filter_map(|name| Some((*name, fields.values(name).next()?.to_owned())));
    let typed: Vec<_> = typed.collect();
    if typed.iter().all(|(_, text)| text.is_empty()) {
        return None;
    }
    let is_hidden = |name: &str| !TYPED.contains(&name) && !SECRET.contains(&name) && name != "_method";
    let hidden = fields.iter().filter(|(name, _)| is_hidden(name)).map(|(name, value)| (name.into(), value.into()));
    Some(ResubmitForm {
        action: request.uri().to_string(),
        needs_password: typed.iter().any(|(name, _)| *name == "userId") && fields.has_any(&["userPassword"]),
        typed,
        // Rocket reads the method from the first field.
        hidden: method_field(request.method()).into_iter().chain(hidden).collect(),
        can_send,
    })
}

/// Returns whether the form can be sent again, or its text only be copied. `None` after an error that keeps no form.
fn can_resubmit(error: &Error) -> Option<bool> {
    match error {
        Error::SignedOut | Error::WrongAuthor { .. } | Error::TooLarge => Some(true),
        Error::RateLimited { .. } | Error::Unavailable(_) | Error::Internal(_) => Some(true),
        Error::Forbidden | Error::CrossOrigin(_) | Error::NotFound | Error::QuotaExceeded => Some(false),
        Error::BadRequest | Error::CursorAhead | Error::Invalid(_) | Error::Misdirected | Error::HeadTooLarge => None,
    }
}

fn method_field(method: Method) -> Option<(String, String)> {
    match method {
        Method::Put => Some(("_method".into(), "put".into())),
        Method::Delete => Some(("_method".into(), "delete".into())),
        _ => None,
    }
}
