//! Cosignatures of witnesses (C2SP tlog-cosignature, v1), made and checked by the auditor's own code.

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::note::{is_name, key_hash, parse};

/// Signature type of a timestamped Ed25519 cosignature.
const COSIGNATURE: u8 = 4;
const PRIVATE: &str = "PRIVATE+KEY+";

/// A witness's key that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no witness's key: make one with `samenloop-audit witness-key`")]
pub struct WitnessKeyError;

/// Whose cosignatures count.
#[derive(Debug, Clone)]
pub struct Witness {
    name: String,
    hash: [u8; 4],
    key: VerifyingKey,
}

/// Who cosigns. The key is never shown but by [`to_text`](Self::to_text).
pub struct Cosigner {
    name: String,
    key: SigningKey,
}

/// What is signed for a checkpoint's text.
fn message(at: u64, body: &str) -> String {
    format!("cosignature/v1\ntime {at}\n{body}")
}

/// The text of a note, its last newline included.
fn body(note: &str) -> Option<&str> {
    note.find("\n\n").map(|end| &note[..=end])
}

impl Witness {
    /// Reads `name+hash+base64(4 ‖ key)`.
    pub fn from_text(text: &str) -> Result<Self, WitnessKeyError> {
        let (name, hash, key) = parse(text, COSIGNATURE).ok_or(WitnessKeyError)?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| WitnessKeyError)?;
        Ok(Self { name, hash, key })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When the witness cosigned the note, in seconds since 1970; none if it did not.
    #[must_use]
    pub fn signed(&self, note: &str) -> Option<u64> {
        let body = body(note)?;
        note[body.len() + 1..].lines().find_map(|line| {
            let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
            let bytes = BASE64.decode(encoded.as_bytes()).ok()?;
            let (hash, rest) = bytes.split_first_chunk::<4>()?;
            let (at, signature) = rest.split_first_chunk::<8>()?;
            let signature = Signature::from_bytes(signature.try_into().ok()?);
            let at = u64::from_be_bytes(*at);
            let holds = name == self.name
                && *hash == self.hash
                && self.key.verify_strict(message(at, body).as_bytes(), &signature).is_ok();
            holds.then_some(at)
        })
    }
}

impl Cosigner {
    /// A key of 32 random bytes under a name, such as `ggd.example.nl/witness`.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, WitnessKeyError> {
        if !is_name(name) {
            return Err(WitnessKeyError);
        }
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// Reads what [`to_text`](Self::to_text) writes.
    pub fn from_text(text: &str) -> Result<Self, WitnessKeyError> {
        let text = text.trim().strip_prefix(PRIVATE).ok_or(WitnessKeyError)?;
        let mut parts = text.splitn(3, '+');
        let mut part = || parts.next().ok_or(WitnessKeyError);
        let (name, hash, seed) = (part()?, part()?, part()?);
        let typed = BASE64.decode(seed.as_bytes()).map(Zeroizing::new);
        let typed = typed.map_err(|_| WitnessKeyError)?;
        let [COSIGNATURE, seed @ ..] = typed.as_slice() else { return Err(WitnessKeyError) };
        let key = Self::new(name, seed.try_into().map_err(|_| WitnessKeyError)?)?;
        let right = HEXLOWER.encode(&key_hash(name, &key.typed())) == hash;
        if right { Ok(key) } else { Err(WitnessKeyError) }
    }

    /// `PRIVATE+KEY+name+hash+base64(4 ‖ seed)`: a secret.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut seed = Zeroizing::new([COSIGNATURE; 33]);
        seed[1..].copy_from_slice(self.key.as_bytes());
        let seed = Zeroizing::new(BASE64.encode(&*seed));
        let hash = HEXLOWER.encode(&key_hash(&self.name, &self.typed()));
        Zeroizing::new(format!("{PRIVATE}{}+{hash}+{}", self.name, *seed))
    }

    fn typed(&self) -> [u8; 33] {
        let mut typed = [COSIGNATURE; 33];
        typed[1..].copy_from_slice(self.key.verifying_key().as_bytes());
        typed
    }

    /// What the manifest names: `name+hash+base64(4 ‖ key)`.
    #[must_use]
    pub fn verifier_text(&self) -> String {
        let hash = HEXLOWER.encode(&key_hash(&self.name, &self.typed()));
        format!("{}+{hash}+{}", self.name, BASE64.encode(&self.typed()))
    }

    /// Time and signature for the note's checkpoint, 72 bytes; none if it is no note.
    #[must_use]
    pub fn cosign(&self, note: &str, at: u64) -> Option<[u8; 72]> {
        let signature = self.key.sign(message(at, body(note)?).as_bytes()).to_bytes();
        let mut bytes = [0; 72];
        bytes[..8].copy_from_slice(&at.to_be_bytes());
        bytes[8..].copy_from_slice(&signature);
        Some(bytes)
    }

    /// The line under a note that holds what [`cosign`](Self::cosign) gave.
    #[must_use]
    pub fn line(&self, cosignature: &[u8; 72]) -> String {
        let bytes = [&key_hash(&self.name, &self.typed())[..], cosignature].concat();
        format!("\u{2014} {} {}\n", self.name, BASE64.encode(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosignature_of_another_program_is_made_and_checked() -> Result<(), WitnessKeyError> {
        let text = include_str!("../../../tests/vectors/ledger/v1/cosignature.json");
        let vector: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let text = |name: &str| vector[name].as_str().expect("a text").to_owned();
        let hex = |name: &str| HEXLOWER.decode(text(name).as_bytes()).expect("hexadecimal");
        let (size, at) = (vector["size"].as_u64().expect("a number"), 1_764_000_000);
        let note = format!("{}\n{size}\n{}\n\n", text("origin"), BASE64.encode(&hex("root")));
        let seed = <[u8; 32]>::try_from(hex("seed")).expect("32 bytes");
        let cosigner = Cosigner::new("ggd.example.nl/witness", &seed)?;
        assert_eq!(cosigner.verifier_text(), text("key"));
        let made = cosigner.cosign(&note, at).expect("a note");
        assert_eq!(made[..], hex("cosignature"));
        assert_eq!(cosigner.line(&made), text("line"));
        let again = Cosigner::from_text(&cosigner.to_text())?;
        assert_eq!(again.verifier_text(), text("key"));

        let witness = Witness::from_text(&text("key"))?;
        let signed = format!("{note}{}", text("line"));
        assert_eq!(witness.signed(&signed), Some(at));
        assert_eq!(witness.signed(&signed.replace("1234", "1235")), None);
        assert_eq!(witness.signed(&note), None);
        assert!(Witness::from_text(&text("ledger_key")).is_err());
        assert!(Cosigner::from_text(&text("key")).is_err());
        Ok(())
    }
}
