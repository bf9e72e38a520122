//! What a witness signs once it has found that a ledger only grew: C2SP tlog-cosignature, v1, Ed25519.

use data_encoding::BASE64;

use crate::checkpoint::Checkpoint;
use crate::keys::WitnessKey;

/// When a witness signed, and its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosignature {
    /// Seconds since 1970, by the witness's clock.
    pub at: u64,
    /// Over [`message`](Self::message).
    pub signature: [u8; 64],
}

impl Cosignature {
    /// Bytes of a cosignature: the time, big-endian, and the signature.
    pub const LEN: usize = 72;

    /// Reads time and signature.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (at, signature) = bytes.split_first_chunk()?;
        Some(Self { at: u64::from_be_bytes(*at), signature: signature.try_into().ok()? })
    }

    /// Time and signature.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&self.at.to_be_bytes());
        bytes[8..].copy_from_slice(&self.signature);
        bytes
    }

    /// What is signed at a time for a checkpoint's text.
    #[must_use]
    pub fn message(at: u64, body: &str) -> String {
        format!("cosignature/v1\ntime {at}\n{body}")
    }
}

impl WitnessKey {
    /// Whether the witness signed the checkpoint.
    #[must_use]
    pub fn cosigned(&self, checkpoint: &Checkpoint, cosignature: &Cosignature) -> bool {
        let message = Cosignature::message(cosignature.at, &checkpoint.body());
        self.verifies(message.as_bytes(), &cosignature.signature)
    }

    /// The line that stands under a note: `— name base64(key hash ‖ time ‖ signature)`.
    #[must_use]
    pub fn line(&self, cosignature: &Cosignature) -> String {
        let bytes = [&self.hash()[..], &cosignature.to_bytes()].concat();
        format!("\u{2014} {} {}\n", self.name(), BASE64.encode(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosignature_of_another_program_holds_and_each_bad_one_does_not() {
        let text = include_str!("../../tests/vectors/ledger/v1/cosignature.json");
        let vector: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let text = |name: &str| vector[name].as_str().expect("a text").to_owned();
        let key = WitnessKey::from_text(&text("key")).expect("a witness's key");
        assert_eq!(key.to_text(), text("key"));
        let hex = |text: String| data_encoding::HEXLOWER.decode(text.as_bytes()).expect("hex");
        let cosignature = Cosignature::from_bytes(&hex(text("cosignature"))).expect("72 bytes");
        assert_eq!(cosignature.to_bytes()[..], hex(text("cosignature")));
        assert_eq!(key.line(&cosignature), text("line"));
        let checkpoint = Checkpoint {
            origin: text("origin"),
            size: vector["size"].as_u64().expect("a size"),
            root: samenloop_schema::Digest::from_slice(&hex(text("root"))).expect("32 bytes"),
        };
        assert!(key.cosigned(&checkpoint, &cosignature));
        let later = Cosignature { at: cosignature.at + 1, ..cosignature };
        assert!(!key.cosigned(&checkpoint, &later));
        let other = Checkpoint { size: checkpoint.size + 1, ..checkpoint.clone() };
        assert!(!key.cosigned(&other, &cosignature));
        assert!(WitnessKey::from_text(&text("ledger_key")).is_err(), "a ledger's key is none");
        assert_eq!(Cosignature::from_bytes(&[0; 71]), None);
        assert_eq!(Cosignature::from_bytes(&[0; 73]), None);
    }
}
