use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::text::{is_visible, overrides_text, reject, within};
use crate::error::FieldError;

/// A password as typed: 8–256 characters, in NFC because keyboards differ.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let password: String = typed.nfc().collect();
        reject(&password, |c| c.is_control() || overrides_text(c), FieldError::Control)?;
        // A password of spaces is allowed, one of invisible characters is not.
        if !password.chars().any(|c| c == ' ' || is_visible(c)) {
            return Err(FieldError::Empty);
        }
        within(8, 256, password.chars().count())?;
        Ok(Self(password))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_same_from_every_keyboard() {
        let composed = Password::parse("비밀번호입니다요").unwrap();
        let decomposed = Password::parse(&"비밀번호입니다요".nfd().collect::<String>()).unwrap();
        assert_eq!(composed.as_bytes(), decomposed.as_bytes());
        assert!(matches!(Password::parse("1234567"), Err(FieldError::TooShort(8))));
        assert!(matches!(Password::parse(&"\u{200b}".repeat(8)), Err(FieldError::Empty)));
        assert!(matches!(Password::parse("password\u{202e}"), Err(FieldError::Control('\u{202e}'))));
        assert!(Password::parse("        ").is_ok());
    }
}
