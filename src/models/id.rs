//! Opaque ids: an ObjectId, 24 hexadecimal digits in paths.

use std::fmt;
use std::str::FromStr;

use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::values::Nonce;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(ObjectId);

        impl $name {
            pub(crate) fn new() -> Self {
                Self(ObjectId::new())
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                ObjectId::parse_str(text).map(Self).map_err(|_| ())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }

        impl From<$name> for mongodb::bson::Bson {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }
    };
}

id!(UserId);
id!(RoomId);

impl RoomId {
    /// Returns the id of the room that a request creates. A repeated request gets the same id.
    pub(crate) fn of_request(owner: UserId, nonce: &Nonce, name: &str) -> Self {
        let mut hash = Sha256::new();
        // The encoding is unambiguous: the owner has a fixed length and a nonce has no line break.
        hash.update(owner.0.bytes());
        hash.update(nonce.as_str());
        hash.update("\n");
        hash.update(name);
        Self::of_hash(hash)
    }

    /// Returns the id of the room that a key stands for.
    pub(crate) fn of_key(key: &str) -> Self {
        Self::of_hash(Sha256::new().chain_update(key))
    }

    fn of_hash(hash: Sha256) -> Self {
        let mut id = [0; 12];
        id.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
        Self(ObjectId::from_bytes(id))
    }
}

/// The SHA-256 of a session token in base64url. Safe to store and to log, unlike the token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub(crate) String);

impl fmt::Display for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
