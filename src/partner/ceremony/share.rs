//! A partner's own share and identity.

use std::path::Path;

use data_encoding::HEXLOWER;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, Serializable as _};
use samenloop_schema::{Digest, PartyId};
use zeroize::Zeroizing;

use super::{CeremonyError, Commitment, bytes, lines};
use crate::{key_file, private_file};

const MARK: &str = "samenloop-share-1";

pub(super) type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
pub(super) type Public = <X25519HkdfSha256 as Kem>::PublicKey;

/// What a partner must keep to itself until the key is made: 32 random bytes and an X25519 key.
pub struct Share {
    round: String,
    name: String,
    identity: Private,
    secret: Zeroizing<[u8; 32]>,
}

impl Share {
    /// Draws a share from the operating system's randomness. The name is a party's, as the round's
    /// manifest has it.
    pub fn draw(round: &str, name: &PartyId) -> Result<Self, CeremonyError> {
        let word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        if !word(round) {
            return Err(CeremonyError::Rule("the round's label must be one word".to_owned()));
        }
        let mut random = Zeroizing::new([0; 64]);
        getrandom::fill(random.as_mut()).map_err(|_| {
            CeremonyError::Rule("the operating system gave no random bytes".to_owned())
        })?;
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(&random[32..]);
        // RFC 9180, section 7.1.3: DeriveKeyPair of as many random bytes as the key has.
        let (identity, _) = X25519HkdfSha256::derive_keypair(&random[..32]);
        Ok(Self { round: round.to_owned(), name: name.as_str().to_owned(), identity, secret })
    }

    /// Writes it to a new file that only its owner can read.
    pub fn write(&self, path: &Path) -> Result<(), CeremonyError> {
        let identity = Zeroizing::new(HEXLOWER.encode(&self.identity.to_bytes()));
        let secret = Zeroizing::new(HEXLOWER.encode(&*self.secret));
        let line = Zeroizing::new(format!(
            "{MARK} {} {} {} {}\n",
            self.round, self.name, *identity, *secret
        ));
        Ok(private_file::write_new(path, line.as_bytes())?)
    }

    /// Reads it back. On Unix the file must not be readable by others.
    pub fn read(path: &Path) -> Result<Self, CeremonyError> {
        let text = key_file::read_private(path)?;
        let fault = || CeremonyError::Line {
            path: path.to_owned(),
            line: 1,
            rule: "this is no share; make one with `samenloop-partner key share new`".to_owned(),
        };
        let mut found = lines(&text);
        let (Some((_, words)), None) = (found.next(), found.next()) else { return Err(fault()) };
        let [MARK, round, name, identity, secret] = words[..] else { return Err(fault()) };
        let identity = Zeroizing::new(bytes(identity).ok_or_else(fault)?);
        let secret = Zeroizing::new(bytes(secret).ok_or_else(fault)?);
        name.parse::<PartyId>().map_err(|_| fault())?;
        let identity = Private::from_bytes(&*identity).map_err(|_| fault())?;
        Ok(Self { round: round.to_owned(), name: name.to_owned(), identity, secret })
    }

    /// What the other partners get first.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        let public: [u8; 32] = X25519HkdfSha256::sk_to_pk(&self.identity).to_bytes().into();
        let (round, name) = (self.round.clone(), self.name.clone());
        let digest = digest(&round, &name, &public, &self.secret);
        Commitment { round, name, public, digest }
    }

    /// A share of the same partner that it has not committed to.
    #[cfg(test)]
    pub(super) fn with_secret(self, secret: [u8; 32]) -> Self {
        Self { secret: Zeroizing::new(secret), ..self }
    }

    /// The round's label.
    #[must_use]
    pub fn round(&self) -> &str {
        &self.round
    }

    /// The partner's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn identity(&self) -> &Private {
        &self.identity
    }

    pub(super) fn secret(&self) -> &Zeroizing<[u8; 32]> {
        &self.secret
    }
}

/// What a partner commits to: it fits this share of this partner in this round and no other.
pub(super) fn digest(round: &str, name: &str, public: &[u8; 32], secret: &[u8; 32]) -> Digest {
    let parts: [&[u8]; 4] = [round.as_bytes(), name.as_bytes(), public, secret];
    Digest::of_parts("samenloop/v1/key-commitment", &parts)
}
