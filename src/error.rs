//! What can go wrong, once for the whole site. One map to a status; what people read about it is in
//! `locales/*/errors.ftl` under `error-<code>`. Causes are for the log and never leave it.

use std::time::Duration;

use thiserror::Error as ThisError;

/// The result of everything that answers a person.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request is not answered as asked.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The request cannot be read: 400.
    #[error("the request cannot be read")]
    Malformed,
    /// Nobody is signed in: 401.
    #[error("signed out")]
    SignedOut,
    /// Visible, but not theirs to change: 403.
    #[error("not allowed")]
    Forbidden,
    /// The request does not count as sent by the site's own pages: 403.
    #[error("sent from another origin: {0:?}")]
    Foreign(Foreign),
    /// Not there, or not visible to who asks: 404.
    #[error("not found")]
    NotFound,
    /// A cursor beyond the end of the log: 409. The reader holds something that this log does not.
    #[error("beyond the end of the log")]
    Beyond,
    /// Sent from the page of another user than the one who is signed in: 409.
    #[error("sent from another user's page")]
    WrongAuthor {
        /// Whose page it was; `None` where nobody has that id.
        nickname: Option<String>,
    },
    /// The body is larger than any form of ours: 413.
    #[error("too large")]
    TooLarge,
    /// The site does not answer at the host name that the request was sent to: 421.
    #[error("sent to an unknown host name")]
    Misdirected,
    /// Something typed is refused: 422.
    #[error("refused: {0:?}")]
    Invalid(Faults),
    /// Tried too often: 429.
    #[error("too many tries")]
    TooMany {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// The first line and the headers are too large together: 431.
    #[error("the head of the request is too large")]
    HeadTooLarge,
    /// The database is away, or did not answer in time: 503.
    #[error("not available: {0}")]
    Unavailable(String),
    /// Our own fault: 500.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The HTTP status that says it.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::SignedOut => 401,
            Self::Forbidden | Self::Foreign(_) => 403,
            Self::NotFound => 404,
            Self::Beyond | Self::WrongAuthor { .. } => 409,
            Self::TooLarge => 413,
            Self::Misdirected => 421,
            Self::Invalid(_) => 422,
            Self::TooMany { .. } => 429,
            Self::HeadTooLarge => 431,
            Self::Internal(_) => 500,
            Self::Unavailable(_) => 503,
        }
    }

    /// The one word for it, in JSON and in the keys of `locales/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::SignedOut => "signed-out",
            Self::Forbidden => "forbidden",
            Self::Foreign(Foreign::Page) => "foreign-origin",
            Self::Foreign(Foreign::Hidden) => "hidden-origin",
            Self::Foreign(Foreign::Port) => "other-port",
            Self::Foreign(Foreign::Address) => "other-address",
            Self::NotFound => "not-found",
            Self::Beyond => "beyond",
            Self::WrongAuthor { .. } => "wrong-author",
            Self::TooLarge => "too-large",
            Self::Misdirected => "misdirected",
            Self::Invalid(_) => "invalid",
            Self::TooMany { .. } => "too-many",
            Self::HeadTooLarge => "head-too-large",
            Self::Internal(_) => "internal",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// The error that a bare status stands for, where a status is all there is.
    pub fn from_status(status: u16) -> Self {
        match status {
            401 => Self::SignedOut,
            403 => Self::Forbidden,
            // A path whose id is not one is forwarded as 422: nothing is there.
            404 | 405 | 422 => Self::NotFound,
            409 => Self::Beyond,
            413 => Self::TooLarge,
            421 => Self::Misdirected,
            431 => Self::HeadTooLarge,
            503 => Self::Unavailable("no cause given".into()),
            400..500 => Self::Malformed,
            _ => Self::Internal(format!("answered with a bare {status}")),
        }
    }

    /// One field refused for one reason.
    pub fn field(name: &'static str, fault: Fault) -> Self {
        Self::Invalid(Faults(vec![(name, fault)]))
    }
}

/// Why a request does not count as sent by the site's own pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// A page of another host sent it.
    Page,
    /// The browser hides which page sent it (`Origin: null`).
    Hidden,
    /// The page has the host name of the request and another scheme or port, and `site.url` is not set.
    Port,
    /// The page has the host name of the request, and `site.url` is another address.
    Address,
}

/// Why one field is refused. Its sentence is `fault-<code>` in `locales/`, with `limit` or `character` where the
/// fault carries one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing that can be seen was typed.
    Empty,
    /// Fewer than so many characters.
    TooShort(usize),
    /// More than so many characters.
    TooLong(usize),
    /// A control character, or a character that changes the direction of text.
    Control(char),
    /// A character that the field does not accept.
    Alphabet(char),
    /// Not the path of a picture.
    Path,
    /// Another one has it already.
    Taken,
    /// The nonce was used for another text.
    NonceUsed,
    /// The chat was edited as often as it may be.
    EditedOften,
    /// The id and the password do not belong together.
    Credentials,
    /// Not the password of this account.
    WrongPassword,
    /// None of the languages.
    Language,
    /// None of the colours of pages.
    Theme,
    /// A query that is no number, or one that contradicts another.
    Number,
}

impl Fault {
    /// The word for it in the keys of `locales/`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooShort(_) => "too-short",
            Self::TooLong(_) => "too-long",
            Self::Control(_) => "control",
            Self::Alphabet(_) => "alphabet",
            Self::Path => "path",
            Self::Taken => "taken",
            Self::NonceUsed => "nonce-used",
            Self::EditedOften => "edited-often",
            Self::Credentials => "credentials",
            Self::WrongPassword => "wrong-password",
            Self::Language => "language",
            Self::Theme => "theme",
            Self::Number => "number",
        }
    }

    /// The number in the sentence, where there is one.
    pub fn limit(self) -> Option<usize> {
        match self {
            Self::TooShort(limit) | Self::TooLong(limit) => Some(limit),
            _ => None,
        }
    }

    /// Returns the first refused character, if the fault is about a character.
    pub fn character(self) -> Option<char> {
        match self {
            Self::Control(character) | Self::Alphabet(character) => Some(character),
            _ => None,
        }
    }
}

/// The refused fields of one form, in the form's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<(&'static str, Fault)>);

impl Faults {
    /// Takes a field's checked value, or its fault: a form reports all of its faults at once.
    pub fn check<T>(&mut self, field: &'static str, checked: Result<T, Fault>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(fault) => {
                self.0.push((field, fault));
                None
            }
        }
    }
}
