//! Identities: of a round, a submission, a party, and of bytes.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// A party id has characters or a length that a file name or a ledger entry could not carry.
    #[error(
        "a party id has 1 to 32 characters out of a-z, 0-9, '-' and '_', and begins with a letter"
    )]
    Party,
    /// Not hexadecimal, or of another length.
    #[error("expected {expected} hexadecimal characters")]
    Hex {
        /// Hexadecimal characters that this id has.
        expected: usize,
    },
}

/// A partner organisation in a manifest, a certificate and a table heading: `[a-z][a-z0-9_-]{0,31}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PartyId(String);

impl PartyId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PartyId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
        if starts && text.len() <= 32 && text.chars().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::Party)
        }
    }
}

impl fmt::Display for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PartyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The bytes, if there are exactly as many as this id has.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER_PERMISSIVE.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                HEXLOWER_PERMISSIVE
                    .decode(text.as_bytes())
                    .ok()
                    .and_then(|bytes| Self::from_slice(&bytes))
                    .ok_or(IdError::Hex { expected: 2 * $len })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

byte_id!(
    /// A round: the SHA-256 of its manifest's bytes.
    RoundId,
    32
);
byte_id!(
    /// A submission: 16 random bytes drawn when the extract was encoded.
    SubmissionId,
    16
);
byte_id!(
    /// Tells two linkage keys, schemas or rounds apart without telling anything about the key.
    KeyCheckValue,
    16
);
byte_id!(
    /// A SHA-256.
    Digest,
    32
);

impl Digest {
    /// The SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The SHA-256 of everything that is put, one after another.
    #[must_use]
    pub fn of_written(write: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Self {
        let mut hash = Sha256::new();
        write(&mut |bytes| hash.update(bytes));
        Self(hash.finalize().into())
    }

    /// The SHA-256 of a purpose and parts, each with its length before it, so that no two lists of
    /// parts give the same input.
    #[must_use]
    pub fn of_parts(purpose: &str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn party_ids_are_slugs() {
        for good in ["ggd", "ggz-noord", "wmo_2", "a"] {
            assert_eq!(good.parse::<PartyId>().map(|id| id.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "GGD", "2ggd", "ggd/..", "ggd ", "é", &"a".repeat(33)] {
            assert_eq!(bad.parse::<PartyId>(), Err(IdError::Party), "{bad:?}");
        }
    }

    #[test]
    fn byte_ids_round_trip_as_hexadecimal() {
        let id = SubmissionId([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("ab".parse::<SubmissionId>(), Err(IdError::Hex { expected: 32 }));
    }

    #[test]
    fn parts_cannot_be_moved_over_their_boundary() {
        assert_ne!(Digest::of_parts("x", &[b"ab", b"c"]), Digest::of_parts("x", &[b"a", b"bc"]));
    }
}
