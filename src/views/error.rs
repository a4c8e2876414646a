//! Errors as pages and JSON, in the reader's language.

use std::borrow::Cow;
use std::collections::HashMap;

use fluent_templates::fluent_bundle::FluentValue;
use serde::Serialize;

use super::Locale;
use super::form::{FieldMessages, ResubmitForm, field_messages};
use super::user::UserView;
use crate::error::Error;

#[derive(Serialize)]
pub struct ErrorPage {
    current_user: Option<UserView>,
    signed_in: bool,
    /// Whether reloading the page may help.
    can_retry: bool,
    status: u16,
    code: &'static str,
    message: String,
    hint: String,
    resubmit: Option<ResubmitForm>,
    /// The id and the nickname of the user whose page had the form.
    author: Option<String>,
    author_nickname: Option<String>,
    request_id: String,
}

/// What a failed request was about, where the page has a sentence of its own for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Room,
    SignIn,
    Other,
}

#[derive(Serialize)]
pub struct ErrorJson {
    error: ErrorBody,
}

#[derive(Serialize)]
struct ErrorBody {
    code: &'static str,
    message: String,
    hint: String,
    fields: FieldMessages,
}

impl ErrorPage {
    /// Creates the page of an error. `signed_in` also covers a session cookie that was not verified.
    pub fn new(error: &Error, locale: Locale, current_user: Option<UserView>, signed_in: bool) -> Self {
        let author_nickname = match error {
            Error::WrongAuthor { nickname } => nickname.clone(),
            _ => None,
        };
        Self {
            signed_in,
            status: error.status(),
            code: error.code(),
            message: message(error, locale),
            hint: hint(error, locale, current_user.as_ref()),
            current_user,
            can_retry: false,
            resubmit: None,
            author: None,
            author_nickname,
            request_id: String::new(),
        }
    }

    /// Replaces the message by the one about `subject`, if there is one.
    #[must_use]
    pub fn about(self, subject: Subject, locale: Locale) -> Self {
        let (key, hint) = match (self.code, subject) {
            ("not-found", Subject::Room) => ("error-room-not-found", locale.text("error-room-not-found-hint")),
            ("too-many", Subject::SignIn) => ("error-too-many-sign-ins", self.hint),
            _ => return self,
        };
        Self { message: locale.text(key), hint, ..self }
    }

    /// Adds the refused form, and the id of the user whose page had it.
    pub fn with_form(self, resubmit: Option<ResubmitForm>, author: Option<&str>) -> Self {
        Self { resubmit, author: author.map(str::to_owned), ..self }
    }

    /// Adds the id of the request, and whether it only read: then the page offers to try again.
    pub fn with_request(self, id: &str, is_read: bool) -> Self {
        let can_retry = is_read && (self.status >= 500 || self.status == 429);
        Self { request_id: id.to_owned(), can_retry, ..self }
    }
}

impl ErrorJson {
    pub fn new(error: &Error, locale: Locale, current_user: Option<&UserView>) -> Self {
        let fields = match error {
            Error::Invalid(faults) => field_messages(faults, locale),
            _ => FieldMessages::new(),
        };
        let (message, hint) = (message(error, locale), hint(error, locale, current_user));
        Self { error: ErrorBody { code: error.code(), message, hint, fields } }
    }
}

fn message(error: &Error, locale: Locale) -> String {
    let values = match error {
        Error::WrongAuthor { nickname } => {
            let author = nickname.clone().unwrap_or_else(|| locale.text("deleted-user"));
            HashMap::from([(Cow::from("author"), FluentValue::from(author))])
        }
        _ => HashMap::new(),
    };
    locale.text_with(&format!("error-{}", error.code()), &values)
}

fn hint(error: &Error, locale: Locale, current_user: Option<&UserView>) -> String {
    let key = format!("error-{}-hint", error.code());
    let Error::RateLimited { retry_after } = error else {
        let nickname = current_user.map_or("", |user| user.nickname.as_str());
        return locale.text_with(&key, &HashMap::from([(Cow::from("user"), FluentValue::from(nickname))]));
    };
    let (key, wait) = match retry_after.as_secs() + 1 {
        seconds @ ..=90 => (key, seconds),
        seconds => (format!("{key}-minutes"), seconds.div_ceil(60)),
    };
    locale.text_with(&key, &HashMap::from([(Cow::from("wait"), FluentValue::from(wait))]))
}
