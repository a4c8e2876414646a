//! Short-lived tickets between the two servers: an HMAC-SHA-256 of purpose, subject and expiry.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::file::create_atomically;

const TTL: Duration = Duration::from_secs(10 * 60);
const MIN_SECRET_BYTES: usize = 16;
const SIGNATURE_BYTES: usize = 16;

/// The only action that a ticket permits. Each names its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The user's id.
    Upload,
    /// The user's id and the picture's path.
    SetPicture,
    /// The picture's path.
    QueryPicture,
    /// The picture's path.
    DeletePicture,
    /// None; the claims name user and room.
    UploadFiles,
    /// None; the claims are the stored file.
    Receipt,
    /// The room's id; the claims are the SHA-256 of the chat.
    PostChat,
    /// The name of the file or of its small version.
    DownloadFile,
    /// None; the claims are the SHA-256 of the names.
    QueryFiles,
    /// The file's name.
    DeleteFile,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::SetPicture => "record",
            Self::QueryPicture => "ask",
            Self::DeletePicture => "forget",
            Self::UploadFiles => "upload-files",
            Self::Receipt => "receipt",
            Self::PostChat => "post-chat",
            Self::DownloadFile => "download-file",
            Self::QueryFiles => "query-files",
            Self::DeleteFile => "delete-file",
        }
    }
}

/// The key that only the two servers know.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Reads the setting `images.secret`.
    pub fn from_config(text: &str) -> Result<Self> {
        if text.len() < MIN_SECRET_BYTES {
            bail!(
                "Cannot use images.secret: it has {} bytes. Set it to a text of {MIN_SECRET_BYTES} characters or more, the same \
                 for both servers.",
                text.len()
            );
        }
        Ok(Self(text.as_bytes().to_vec()))
    }

    pub(crate) fn load_or_create(path: &Path) -> Result<Self> {
        if !path.exists() {
            let mut random = [0; 32];
            getrandom::fill(&mut random).context("Cannot create a secret")?;
            let text = BASE64_URL_SAFE_NO_PAD.encode(random);
            create_atomically(path, text.as_bytes(), 0o600)
                .with_context(|| format!("Cannot write {}", path.display()))?;
        }
        let secret = fs::read(path).with_context(|| format!("Cannot read {}", path.display()))?;
        if secret.len() < MIN_SECRET_BYTES {
            bail!("Cannot use {}: it is shorter than {MIN_SECRET_BYTES} bytes. Delete the file.", path.display());
        }
        Ok(Self(secret))
    }

    /// Returns a ticket that expires after 10 minutes.
    pub fn ticket(&self, purpose: Purpose, subject: &str) -> String {
        let expiry = now().saturating_add(TTL.as_secs());
        let mac = self.ticket_hmac(purpose, subject, expiry).finalize().into_bytes();
        format!("{expiry}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac))
    }

    pub(crate) fn verify(&self, ticket: &str, purpose: Purpose, subject: &str) -> bool {
        let Some((expiry, mac)) = ticket.split_once('.') else { return false };
        let (Ok(expiry), Ok(mac)) = (expiry.parse(), BASE64_URL_SAFE_NO_PAD.decode(mac)) else { return false };
        expiry >= now() && self.ticket_hmac(purpose, subject, expiry).verify_slice(&mac).is_ok()
    }

    /// Returns a ticket that carries claims, readable by everybody, until `expiry`, in seconds since 1970.
    /// The subject has no line break.
    pub fn ticket_with_claims(
        &self,
        purpose: Purpose,
        subject: &str,
        claims: &impl Serialize,
        expiry: u64,
    ) -> serde_json::Result<String> {
        let claims = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims)?);
        let mac = self.ticket_hmac(purpose, &format!("{subject}\n{claims}"), expiry).finalize().into_bytes();
        Ok(format!("{claims}.{expiry}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Returns the claims of a valid ticket.
    pub(crate) fn claims<T: DeserializeOwned>(&self, ticket: &str, purpose: Purpose, subject: &str) -> Option<T> {
        let (claims, ticket) = ticket.split_once('.')?;
        let json = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
        self.verify(ticket, purpose, &format!("{subject}\n{claims}")).then(|| serde_json::from_slice(&json).ok())?
    }

    /// Returns a signature of 128 bits in base64url. It does not expire.
    pub(crate) fn sign(&self, subject: &str) -> String {
        let mac = self.signature_hmac(subject).finalize().into_bytes();
        BASE64_URL_SAFE_NO_PAD.encode(&mac[..SIGNATURE_BYTES])
    }

    pub(crate) fn verify_signature(&self, signature: &str, subject: &str) -> bool {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        bytes.len() == SIGNATURE_BYTES && self.signature_hmac(subject).verify_truncated_left(&bytes).is_ok()
    }

    fn signature_hmac(&self, subject: &str) -> Hmac<Sha256> {
        let mut mac = self.hmac();
        // No purpose is called `mark`, so a signature is never a valid ticket.
        mac.update(format!("mark\n{subject}").as_bytes());
        mac
    }

    fn hmac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0).unwrap_or_else(|_| unreachable!("HMAC accepts keys of any length"))
    }

    fn ticket_hmac(&self, purpose: Purpose, subject: &str, expiry: u64) -> Hmac<Sha256> {
        let mut mac = self.hmac();
        // Purpose and expiry contain no line break, so different tickets have different texts.
        mac.update(format!("{}\n{subject}\n{expiry}", purpose.as_str()).as_bytes());
        mac
    }
}

/// Returns the seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_admits_to_what_it_is_for_and_to_nothing_else() {
        let secret = Secret::from_config("a secret of some length").unwrap();
        let ticket = secret.ticket(Purpose::Upload, "gildong");
        assert!(secret.verify(&ticket, Purpose::Upload, "gildong"));
        assert!(!secret.verify(&ticket, Purpose::SetPicture, "gildong"));
        assert!(!secret.verify(&ticket, Purpose::Upload, "chunhyang"));
        let other = Secret::from_config("another secret of some length").unwrap();
        assert!(!other.verify(&ticket, Purpose::Upload, "gildong"));
    }

    #[test]
    fn a_ticket_that_was_changed_or_is_old_admits_nobody() {
        let secret = Secret::from_config("a secret of some length").unwrap();
        let ticket = secret.ticket(Purpose::Upload, "gildong");
        let (until, mac) = ticket.split_once('.').unwrap();
        let longer = format!("{}.{mac}", until.parse::<u64>().unwrap() + 1);
        for changed in [longer.as_str(), "", ".", until, mac, "1.x", &ticket[..ticket.len() - 1], &format!("{ticket}x")]
        {
            assert!(!secret.verify(changed, Purpose::Upload, "gildong"), "{changed}");
        }
        let old = now() - 1;
        let mac =
            BASE64_URL_SAFE_NO_PAD.encode(secret.ticket_hmac(Purpose::Upload, "gildong", old).finalize().into_bytes());
        assert!(!secret.verify(&format!("{old}.{mac}"), Purpose::Upload, "gildong"));
    }

    #[test]
    fn claims_are_read_from_a_valid_ticket_only() {
        let secret = Secret::from_config("a secret of some length").unwrap();
        let ticket = |expiry| secret.ticket_with_claims(Purpose::DownloadFile, "name", &7, expiry).unwrap();
        let claims = |ticket: &str, purpose, subject| secret.claims::<u8>(ticket, purpose, subject);
        let valid = ticket(now() + 60);
        assert_eq!(claims(&valid, Purpose::DownloadFile, "name"), Some(7));
        assert_eq!(claims(&valid, Purpose::DownloadFile, "other"), None);
        assert_eq!(claims(&valid, Purpose::Receipt, "name"), None);
        assert_eq!(claims(&ticket(now() - 1), Purpose::DownloadFile, "name"), None);
        let (_, rest) = valid.split_once('.').unwrap();
        let other = BASE64_URL_SAFE_NO_PAD.encode("8");
        for changed in [format!("{other}.{rest}"), rest.to_owned(), format!("{valid}x"), String::new()] {
            assert_eq!(claims(&changed, Purpose::DownloadFile, "name"), None, "{changed}");
        }
    }

    #[test]
    fn a_mark_is_of_one_subject_and_one_secret() {
        let secret = Secret::from_config("a secret of some length").unwrap();
        let mark = secret.sign("gildong");
        assert_eq!(mark.len(), 22);
        assert!(secret.verify_signature(&mark, "gildong"));
        assert!(!secret.verify_signature(&mark, "chunhyang"));
        assert!(!Secret::from_config("another secret of some length").unwrap().verify_signature(&mark, "gildong"));
        for changed in ["", "A", &mark[..21], &format!("{mark}A"), &secret.sign("chunhyang")] {
            assert!(!secret.verify_signature(changed, "gildong"), "{changed}");
        }
    }
}
