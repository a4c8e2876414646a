//! Every failure that a request is answered with, and its status. The sentences are in `locales/*/errors.ftl` under
//! `error-<code>`. Causes go into the log and never to the client.

use std::borrow::Cow;
use std::time::Duration;

use thiserror::Error as ThisError;

/// The result of everything that answers a request.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why a request fails.
#[derive(Debug, ThisError)]
pub enum Error {
    #[error("the request cannot be parsed")]
    BadRequest,
    #[error("signed out")]
    SignedOut,
    #[error("not allowed")]
    Forbidden,
    #[error("sent from another origin: {0:?}")]
    CrossOrigin(CrossOrigin),
    #[error("not found")]
    NotFound,
    #[error("cursor beyond the end of the log")]
    CursorAhead,
    #[error("sent from another user's page")]
    WrongAuthor {
        /// The nickname of that user, if one has that id.
        nickname: Option<String>,
    },
    #[error("too large")]
    TooLarge,
    #[error("sent to an unknown host name")]
    Misdirected,
    #[error("invalid: {0:?}")]
    Invalid(FieldErrors),
    #[error("too many attempts")]
    RateLimited {
        /// The time until the next attempt can succeed.
        retry_after: Duration,
    },
    #[error("the head of the request is too large")]
    HeadTooLarge,
    #[error("the person's files occupy as much as they may")]
    QuotaExceeded,
    #[error("not available: {0}")]
    Unavailable(String),
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// Returns the HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::SignedOut => 401,
            Self::Forbidden | Self::CrossOrigin(_) => 403,
            Self::NotFound => 404,
            Self::CursorAhead | Self::WrongAuthor { .. } => 409,
            Self::TooLarge => 413,
            Self::Misdirected => 421,
            Self::Invalid(_) => 422,
            Self::RateLimited { .. } => 429,
            Self::HeadTooLarge => 431,
            Self::Internal(_) => 500,
            Self::Unavailable(_) => 503,
            Self::QuotaExceeded => 507,
        }
    }

    /// Returns the code in JSON and in the keys of `locales/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadRequest => "malformed",
            Self::SignedOut => "signed-out",
            Self::Forbidden => "forbidden",
            Self::CrossOrigin(CrossOrigin::Page) => "foreign-origin",
            Self::CrossOrigin(CrossOrigin::Hidden) => "hidden-origin",
            Self::CrossOrigin(CrossOrigin::Port) => "other-port",
            Self::CrossOrigin(CrossOrigin::Address) => "other-address",
            Self::NotFound => "not-found",
            Self::CursorAhead => "beyond",
            Self::WrongAuthor { .. } => "wrong-author",
            Self::TooLarge => "too-large",
            Self::Misdirected => "misdirected",
            Self::Invalid(_) => "invalid",
            Self::RateLimited { .. } => "too-many",
            Self::HeadTooLarge => "head-too-large",
            Self::Internal(_) => "internal",
            Self::Unavailable(_) => "unavailable",
            Self::QuotaExceeded => "quota",
        }
    }

    /// Returns the error for a bare status.
    pub fn from_status(status: u16) -> Self {
        match status {
            401 => Self::SignedOut,
            403 => Self::Forbidden,
            // Rocket forwards a path with a malformed id as 422.
            404 | 405 | 422 => Self::NotFound,
            409 => Self::CursorAhead,
            413 => Self::TooLarge,
            421 => Self::Misdirected,
            431 => Self::HeadTooLarge,
            503 => Self::Unavailable("no cause given".into()),
            507 => Self::QuotaExceeded,
            400..500 => Self::BadRequest,
            _ => Self::Internal(format!("bare status {status}")),
        }
    }

    /// Returns the error about one field.
    pub fn field(name: impl Into<Cow<'static, str>>, error: FieldError) -> Self {
        Self::Invalid(FieldErrors(vec![(name.into(), error)]))
    }
}

/// The reason why a request counts as sent from another origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossOrigin {
    /// A page of another host sent it.
    Page,
    /// The browser hides which page sent it (`Origin: null`).
    Hidden,
    /// The page has the request's host name but another scheme or port, and `site.url` is not set.
    Port,
    /// The page has the request's host name, but `site.url` is another address.
    Address,
}

/// The reason why a field is invalid. Its sentence is in `locales/`, with `limit`, `excess` or `character` if the error has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[error("{}", self.code())]
pub enum FieldError {
    Empty,
    TooShort(usize),
    TooLong {
        limit: usize,
        /// How many characters are too many; 0 if unknown.
        excess: usize,
    },
    Control(char),
    Alphabet(char),
    Path,
    Taken,
    NonceUsed,
    EditedOften,
    Credentials,
    WrongPassword,
    Language,
    Theme,
    RoomKind,
    Level,
    /// The people of a direct room.
    People,
    /// A room has as many members as it can have.
    RoomFull(usize),
    /// So many people have visited a room that is about to be closed.
    TooManyVisitors(usize),
    /// Somebody has as many rooms as possible.
    TooManyRooms(usize),
    /// Somebody who is no member.
    NotMember,
    Number,
    TooManyPeople(usize),
}

impl FieldError {
    /// Returns the code in the keys of `locales/`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooShort(_) => "too-short",
            Self::TooLong { .. } => "too-long",
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
            Self::RoomKind => "room-kind",
            Self::Level => "level",
            Self::People => "people",
            Self::RoomFull(_) => "room-full",
            Self::TooManyVisitors(_) => "too-many-visitors",
            Self::TooManyRooms(_) => "too-many-rooms",
            Self::NotMember => "not-member",
            Self::Number => "number",
            Self::TooManyPeople(_) => "too-many-people",
        }
    }

    /// Returns the number in the sentence.
    pub fn limit(self) -> Option<usize> {
        match self {
            Self::TooShort(limit)
            | Self::TooLong { limit, .. }
            | Self::RoomFull(limit)
            | Self::TooManyVisitors(limit)
            | Self::TooManyPeople(limit)
            | Self::TooManyRooms(limit) => Some(limit),
            _ => None,
        }
    }

    /// Returns how many characters are too many.
    pub fn excess(self) -> Option<usize> {
        match self {
            Self::TooLong { excess, .. } => Some(excess),
            _ => None,
        }
    }

    /// Returns the first invalid character.
    pub fn character(self) -> Option<char> {
        match self {
            Self::Control(character) | Self::Alphabet(character) => Some(character),
            _ => None,
        }
    }
}

/// The invalid fields of a form, each with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(pub Vec<(Cow<'static, str>, FieldError)>);
