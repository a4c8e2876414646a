use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::text::{reject, within};
use crate::error::{Error, FieldError};

/// Identifies a request that may be sent again: 1–64 of `A-Z a-z 0-9 _ -`, chosen by the page or the bot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonce(String);

impl Nonce {
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        reject(typed, |c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')), FieldError::Alphabet)?;
        within(1, 64, typed.len())?;
        Ok(Self(typed.to_owned()))
    }

    pub(crate) fn random() -> crate::error::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(random)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_takes_one_alphabet() {
        assert!(Nonce::parse(&"aZ9_-".repeat(12)).is_ok());
        assert_eq!(Nonce::parse(""), Err(FieldError::Empty));
        assert_eq!(Nonce::parse(&"a".repeat(65)), Err(FieldError::TooLong { limit: 64, excess: 1 }));
        assert_eq!(Nonce::parse("a가"), Err(FieldError::Alphabet('가')));
    }
}
