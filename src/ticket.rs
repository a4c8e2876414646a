//! Tickets: short-lived signed notes between the two servers. A ticket says for what it is (its purpose), about
//! whom or what (its subject) and until when; the HMAC-SHA-256 over all three is made with the shared secret.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::file::create_atomically;

/// How long a ticket is good for.
pub const TTL: Duration = Duration::from_secs(10 * 60);
/// Bytes of a secret.
const MIN_LENGTH: usize = 16;
/// Bytes of a mark.
const SIGNATURE_BYTES: usize = 16;

/// What a ticket is for. One purpose's ticket opens nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A user may send the image server a picture. Subject: the user's id.
    Upload,
    /// The image server tells the site where the picture is. Subject: the user's id and the path.
    SetPicture,
    /// The image server asks whether anybody has a picture. Subject: its path.
    QueryPicture,
    /// The site has the image server forget a picture. Subject: its path.
    DeletePicture,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::SetPicture => "record",
            Self::QueryPicture => "ask",
            Self::DeletePicture => "forget",
        }
    }
}

/// What both servers know and nobody else. At least 32 bytes when we make it.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the configured secret.
    pub fn from_config(text: &str) -> Result<Self> {
        if text.len() < MIN_LENGTH {
            bail!(
                "Cannot use images.secret: it has {} bytes. Set it to a text of {MIN_LENGTH} characters or more, the same \
                 for both servers.",
                text.len()
            );
        }
        Ok(Self(text.as_bytes().to_vec()))
    }

    /// Loads the secret from a file, and creates the file if there is none.
    pub fn load_or_create(path: &Path) -> Result<Self> {
        if !path.exists() {
            let mut random = [0; 32];
            getrandom::fill(&mut random).context("Cannot create a secret")?;
            let text = BASE64_URL_SAFE_NO_PAD.encode(random);
            create_atomically(path, text.as_bytes(), 0o600)
                .with_context(|| format!("Cannot write {}", path.display()))?;
        }
        let secret = fs::read(path).with_context(|| format!("Cannot read {}", path.display()))?;
        if secret.len() < MIN_LENGTH {
            bail!("Cannot use {}: it is too short for a secret. Delete it.", path.display());
        }
        Ok(Self(secret))
    }

    /// A ticket that is good from now for [`TTL`].
    pub fn ticket(&self, purpose: Purpose, subject: &str) -> String {
        let until = now().saturating_add(TTL.as_secs());
        let mac = self.ticket_hmac(purpose, subject, until).finalize().into_bytes();
        format!("{until}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac))
    }

    /// Whether a ticket is one of ours, for this purpose and subject, and still good.
    pub fn verify(&self, ticket: &str, purpose: Purpose, subject: &str) -> bool {
        let Some((until, mac)) = ticket.split_once('.') else { return false };
        let (Ok(until), Ok(mac)) = (until.parse(), BASE64_URL_SAFE_NO_PAD.decode(mac)) else { return false };
        // Compared in constant time.
        until >= now() && self.ticket_hmac(purpose, subject, until).verify_slice(&mac).is_ok()
    }

    /// Returns a mark: 128 bits in base64url that only this secret makes of this subject. It has no end.
    pub fn sign(&self, subject: &str) -> String {
        let mac = self.signature(subject).finalize().into_bytes();
        BASE64_URL_SAFE_NO_PAD.encode(&mac[..SIGNATURE_BYTES])
    }

    /// Whether a mark is ours, for this subject.
    pub fn verify_signature(&self, mark: &str, subject: &str) -> bool {
        let mark = BASE64_URL_SAFE_NO_PAD.decode(mark).unwrap_or_default();
        // Compared in constant time.
        mark.len() == SIGNATURE_BYTES && self.signature(subject).verify_truncated_left(&mark).is_ok()
    }

    fn signature(&self, subject: &str) -> Hmac<Sha256> {
        let mut mac = self.hmac();
        // No ticket's purpose is spelled so, so no mark is a ticket.
        mac.update(format!("mark\n{subject}").as_bytes());
        mac
    }

    fn hmac(&self) -> Hmac<Sha256> {
        // Any length of key will do.
        Hmac::new_from_slice(&self.0).unwrap_or_else(|_| unreachable!("HMAC takes every key"))
    }

    fn ticket_hmac(&self, purpose: Purpose, subject: &str, until: u64) -> Hmac<Sha256> {
        let mut mac = self.hmac();
        // The purpose has no line break and the time no letter, so no two tickets are written alike.
        mac.update(format!("{}\n{subject}\n{until}", purpose.as_str()).as_bytes());
        mac
    }
}

fn now() -> u64 {
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
