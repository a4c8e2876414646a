use std::io;
use std::time::Duration;

use rocket::http::Status;

use crate::images::picture::DecodeError;

/// The reason why an upload fails. Its code ends a key in `locales/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UploadError {
    /// The ticket is missing or invalid.
    Ticket,
    /// The ticket is missing or invalid, at an unknown host.
    Misdirected,
    Form,
    /// No picture; for a chat: neither a file nor a text.
    Missing,
    TooManyFiles,
    TooLarge,
    TooSlow,
    /// Too many uploads a minute, or at once.
    RateLimited(Duration),
    Decode(DecodeError),
    /// The person's space is used up.
    Quota,
    /// The disk is full.
    Disk,
    /// A receipt is too old, or its file is gone: the file is to be sent again.
    Receipt,
    /// The person may not post in the room any more.
    Gone,
    /// The disk, the site or the machine has a problem.
    Unavailable,
}

impl UploadError {
    pub(super) fn from_disk(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Disk,
            _ => {
                log::error!("file not stored: error={error}");
                Self::Unavailable
            }
        }
    }

    /// Returns the reason for which the site refuses a chat, by its status.
    pub(super) fn from_site(status: u16) -> Self {
        match status {
            403 | 404 => Self::Gone,
            413 => Self::TooLarge,
            429 => Self::RateLimited(Duration::ZERO),
            507 => Self::Quota,
            500.. => Self::Unavailable,
            _ => Self::Form,
        }
    }

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Misdirected => "misdirected",
            Self::Form => "form",
            Self::Missing => "missing",
            Self::TooManyFiles => "too-many-files",
            Self::TooLarge => "too-large",
            Self::TooSlow => "too-slow",
            Self::RateLimited(_) => "too-many",
            Self::Decode(DecodeError::UnknownFormat) => "kind",
            Self::Decode(DecodeError::TooManyPixels) => "pixels",
            Self::Decode(DecodeError::Damaged) => "broken",
            Self::Quota => "quota",
            Self::Disk => "disk",
            Self::Gone => "gone",
            Self::Receipt => "receipt",
            Self::Unavailable => "unavailable",
        }
    }

    pub(super) fn status(self) -> Status {
        match self {
            Self::Ticket => Status::Forbidden,
            Self::Gone => Status::NotFound,
            Self::Receipt => Status::Gone,
            Self::Misdirected => Status::MisdirectedRequest,
            Self::Form | Self::Missing | Self::TooManyFiles | Self::Decode(_) => Status::UnprocessableEntity,
            Self::TooLarge => Status::PayloadTooLarge,
            Self::TooSlow => Status::RequestTimeout,
            Self::RateLimited(_) => Status::TooManyRequests,
            Self::Quota | Self::Disk => Status::new(507),
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
