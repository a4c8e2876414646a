//! Forms as they are sent. The body is read once: for the action, for the check of its author, and for the error page
//! that keeps what was typed. Rocket's own `Form` gives its body away and refuses a request without one.

use std::sync::Arc;

use rocket::data::{self, ByteUnit, Data, FromData};
use rocket::form::{self, DataField, Form, FromForm, Options, ValueField};
use rocket::http::Method;
use rocket::outcome::Outcome;
use rocket::request::Request;
use tokio::io::AsyncReadExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::form_urlencoded;

use super::visitor::Visitor;
use crate::error::{Error, Result};
use crate::models::User;
use crate::store::Database;
use crate::views::error::Kept;

/// The most fields of one form. With more the form is malformed.
const FIELDS: usize = 128;
/// The most bytes of a form that is too large and is read all the same, so that its text can be shown again.
const KEPT: usize = 256 * 1024;
/// How many such forms are read at once.
const LARGE: usize = 16;
/// The fields that people type, in the order in which an error page shows them. Passwords are not among them.
const TYPED: [&str; 5] = ["text", "name", "topic", "userId", "userNickname"];
const SECRET: [&str; 2] = ["oldPassword", "userPassword"];

/// A form that was sent, checked against its author: the user whose page it stood on. Without one it passes.
pub(super) struct Sent<T>(T);

/// A form without any field of its own.
pub(super) struct Nothing;

/// The turns of forms that are too large.
pub struct LargeForms(Arc<Semaphore>);

/// The fields of a form, in order.
pub(super) struct Fields {
    all: Vec<(String, String)>,
    /// Held by a large form until it is answered.
    _turn: Option<OwnedSemaphorePermit>,
}

/// The body of a request.
enum Body {
    /// All of it, no larger than a form may be.
    Whole(Vec<u8>),
    /// All of one that is too large, where there was a turn for it.
    Large(Vec<u8>, OwnedSemaphorePermit),
    /// None of one that is too large.
    Lost,
}

impl Default for LargeForms {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE)))
    }
}

impl Fields {
    /// Reads the form of a request. One that is too large is kept for the error page.
    async fn read(request: &Request<'_>, data: Data<'_>) -> Result<Self> {
        let kind = request.content_type();
        let is_form = kind.is_some_and(|kind| kind.is_form());
        let all = match Body::read(request, data).await? {
            Body::Whole(body) if body.is_empty() => Vec::new(),
            Body::Whole(body) if is_form => urlencoded(&body)?,
            Body::Whole(body) => match kind.filter(|kind| kind.is_form_data()) {
                Some(kind) => multipart(kind.to_string(), body).await?,
                None => return Err(Error::Malformed),
            },
            Body::Large(body, turn) if is_form => {
                Visitor::of(request).keep_fields(Self { all: urlencoded(&body)?, _turn: Some(turn) });
                return Err(Error::TooLarge);
            }
            Body::Large(..) | Body::Lost => return Err(Error::TooLarge),
        };
        Ok(Self { all, _turn: None })
    }

    /// The values of a field.
    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.all.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The user whose page the form stood on; the last one where two are named.
    pub(super) fn author(&self) -> Option<&str> {
        self.values("author").last()
    }

    /// The form as an error page keeps it, if somebody typed something. `is_sendable`: whether it is offered again.
    pub(super) fn kept(&self, request: &Request<'_>, is_sendable: bool) -> Option<Kept> {
        let typed = TYPED.iter().filter_map(|name| Some((*name, self.values(name).next()?.to_owned())));
        let typed: Vec<_> = typed.collect();
        if typed.iter().all(|(_, text)| text.is_empty()) {
            return None;
        }
        let is_hidden = |name: &str| !TYPED.contains(&name) && !SECRET.contains(&name) && name != "_method";
        let method = match request.method() {
            Method::Put => Some(("_method".to_owned(), "put".to_owned())),
            Method::Delete => Some(("_method".to_owned(), "delete".to_owned())),
            _ => None,
        };
        let hidden = self.all.iter().filter(|(name, _)| is_hidden(name)).cloned();
        Some(Kept {
            action: request.uri().to_string(),
            password: typed.iter().any(|(name, _)| *name == "userId") && self.values("userPassword").next().is_some(),
            typed,
            // Rocket looks for the method in the first field.
            hidden: method.into_iter().chain(hidden).collect(),
            is_sendable,
        })
    }
}

/// Reads the form of a request that is refused before its action, so that the error page has what was typed.
pub(super) async fn keep(request: &Request<'_>, data: Data<'_>) {
    if let Ok(fields) = Fields::read(request, data).await {
        Visitor::of(request).keep_fields(fields);
    }
}

#[rocket::async_trait]
impl<'r, T: FromForm<'r>> FromData<'r> for Sent<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        let visitor = Visitor::of(request);
        match sent(request, data).await {
            Ok(form) => Outcome::Success(Self(form)),
            Err(error) => Outcome::Error((visitor.hold(error), ())),
        }
    }
}

// The derive takes structs with fields only.
#[rocket::async_trait]
impl<'r> FromForm<'r> for Nothing {
    type Context = ();

    fn init(_: Options) {}

    fn push_value((): &mut (), _: ValueField<'r>) {}

    async fn push_data((): &mut (), _: DataField<'r, '_>) {}

    fn finalize((): ()) -> form::Result<'r, Self> {
        Ok(Self)
    }
}

impl<T> std::ops::Deref for Sent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

async fn sent<'r, T: FromForm<'r>>(request: &'r Request<'_>, data: Data<'r>) -> Result<T> {
    let visitor = Visitor::of(request);
    let fields = visitor.keep_fields(Fields::read(request, data).await?);
    check_author(&visitor, fields).await?;
    let values = fields.all.iter().map(|(name, value)| ValueField::from((name.as_str(), value.as_str())));
    Form::<T>::parse_iter(values).map_err(|_| Error::Malformed)
}

/// Refuses a form that stood on the page of another user than the one who is signed in now.
async fn check_author(visitor: &Visitor<'_>, fields: &Fields) -> Result<()> {
    let Some(author) = fields.author() else { return Ok(()) };
    let who = match visitor.signed_in().await {
        Ok(who) => who,
        // Left to the action: some are for everybody.
        Err(Error::SignedOut) => return Ok(()),
        Err(error) => return Err(error),
    };
    let me = who.user.id.to_string();
    if fields.values("author").all(|author| author == me) {
        return Ok(());
    }
    let db = visitor.state::<Arc<Database>>()?;
    let nickname = match author.parse() {
        Ok(id) => User::find(db, id).await.ok().map(|user| user.nickname.as_str().to_owned()),
        Err(_) => None,
    };
    Err(Error::WrongAuthor { nickname })
}

impl Body {
    async fn read(request: &Request<'_>, data: Data<'_>) -> Result<Self> {
        let visitor = Visitor::of(request);
        let limit =
            request.limits().get("form").map_or(0, |limit| usize::try_from(limit.as_u64()).unwrap_or(usize::MAX));
        let most = limit.max(KEPT);
        // One byte more than fits shows that there is more.
        let mut stream = data.open(ByteUnit::from(most.saturating_add(1)));
        let mut read = async |upto: usize, body: &mut Vec<u8>| {
            let more = upto.saturating_add(1).saturating_sub(body.len()) as u64;
            (&mut stream).take(more).read_to_end(body).await.map_err(|_| Error::Malformed)
        };
        let mut body = Vec::new();
        read(limit, &mut body).await?;
        if body.len() <= limit {
            return Ok(Self::Whole(body));
        }
        let large: &LargeForms = visitor.state()?;
        match Arc::clone(&large.0).try_acquire_owned() {
            Ok(turn) if !visitor.wants_json() => {
                read(most, &mut body).await?;
                // Half of a text is not what was typed.
                Ok(if body.len() <= most { Self::Large(body, turn) } else { Self::Lost })
            }
            _ => Ok(Self::Lost),
        }
    }
}

/// The fields of a form as browsers send it. What is encoded is decoded leniently; the body itself is text.
fn urlencoded(body: &[u8]) -> Result<Vec<(String, String)>> {
    str::from_utf8(body).map_err(|_| Error::Malformed)?;
    let fields = form_urlencoded::parse(body).take(FIELDS + 1);
    let fields: Vec<_> = fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    if fields.len() > FIELDS { Err(Error::Malformed) } else { Ok(fields) }
}

/// The fields of a multipart form: what programs send.
async fn multipart(kind: String, body: Vec<u8>) -> Result<Vec<(String, String)>> {
    let boundary = multer::parse_boundary(kind).map_err(|_| Error::Malformed)?;
    let mut form = multer::Multipart::with_reader(std::io::Cursor::new(body), boundary);
    let mut fields = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|_| Error::Malformed)? {
        let Some(name) = field.name().map(str::to_owned) else { continue };
        if fields.len() == FIELDS {
            return Err(Error::Malformed);
        }
        fields.push((name, field.text().await.map_err(|_| Error::Malformed)?));
    }
    Ok(fields)
}
