//! The body of a request of the file server, as a guard. A ticket covers its bytes.

use rocket::data::{self, Data, FromData, ToByteUnit};
use rocket::outcome::Outcome;
use rocket::request::Request;

use super::guard_error::reject;
use crate::error::Error;

/// A text and the descriptions of files, or 500 names.
const MAX_KIBIBYTES: u64 = 512;

pub(crate) struct RawBody(pub(crate) Vec<u8>);

#[rocket::async_trait]
impl<'r> FromData<'r> for RawBody {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        match data.open(MAX_KIBIBYTES.kibibytes()).into_bytes().await {
            Ok(body) if body.is_complete() => Outcome::Success(Self(body.into_inner())),
            Ok(_) => reject(request, Error::TooLarge),
            Err(_) => reject(request, Error::BadRequest),
        }
    }
}
