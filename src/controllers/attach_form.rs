//! The form of a room's page that sends files to the file server, and the result of an upload that failed.

use super::request_context::RequestContext;
use crate::attachment::UploadClaims;
use crate::error::{Error, Result};
use crate::models::values::Nonce;
use crate::models::{RoomId, User};
use crate::ticket::{self, Purpose};
use crate::views::room::AttachForm;

/// A page stays open for long.
const TICKET_SECONDS: u64 = 12 * 60 * 60;
/// The ends of locale keys.
const UPLOAD_ERRORS: [&str; 15] = [
    "ticket",
    "form",
    "missing",
    "too-many-files",
    "too-large",
    "too-slow",
    "too-many",
    "kind",
    "pixels",
    "broken",
    "quota",
    "disk",
    "unavailable",
    "gone",
    "receipt",
];

/// Returns the form, unless the file server has no address for this client.
pub(super) fn attach_form(ctx: &RequestContext<'_>, user: &User, room: RoomId) -> Result<Option<AttachForm>> {
    let Some(mut url) = ctx.images_url() else { return Ok(None) };
    url.set_path("/file");
    let files = &ctx.settings().files;
    let claims = UploadClaims {
        user: user.id.to_string(),
        room: room.to_string(),
        bytes_left: files.user_bytes.saturating_sub(user.bytes.max(0).unsigned_abs()),
    };
    // A compressed page must have another ticket each time: its length would reveal one that stays (BREACH).
    let mut random = [0; 2];
    getrandom::fill(&mut random).map_err(|error| Error::Internal(error.to_string()))?;
    let expiry = ticket::now() + TICKET_SECONDS + u64::from(u16::from_le_bytes(random) >> 4);
    let ticket = ctx.images.secret().ticket_with_claims(Purpose::UploadFiles, "", &claims, expiry);
    Ok(Some(AttachForm {
        action: url.to_string(),
        ticket: ticket.map_err(|error| Error::Internal(error.to_string()))?,
        nonce: Nonce::random()?.as_str().to_owned(),
        picture_bytes: files.picture_bytes,
        file_bytes: files.file_bytes,
    }))
}

pub(super) fn known_upload_error(code: Option<&str>) -> Option<&'static str> {
    UPLOAD_ERRORS.into_iter().find(|known| code == Some(*known))
}
