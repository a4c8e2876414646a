//! A form that a client has sent, validated by Rocket.

use rocket::data::{self, Data, FromData};
use rocket::form::error::ErrorKind;
use rocket::form::{self, Context, Contextual, Form, FromForm, ValueField};
use rocket::outcome::Outcome;
use rocket::request::Request;

use super::form_fields::{FormFields, checked_fields};
use super::guard_error::reject;
use crate::error::{Error, FieldError, FieldErrors, Result};

/// A form with its value, or with the errors of its fields. What was typed is available in both cases.
pub(crate) struct Submission<'r, T> {
    value: Result<T, FieldErrors>,
    fields: &'r FormFields,
}

impl<'r, T: FromForm<'r>> Submission<'r, T> {
    pub(crate) fn parse(fields: &'r FormFields) -> Result<Self> {
        let known = fields.iter().filter(|(name, _)| is_plain(name));
        let values = known.map(|(name, value)| ValueField::from((name, value)));
        let Contextual { value, context } = Form::parse_iter(values).map_err(|_| Error::BadRequest)?;
        let value = match value {
            Some(value) => Ok(value),
            None => Err(field_errors(&context)?),
        };
        Ok(Self { value, fields })
    }
}

impl<'r, T> Submission<'r, T> {
    /// Fails with `Invalid` with the errors of all fields.
    pub(crate) fn value(&self) -> Result<&T> {
        self.value.as_ref().map_err(|errors| Error::Invalid(errors.clone()))
    }

    /// Returns the text of a field as the user typed it; empty if the field is absent.
    pub(crate) fn typed(&self, field: &str) -> &'r str {
        self.fields.values(field).next().unwrap_or_default()
    }

    /// Returns the text of a field as the user typed it, or as it is stored if the field is absent.
    pub(crate) fn typed_or<'a>(&self, field: &str, stored: &'a str) -> &'a str
    where
        'r: 'a,
    {
        self.fields.values(field).next().unwrap_or(stored)
    }
}

/// Returns whether a name has no characters with a meaning in Rocket's names. No field of the site has one. Rocket 0.5
/// reads a part of a name that begins with `=` without an end.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Returns the errors of a form's fields.
/// Fails with `BadRequest` for an error that no field type of the site reports.
fn field_errors(context: &Context<'_>) -> Result<FieldErrors> {
    let errors = context.errors().map(|error| {
        let name = error.name.as_ref().ok_or(Error::BadRequest)?;
        Ok((name.to_string().into(), field_error(error).ok_or(Error::BadRequest)?))
    });
    errors.collect::<Result<_>>().map(FieldErrors)
}

fn field_error(error: &form::Error<'_>) -> Option<FieldError> {
    match &error.kind {
        ErrorKind::Missing => Some(FieldError::Empty),
        ErrorKind::Custom(_, error) => error.downcast_ref().copied(),
        _ => None,
    }
}

#[rocket::async_trait]
impl<'r, T: FromForm<'r>> FromData<'r> for Submission<'r, T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        match checked_fields(request, data).await.and_then(Self::parse) {
            Ok(form) => Outcome::Success(form),
            Err(error) => reject(request, error),
        }
    }
}
