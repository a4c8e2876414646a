use std::time::Duration;

use rocket::http::Status;

use crate::images::compress::DecodeError;

/// The reason why an upload fails. Its code ends a key in `locales/`.
#[derive(Clone, Copy, Debug)]
pub(super) enum UploadError {
    /// The ticket is missing or invalid.
    Ticket,
    /// The ticket is missing or invalid, at an unknown host.
    Misdirected,
    Form,
    MissingPicture,
    TooLarge,
    TooSlow,
    RateLimited(Duration),
    Decode(DecodeError),
    /// The disk, the site or the machine has a problem.
    Unavailable,
}

impl UploadError {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Misdirected => "misdirected",
            Self::Form => "form",
            Self::MissingPicture => "missing",
            Self::TooLarge => "too-large",
            Self::TooSlow => "too-slow",
            Self::RateLimited(_) => "too-many",
            Self::Decode(DecodeError::UnknownFormat) => "kind",
            Self::Decode(DecodeError::TooManyPixels) => "pixels",
            Self::Decode(DecodeError::Damaged) => "broken",
            Self::Unavailable => "unavailable",
        }
    }

    pub(super) fn status(self) -> Status {
        match self {
            Self::Ticket => Status::Forbidden,
            Self::Misdirected => Status::MisdirectedRequest,
            Self::Form | Self::MissingPicture | Self::Decode(_) => Status::UnprocessableEntity,
            Self::TooLarge => Status::PayloadTooLarge,
            Self::TooSlow => Status::RequestTimeout,
            Self::RateLimited(_) => Status::TooManyRequests,
            Self::Unavailable => Status::ServiceUnavailable,
        }
    }

    pub(super) fn retry_after(self) -> Option<Duration> {
        match self {
            Self::RateLimited(retry_after) => Some(retry_after),
            _ => None,
        }
    }
}
