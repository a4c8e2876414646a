//! The fields of a form. The body is read once: for the action, for the check of the author, and for the error page
//! that shows what was typed. Rocket's `Form` consumes the body, and rejects a request without one.

use std::sync::{Arc, OnceLock};

use rocket::data::{self, ByteUnit, Data, FromData};
use rocket::outcome::Outcome;
use rocket::request::Request;
use tokio::io::AsyncReadExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::form_urlencoded;

use super::current_user::current_user;
use super::guard_error::reject;
use super::state::{database, managed};
use crate::error::{Error, Result};
use crate::http::prefers_json;
use crate::models::User;

const MAX_FIELDS: usize = 128;
/// The largest body that is read although it exceeds the limit, so that its text can be shown again.
const MAX_LARGE_BODY: usize = 256 * 1024;
const MAX_CONCURRENT_LARGE_FORMS: usize = 16;

/// The fields of a form in order. As a guard it also checks the form's author.
pub(crate) struct FormFields {
    fields: Vec<(String, String)>,
    /// Held by a large form until it is answered.
    _permit: Option<OwnedSemaphorePermit>,
}

/// The permits for bodies that exceed the limit.
pub struct LargeForms(Arc<Semaphore>);

#[derive(Default)]
struct ReadFields(OnceLock<FormFields>);

enum Body {
    Complete(Vec<u8>),
    TooLarge(Vec<u8>, OwnedSemaphorePermit),
    Discarded,
}

impl Default for LargeForms {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_CONCURRENT_LARGE_FORMS)))
    }
}

impl FormFields {
    /// Reads the form of a request and keeps it for the error page, which also shows one that is too large.
    pub(crate) async fn read<'r>(request: &'r Request<'_>, data: Data<'_>) -> Result<&'r Self> {
        let content_type = request.content_type();
        let is_urlencoded = content_type.is_some_and(|content_type| content_type.is_form());
        let fields = match Body::read(request, data).await? {
            Body::Complete(body) if body.is_empty() => Vec::new(),
            Body::Complete(body) if is_urlencoded => urlencoded(&body)?,
            Body::Complete(body) => match content_type.filter(|content_type| content_type.is_form_data()) {
                Some(content_type) => multipart(content_type.to_string(), body).await?,
                None => return Err(Error::BadRequest),
            },
            Body::TooLarge(body, permit) if is_urlencoded => {
                keep(request, Self { fields: urlencoded(&body)?, _permit: Some(permit) });
                return Err(Error::TooLarge);
            }
            Body::TooLarge(..) | Body::Discarded => return Err(Error::TooLarge),
        };
        Ok(keep(request, Self { fields, _permit: None }))
    }

    /// Returns the form of a request, if it was read.
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> Option<&'r Self> {
        request.local_cache(ReadFields::default).0.get()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter().filter(move |(other, _)| *other == name).map(|(_, value)| value)
    }

    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        self.iter().any(|(name, _)| names.contains(&name))
    }

    /// Returns the id of the user on whose page the form stood; the last one if there are several.
    pub(crate) fn author(&self) -> Option<&str> {
        self.values("author").last()
    }
}

/// Reads the form of a request and checks its author.
pub(crate) async fn checked_fields<'r>(request: &'r Request<'_>, data: Data<'_>) -> Result<&'r FormFields> {
    let fields = FormFields::read(request, data).await?;
    check_author(request, fields).await?;
    Ok(fields)
}

fn keep<'r>(request: &'r Request<'_>, fields: FormFields) -> &'r FormFields {
    request.local_cache(ReadFields::default).0.get_or_init(|| fields)
}

/// Rejects a form that stood on the page of another user than the current one.
async fn check_author(request: &Request<'_>, fields: &FormFields) -> Result<()> {
    let Some(author) = fields.author() else { return Ok(()) };
    let user = match current_user(request).await {
        Ok(user) => user,
        // Some actions need no user, so the action decides.
        Err(Error::SignedOut) => return Ok(()),
        Err(error) => return Err(error),
    };
    let own = user.id.to_string();
    if fields.values("author").all(|author| author == own) {
        return Ok(());
    }
    let db = database(request).await?;
    let nickname = match author.parse() {
        Ok(id) => User::find(&db, id).await.ok().map(|user| user.nickname.as_str().to_owned()),
        Err(_) => None,
    };
    Err(Error::WrongAuthor { nickname })
}

impl Body {
    async fn read(request: &Request<'_>, data: Data<'_>) -> Result<Self> {
        let limit = request.limits().get("form").map_or(0, |limit| limit.as_u64());
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let max = limit.max(MAX_LARGE_BODY);
        // One byte more than fits tells a full body from one that is too large.
        let mut stream = data.open(ByteUnit::from(max.saturating_add(1)));
        let mut read_to = async |length: usize, body: &mut Vec<u8>| {
            let missing = length.saturating_add(1).saturating_sub(body.len()) as u64;
            (&mut stream).take(missing).read_to_end(body).await.map_err(|_| Error::BadRequest)
        };
        let mut body = Vec::new();
        read_to(limit, &mut body).await?;
        if body.len() <= limit {
            return Ok(Self::Complete(body));
        }
        let large: &LargeForms = managed(request)?;
        match Arc::clone(&large.0).try_acquire_owned() {
            Ok(permit) if !prefers_json(request) => {
                read_to(max, &mut body).await?;
                // A truncated text is not what was typed.
                Ok(if body.len() <= max { Self::TooLarge(body, permit) } else { Self::Discarded })
            }
            _ => Ok(Self::Discarded),
        }
    }
}

/// Parses a body as browsers send it. Percent-encoded bytes are decoded leniently, but the body itself is UTF-8.
fn urlencoded(body: &[u8]) -> Result<Vec<(String, String)>> {
    str::from_utf8(body).map_err(|_| Error::BadRequest)?;
    let fields = form_urlencoded::parse(body).take(MAX_FIELDS + 1);
    let fields: Vec<_> = fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    if fields.len() > MAX_FIELDS { Err(Error::BadRequest) } else { Ok(fields) }
}

/// Parses a body as programs send it.
async fn multipart(content_type: String, body: Vec<u8>) -> Result<Vec<(String, String)>> {
    let boundary = multer::parse_boundary(content_type).map_err(|_| Error::BadRequest)?;
    let mut form = multer::Multipart::with_reader(std::io::Cursor::new(body), boundary);
    let mut fields = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|_| Error::BadRequest)? {
        let Some(name) = field.name().map(str::to_owned) else { continue };
        if fields.len() == MAX_FIELDS {
            return Err(Error::BadRequest);
        }
        fields.push((name, field.text().await.map_err(|_| Error::BadRequest)?));
    }
    Ok(fields)
}

#[rocket::async_trait]
impl<'r> FromData<'r> for &'r FormFields {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        match checked_fields(request, data).await {
            Ok(fields) => Outcome::Success(fields),
            Err(error) => reject(request, error),
        }
    }
}
