//! Encryption at rest: AES-256-GCM under a data key, and the wrapping of data keys
//! (`docs/decisions/0012`).

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use samenloop_wire::store::{NONCE_LEN, TAG_LEN};
use zeroize::Zeroizing;

use crate::keys::random;

/// Why bytes were not encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// No randomness for a key or a nonce.
    #[error("the system gives no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The bytes were changed, stand in another place, or are under another key.
    #[error(
        "encrypted bytes do not authenticate: they were changed, moved or are under another key"
    )]
    Broken,
    /// More than the cipher takes.
    #[error("too many bytes to encrypt at once")]
    TooLong,
}

/// The key of one submission or partition. It exists in the store only wrapped.
pub struct DataKey(Zeroizing<[u8; 32]>);

/// The installation's key that wraps data keys.
pub struct WrappingKey(DataKey);

impl WrappingKey {
    /// From a key file.
    #[must_use]
    pub fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(DataKey(key))
    }

    /// Encrypts a data key for one place in the store.
    pub fn wrap(&self, key: &DataKey, place: &[u8]) -> Result<Vec<u8>, SealError> {
        self.0.seal(&key.0[..], place)
    }

    /// Decrypts a data key of that place.
    pub fn unwrap(&self, wrapped: &[u8], place: &[u8]) -> Result<DataKey, SealError> {
        let plain = self.0.open(wrapped, place)?;
        let mut key = Zeroizing::new([0; 32]);
        if plain.len() != key.len() {
            return Err(SealError::Broken);
        }
        key.copy_from_slice(&plain);
        Ok(DataKey(key))
    }
}

impl DataKey {
    /// A fresh key.
    pub fn generate() -> Result<Self, SealError> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    fn cipher(&self) -> Result<LessSafeKey, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, &self.0[..]).map_err(|_| SealError::Broken)?;
        Ok(LessSafeKey::new(key))
    }

    /// Nonce, ciphertext and tag of bytes that belong at one place in the store.
    pub fn seal(&self, plain: &[u8], place: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + TAG_LEN);
        sealed.resize(NONCE_LEN, 0);
        sealed.extend_from_slice(plain);
        self.seal_in_place(&mut sealed, place)?;
        Ok(sealed)
    }

    /// Seals what follows after [`NONCE_LEN`] bytes, without a copy of it.
    pub fn seal_in_place(&self, bytes: &mut Vec<u8>, place: &[u8]) -> Result<(), SealError> {
        let nonce = random::<NONCE_LEN>()?;
        let (head, plain) = bytes.split_first_chunk_mut().ok_or(SealError::Broken)?;
        *head = nonce;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.cipher()?.seal_in_place_separate_tag(nonce, Aad::from(place), plain);
        bytes.extend_from_slice(tag.map_err(|_| SealError::TooLong)?.as_ref());
        Ok(())
    }

    /// The bytes that were sealed for that place.
    pub fn open(&self, sealed: &[u8], place: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let mut plain = Zeroizing::new(vec![]);
        self.open_into(&mut plain, sealed, place)?;
        Ok(plain)
    }

    /// The same, in place of what `plain` held.
    pub fn open_into(
        &self,
        plain: &mut Vec<u8>,
        sealed: &[u8],
        place: &[u8],
    ) -> Result<(), SealError> {
        let (nonce, ciphertext) = sealed.split_first_chunk().ok_or(SealError::Broken)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        plain.clear();
        plain.extend_from_slice(ciphertext);
        let opened = self.cipher()?.open_in_place(nonce, Aad::from(place), plain);
        let len = opened.map_err(|_| SealError::Broken)?.len();
        plain.truncate(len);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_open_only_in_their_place_unchanged_and_under_their_key() -> Result<(), SealError>
    {
        let key = DataKey::generate()?;
        let sealed = key.seal(b"rows", b"place")?;
        assert_eq!(sealed.len(), NONCE_LEN + 4 + TAG_LEN);
        assert_eq!(**key.open(&sealed, b"place")?, *b"rows");
        assert_ne!(sealed, key.seal(b"rows", b"place")?);
        assert!(key.open(&sealed, b"elsewhere").is_err());
        assert!(DataKey::generate()?.open(&sealed, b"place").is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(&changed, b"place").is_err(), "byte {at}");
        }
        assert!(key.open(&sealed[..NONCE_LEN + 3], b"place").is_err());
        Ok(())
    }

    #[test]
    fn data_keys_unwrap_under_their_wrapping_key_only() -> Result<(), SealError> {
        let [ours, theirs] = [[7; 32], [8; 32]].map(|key| WrappingKey::new(key.into()));
        let key = DataKey::generate()?;
        let wrapped = ours.wrap(&key, b"submission")?;
        assert_eq!(ours.unwrap(&wrapped, b"submission")?.0, key.0);
        assert!(ours.unwrap(&wrapped, b"another").is_err());
        assert!(theirs.unwrap(&wrapped, b"submission").is_err());
        Ok(())
    }
}
