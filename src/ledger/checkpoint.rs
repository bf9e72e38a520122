//! Checkpoints: size and root of the ledger as a C2SP signed note.

use data_encoding::BASE64;
use samenloop_schema::Digest;

use crate::keys::{SigningKey, VerifyingKey};

/// Why a text is no checkpoint of this signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Not a note: a text, an empty line, signature lines.
    #[error("the checkpoint is not a signed note")]
    Note,
    /// Not the three lines origin, size, root.
    #[error("the signed note is not a checkpoint of origin, size and root")]
    Form,
    /// No signature by the expected name and key.
    #[error("the checkpoint is not signed by the expected key")]
    Unsigned,
    /// A signature by the expected name and key that does not hold.
    #[error("the signature of the checkpoint does not hold")]
    Signature,
    /// A checkpoint of another log.
    #[error("the checkpoint is of another ledger than its signer's")]
    Origin,
}

/// Size and root of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which ledger: the name of the key that signs it.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// RFC 6962 root.
    pub root: Digest,
}

impl Checkpoint {
    /// The text that is signed: origin, size and root, each with a newline.
    #[must_use]
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root.0))
    }

    /// The signed note: the text, an empty line, and `— name base64(key hash ‖ signature)`.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let body = self.body();
        let signer = key.verifying_key();
        let signature = [&signer.hash()[..], &key.sign(body.as_bytes())].concat();
        format!("{body}\n\u{2014} {} {}\n", signer.name(), BASE64.encode(&signature))
    }

    /// Reads a signed note of this signer. Signatures of others, such as witnesses, may stand beside
    /// it.
    pub fn open(note: &str, key: &VerifyingKey) -> Result<Self, CheckpointError> {
        let (_, signatures) = note.rsplit_once("\n\n").ok_or(CheckpointError::Note)?;
        let body = &note[..note.len() - signatures.len() - 1];
        let signatures = signatures.strip_suffix('\n').ok_or(CheckpointError::Note)?;
        let mut signed = false;
        for line in signatures.split('\n') {
            let parts = line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' '));
            let (name, encoded) = parts.ok_or(CheckpointError::Note)?;
            let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| CheckpointError::Note)?;
            let (hash, signature) = bytes.split_first_chunk().ok_or(CheckpointError::Note)?;
            if name == key.name() && *hash == key.hash() {
                let signature = signature.try_into().map_err(|_| CheckpointError::Signature)?;
                if !key.verifies(body.as_bytes(), signature) {
                    return Err(CheckpointError::Signature);
                }
                signed = true;
            }
        }
        if !signed {
            return Err(CheckpointError::Unsigned);
        }
        let checkpoint = Self::from_body(body).ok_or(CheckpointError::Form)?;
        if checkpoint.origin == key.name() { Ok(checkpoint) } else { Err(CheckpointError::Origin) }
    }

    /// Reads exactly what [`body`](Self::body) writes.
    fn from_body(body: &str) -> Option<Self> {
        let mut lines = body.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let root = BASE64.decode(root.as_bytes()).ok()?;
        let checkpoint = Self {
            origin: origin.to_owned(),
            size: size.parse().ok()?,
            root: Digest::from_slice(&root)?,
        };
        (checkpoint.body() == body).then_some(checkpoint)
    }
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
