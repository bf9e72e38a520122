//! Signed checkpoints, opened by the auditor's own reader of C2SP signed notes.

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signature, VerifyingKey};
use samenloop_schema::Digest;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// A verifier key text that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the ledger's verifier key is not an Ed25519 key written as name+hash+base64: \
     ask the coordinator for it again"
)]
pub struct VerifierError;

/// Whose checkpoints are believed.
#[derive(Debug, Clone)]
pub struct Verifier {
    name: String,
    hash: [u8; 4],
    key: VerifyingKey,
}

/// Size and root that a checkpoint states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// Entries.
    pub size: u64,
    /// RFC 6962 root.
    pub root: Digest,
}

/// Name, hash and public key of `name+hash+base64(type ‖ key)`.
pub(super) fn parse(text: &str, signature: u8) -> Option<(String, [u8; 4], [u8; 32])> {
    let mut parts = text.trim().splitn(3, '+');
    let (name, hash, key) = (parts.next()?, parts.next()?, parts.next()?);
    let typed = BASE64.decode(key.as_bytes()).ok()?;
    let (first, key) = typed.split_first()?;
    let known = key_hash(name, &typed);
    let right = *first == signature && is_name(name) && HEXLOWER.encode(&known) == hash;
    right.then_some((name.to_owned(), known, key.try_into().ok()?))
}

/// Whether notes can be signed under a name.
pub(super) fn is_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'+';
    (1..=128).contains(&name.len()) && name.bytes().all(legal)
}

/// The first 4 bytes of SHA-256 over name, newline and typed key.
pub(super) fn key_hash(name: &str, typed: &[u8]) -> [u8; 4] {
    let digest = Sha256::new_with_prefix(name).chain_update(b"\n").chain_update(typed).finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

impl Verifier {
    /// Reads `name+hash+base64(1 ‖ key)`.
    pub fn from_text(text: &str) -> Result<Self, VerifierError> {
        let (name, hash, key) = parse(text, 1).ok_or(VerifierError)?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| VerifierError)?;
        Ok(Self { name, hash, key })
    }

    /// Name of the ledger.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size and root of a note that this key signed; else what is wrong with it.
    pub fn open(&self, note: &str) -> Result<Head, &'static str> {
        let (text, signatures) = note.split_once("\n\n").ok_or("it is not a signed note")?;
        let text = format!("{text}\n");
        let mut signed = false;
        let lines = signatures.strip_suffix('\n').ok_or("its last line does not end")?;
        for line in lines.split('\n') {
            let signature = line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' '));
            let (name, encoded) = signature.ok_or("a signature line is not one")?;
            let bytes =
                BASE64.decode(encoded.as_bytes()).map_err(|_| "a signature is not base64")?;
            if name != self.name || !bytes.starts_with(&self.hash) {
                continue;
            }
            let bytes = <&[u8; 64]>::try_from(&bytes[4..]).map_err(|_| "its signature is cut")?;
            self.key
                .verify_strict(text.as_bytes(), &Signature::from_bytes(bytes))
                .map_err(|_| "its signature does not hold")?;
            signed = true;
        }
        if !signed {
            return Err("the ledger's key did not sign it");
        }
        let [origin, size, root, ""] = text.split('\n').collect::<Vec<_>>()[..] else {
            return Err("it does not consist of origin, size and root");
        };
        if origin != self.name {
            return Err("it is of another ledger");
        }
        let head = Head {
            size: size.parse().map_err(|_| "its size is not a number")?,
            root: BASE64
                .decode(root.as_bytes())
                .ok()
                .and_then(|root| Digest::from_slice(&root))
                .ok_or("its root is not a hash")?,
        };
        if head.size.to_string() == size { Ok(head) } else { Err("its size is not a number") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_checkpoints_open_and_each_bad_one_does_not() -> Result<(), VerifierError> {
        let text = include_str!("../../../tests/vectors/ledger/v1/checkpoints.json");
        let vectors: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let verifier = Verifier::from_text(vectors["verifying_key"].as_str().expect("a text"))?;
        let notes = |list: &str| vectors[list].as_array().expect("a list").clone();
        let note = |vector: &serde_json::Value| vector["note"].as_str().expect("a text").to_owned();
        for vector in notes("good") {
            let head = verifier.open(&note(&vector)).expect("a good checkpoint opens");
            assert_eq!(vectors["checkpoint"]["size"], head.size);
            assert_eq!(vectors["checkpoint"]["root"], head.root.to_string());
        }
        for vector in notes("bad") {
            assert!(verifier.open(&note(&vector)).is_err(), "{}", vector["name"]);
        }
        for vector in notes("bad_keys") {
            // A key file may end with a newline; a verifier key is read from one.
            let key = vector["key"].as_str().expect("a text");
            assert_eq!(Verifier::from_text(key).is_ok(), vector["name"] == "bad_newline");
        }
        Ok(())
    }
}
