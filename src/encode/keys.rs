//! The linkage key and what is derived from it for one round.

use hkdf::Hkdf;
use samenloop_schema::{Digest, Encoding, Feature, KeyCheckValue, LinkageSchema};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Why a linkage key cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not 64 hexadecimal characters.
    #[error(
        "a linkage key is 64 hexadecimal characters; make one with `samenloop-partner key new`"
    )]
    Hex,
    /// All bytes are alike: a placeholder, not a key.
    #[error("the linkage key is one byte repeated; make one with `samenloop-partner key new`")]
    Constant,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Randomness,
}

/// The secret that the partners of a round share and that the service never has.
///
/// It can be neither cloned, printed nor serialised, and is wiped when dropped.
///
/// ```compile_fail
/// fn print(key: &samenloop_encode::LinkageKey) -> String {
///     format!("{key:?}")
/// }
/// ```
/// ```compile_fail
/// fn copy(key: &samenloop_encode::LinkageKey) -> samenloop_encode::LinkageKey {
///     key.clone()
/// }
/// ```
/// ```
/// fn write(key: &samenloop_encode::LinkageKey) -> samenloop_encode::normalise::Letters {
///     key.to_hex()
/// }
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct LinkageKey([u8; 32]);

impl LinkageKey {
    /// A new key from the operating system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut key = Self([0; 32]);
        getrandom::fill(&mut key.0).map_err(|_| KeyError::Randomness)?;
        Ok(key)
    }

    /// The key that partners draw together: HKDF-SHA-256 of their shares, sorted and one behind the
    /// other, with salt `samenloop/v1/linkage-key` and the round's label as info. Nobody who lacks one
    /// share knows anything of it.
    #[must_use]
    pub fn from_shares(shares: &mut [Zeroizing<[u8; 32]>], round: &str) -> Self {
        shares.sort_unstable_by(|one, other| one[..].cmp(&other[..]));
        let mut together = Zeroizing::new(Vec::with_capacity(32 * shares.len()));
        shares.iter().for_each(|share| together.extend(share.iter()));
        let hkdf = Hkdf::<Sha256>::new(Some(b"samenloop/v1/linkage-key"), &together);
        let mut key = Self([0; 32]);
        hkdf.expand(round.as_bytes(), &mut key.0).expect("HKDF-SHA-256 gives up to 255 × 32 bytes");
        key
    }

    /// From 64 hexadecimal characters; white space around them does not count.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let text = text.trim().as_bytes();
        if text.len() != 64 {
            return Err(KeyError::Hex);
        }
        let mut key = Self([0; 32]);
        data_encoding::HEXLOWER_PERMISSIVE
            .decode_mut(text, &mut key.0)
            .map_err(|_| KeyError::Hex)?;
        if key.0.iter().all(|byte| *byte == key.0[0]) {
            return Err(KeyError::Constant);
        }
        Ok(key)
    }

    /// As 64 lower-case hexadecimal characters, for the key file.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// A derived key.
pub(crate) type Subkey = Zeroizing<[u8; 32]>;

/// What a derived key is for; the first part of its HKDF info.
#[derive(Clone, Copy)]
enum Purpose {
    Token,
    Diffusion,
    MatchKey,
    Check,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Token => b"samenloop/v1/token",
            Self::Diffusion => b"samenloop/v1/diffusion",
            Self::MatchKey => b"samenloop/v1/match-key",
            Self::Check => b"samenloop/v1/key-check",
        }
    }
}

/// Keys of one encoding.
pub(crate) struct EncodingKeys {
    /// One per feature.
    pub(crate) tokens: Vec<Subkey>,
    /// For the choice of the bits to XOR.
    pub(crate) diffusion: Subkey,
}

/// All keys of one linkage schema: HKDF-SHA-256 (RFC 5869) of the linkage key, bound to the purpose,
/// the round's label, the schema's hash and the name of the encoding, field or match key.
pub struct RoundKeys {
    pub(crate) schema: Digest,
    pub(crate) encodings: Vec<EncodingKeys>,
    pub(crate) match_keys: Vec<Subkey>,
    check: KeyCheckValue,
}

impl RoundKeys {
    /// Derives the keys of a round.
    #[must_use]
    pub fn derive(key: &LinkageKey, schema: &LinkageSchema) -> Self {
        let hash = schema.hash();
        let hkdf = Hkdf::<Sha256>::new(Some(b"samenloop/v1"), &key.0);
        let subkey = |purpose: Purpose, name: &str| {
            let round = schema.round.as_bytes();
            let info = [purpose.label(), b"\0", round, b"\0", hash.as_bytes(), name.as_bytes()];
            let mut out = Subkey::default();
            hkdf.expand_multi_info(&info, out.as_mut())
                .expect("HKDF-SHA-256 gives up to 255 × 32 bytes");
            out
        };
        let encoding = |encoding: &Encoding| {
            let name = &encoding.name;
            let token = |feature: &Feature| {
                let tokens = crate::token::label(feature.tokens);
                subkey(Purpose::Token, &format!("{name}/{}/{tokens}", feature.field))
            };
            EncodingKeys {
                tokens: encoding.features.iter().map(token).collect(),
                diffusion: subkey(Purpose::Diffusion, name),
            }
        };
        let mut check = [0; KeyCheckValue::LEN];
        check.copy_from_slice(&subkey(Purpose::Check, "")[..KeyCheckValue::LEN]);
        Self {
            schema: hash,
            encodings: schema.encodings.iter().map(encoding).collect(),
            match_keys: schema
                .match_keys
                .iter()
                .map(|key| subkey(Purpose::MatchKey, &key.name))
                .collect(),
            check: KeyCheckValue(check),
        }
    }

    /// Equal for two partners exactly when key, round label and schema are; it tells nothing about
    /// a key that was drawn at random.
    #[must_use]
    pub fn key_check_value(&self) -> KeyCheckValue {
        self.check
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTOR: &str = "50feceb1c05ae55c75fd8c166f24ff1d0530f825ec5685b0349b270ebb2d8186";
    const BAD: &str = include_str!("../../tests/vectors/encode/v1/bad_keys.json");

    #[test]
    fn a_key_is_32_bytes_in_hexadecimal_and_nothing_else() {
        let bad: Vec<(String, String)> = serde_json::from_str(BAD).expect("the vectors are JSON");
        assert!(bad.len() >= 10);
        for (text, rule) in bad {
            let expected = if rule == "hex" { KeyError::Hex } else { KeyError::Constant };
            assert_eq!(LinkageKey::from_hex(&text).err(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_key_of_shares_needs_each_of_them_and_the_round_and_no_order() {
        let key = |shares: &[u8], round: &str| {
            let mut shares: Vec<_> =
                shares.iter().map(|share| Zeroizing::new([*share; 32])).collect();
            LinkageKey::from_shares(&mut shares, round).to_hex().to_string()
        };
        // Computed with Python's hmac: HKDF of 32 × 01, 32 × 02.
        assert_eq!(key(&[1, 2], "2026-1"), VECTOR);
        assert_eq!(key(&[2, 1], "2026-1"), VECTOR);
        for other in [
            key(&[1, 2], "2026-2"),
            key(&[1], "2026-1"),
            key(&[1, 3], "2026-1"),
            key(&[1, 2, 2], "2026-1"),
        ] {
            assert_ne!(other, VECTOR);
        }
    }

    #[test]
    fn keys_round_trip_and_are_drawn_anew() {
        let [first, second] = [(); 2].map(|()| LinkageKey::generate().expect("randomness"));
        assert_ne!(*first.to_hex(), *second.to_hex());
        let file = format!("{}\n", first.to_hex().to_uppercase());
        let again = LinkageKey::from_hex(&file).expect("what was written");
        assert_eq!(*again.to_hex(), *first.to_hex());
    }
}
