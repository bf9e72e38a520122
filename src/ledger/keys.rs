//! Keys of a signed note, in the text forms of C2SP and of Go's `sumdb/note`.

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signature, Signer as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Signature type of Ed25519 in a key's text.
const ED25519: u8 = 1;
/// Signature type of a timestamped Ed25519 cosignature (C2SP tlog-cosignature).
const COSIGNATURE: u8 = 4;
const PRIVATE: &str = "PRIVATE+KEY+";

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A name that a note could not carry.
    #[error("a key's name has 1 to 128 printable ASCII characters and neither a space nor a '+'")]
    Name,
    /// Not `name+hash+base64`, or `PRIVATE+KEY+name+hash+base64` for a signing key.
    #[error("the key is not written as name+hash+base64")]
    Form,
    /// The key is for another type of signatures.
    #[error("the key is not of the type that is needed: a ledger's has type 1, a witness's 4")]
    Kind,
    /// The hash in the text is not that of the key.
    #[error("the key's hash does not belong to it: copy the whole text again")]
    Hash,
}

/// What checks a note's signatures of one type: a name and a public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey<const TYPE: u8> {
    name: String,
    key: ed25519_dalek::VerifyingKey,
}

/// Checks a ledger's own signatures.
pub type VerifyingKey = NoteKey<ED25519>;

/// Checks a witness's cosignatures.
pub type WitnessKey = NoteKey<COSIGNATURE>;

/// What signs a note: a name and a secret key, which is never shown but by
/// [`to_text`](Self::to_text).
pub struct SigningKey {
    name: String,
    key: ed25519_dalek::SigningKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.name)
    }
}

fn check_name(name: &str) -> Result<String, KeyError> {
    let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'+';
    if (1..=128).contains(&name.len()) && name.bytes().all(legal) {
        Ok(name.to_owned())
    } else {
        Err(KeyError::Name)
    }
}

/// First 4 bytes of SHA-256 over name, newline, signature type and public key.
fn key_hash(name: &str, signature: u8, key: &ed25519_dalek::VerifyingKey) -> [u8; 4] {
    let hash = Sha256::new_with_prefix(name)
        .chain_update([b'\n', signature])
        .chain_update(key.as_bytes())
        .finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// Name, hash and 32 key bytes of a key's text.
type Parts = (String, [u8; 4], Zeroizing<[u8; 32]>);

/// Cuts `name+hash+base64`.
fn parse(text: &str, signature: u8) -> Result<Parts, KeyError> {
    let mut parts = text.splitn(3, '+');
    let mut part = || parts.next().ok_or(KeyError::Form);
    let (name, hash, key) = (part()?, part()?, part()?);
    let hash = HEXLOWER.decode(hash.as_bytes()).map_err(|_| KeyError::Form)?;
    let hash = hash.try_into().map_err(|_| KeyError::Form)?;
    let key = Zeroizing::new(BASE64.decode(key.as_bytes()).map_err(|_| KeyError::Form)?);
    match key.split_first() {
        Some((found, key)) if *found == signature => {
            let key = key.try_into().map_err(|_| KeyError::Form)?;
            Ok((check_name(name)?, hash, Zeroizing::new(key)))
        }
        Some(_) => Err(KeyError::Kind),
        None => Err(KeyError::Form),
    }
}

fn text(name: &str, hash: [u8; 4], signature: u8, key: &[u8; 32]) -> String {
    let mut typed = Zeroizing::new([signature; 33]);
    typed[1..].copy_from_slice(key);
    format!("{name}+{}+{}", HEXLOWER.encode(&hash), BASE64.encode(&*typed))
}

impl<const TYPE: u8> NoteKey<TYPE> {
    /// Reads `name+hash+base64(type ‖ key)`.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let (name, hash, key) = parse(text, TYPE)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&key).map_err(|_| KeyError::Form)?;
        let right = key_hash(&name, TYPE, &key) == hash;
        if right { Ok(Self { name, key }) } else { Err(KeyError::Hash) }
    }

    /// Writes `name+hash+base64(type ‖ key)`.
    #[must_use]
    pub fn to_text(&self) -> String {
        text(&self.name, self.hash(), TYPE, self.key.as_bytes())
    }

    /// The signer's name; a ledger's is also the origin of its checkpoints.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn hash(&self) -> [u8; 4] {
        key_hash(&self.name, TYPE, &self.key)
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl SigningKey {
    /// A key of 32 random bytes.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        Ok(Self { name: check_name(name)?, key: ed25519_dalek::SigningKey::from_bytes(seed) })
    }

    /// Reads `PRIVATE+KEY+name+hash+base64(1 ‖ seed)`.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let (name, hash, seed) = parse(text.strip_prefix(PRIVATE).ok_or(KeyError::Form)?, ED25519)?;
        let key = Self::from_seed(&name, &seed)?;
        if key.verifying_key().hash() == hash { Ok(key) } else { Err(KeyError::Hash) }
    }

    /// Writes `PRIVATE+KEY+name+hash+base64(1 ‖ seed)`: a secret, for a file that only the service
    /// can read.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let hash = self.verifying_key().hash();
        let tail = Zeroizing::new(text(&self.name, hash, ED25519, self.key.as_bytes()));
        Zeroizing::new([PRIVATE, &tail].concat())
    }

    /// The key that checks this one's notes.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}
