use serde::{Deserialize, Serialize};

use super::text::{line, within};
use crate::error::FieldError;

/// At most 200 characters on one line, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Topic(String);

impl Topic {
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let topic = match line(typed) {
            Err(FieldError::Empty) => return Ok(Self::default()),
            topic => topic?,
        };
        within(0, 200, topic.chars().count())?;
        Ok(Self(topic))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
