//! Tokens to positions of a filter.

use blake2::Blake2bMac512;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use rustc_hash::FxHashMap;
use sha1::Sha1;
use zeroize::Zeroizing;

use super::document::SchemaFault;
use super::schema::{Hash, Kdf};

/// Positions that one BLAKE2b gives.
const PER_BLOCK: usize = 32;
/// Longest key of BLAKE2b, bytes.
const BLAKE_KEY: usize = 64;
/// Tokens that are kept, at most.
const KEPT: usize = 1 << 16;

/// A pair of keys for each feature, also for those that are ignored.
pub(super) type Keys = Vec<[Zeroizing<Vec<u8>>; 2]>;

/// HKDF of the secret, cut into two keys per feature.
pub(super) fn derive(kdf: &Kdf, secret: &[u8], features: usize) -> Result<Keys, SchemaFault> {
    let len = 2 * features * kdf.key_len;
    let mut bytes = Zeroizing::new(vec![0; len]);
    let salt = kdf.salt.as_deref();
    let (outcome, most) = if kdf.sha512 {
        let hkdf = hkdf::Hkdf::<sha2::Sha512>::new(salt, secret);
        (hkdf.expand(&kdf.info, &mut bytes), 255 * 64)
    } else {
        let hkdf = hkdf::Hkdf::<sha2::Sha256>::new(salt, secret);
        (hkdf.expand(&kdf.info, &mut bytes), 255 * 32)
    };
    outcome.map_err(|_| SchemaFault {
        place: "clkConfig.kdf".to_owned(),
        rule: format!(
            "{features} features (with those that are ignored) need two keys of {} bytes each, {len} in \
             all, and this HKDF gives {most}; use SHA512, a smaller keySize or fewer columns",
            kdf.key_len
        ),
    })?;
    let keys = bytes.chunks_exact(kdf.key_len).map(|key| Zeroizing::new(key.to_vec()));
    let keys: Vec<_> = keys.collect();
    Ok(keys.chunks_exact(2).map(|pair| [pair[0].clone(), pair[1].clone()]).collect())
}

/// Hashes the tokens of one feature into a filter, and keeps what it has hashed.
pub(super) struct TokenHash {
    function: Function,
    len: usize,
    double: FxHashMap<Box<[u8]>, (u32, u32)>,
    blake: FxHashMap<Box<[u8]>, Vec<u16>>,
}

enum Function {
    Double(Box<DoubleHash>),
    Blake { key: Zeroizing<Vec<u8>> },
}

struct DoubleHash {
    sha1: Hmac<Sha1>,
    md5: Hmac<Md5>,
    /// Whether a step of nothing is avoided.
    fixed: bool,
}

impl TokenHash {
    /// For a filter of `len` bits.
    pub(super) fn new(
        hash: Hash,
        keys: &[Zeroizing<Vec<u8>>; 2],
        len: usize,
        place: &str,
    ) -> Result<Self, SchemaFault> {
        let fault =
            |rule: String| Err(SchemaFault { place: format!("{place}.hashing.hash"), rule });
        let function = match hash {
            Hash::Double { fixed: true } if len == 1 => {
                return fault(
                    "no token can be kept from one bit in a filter of one bit".to_owned(),
                );
            }
            Hash::Double { fixed } => Function::Double(Box::new(DoubleHash {
                sha1: Hmac::new_from_slice(&keys[0]).expect("HMAC takes a key of any length"),
                md5: Hmac::new_from_slice(&keys[1]).expect("HMAC takes a key of any length"),
                fixed,
            })),
            Hash::Blake if !len.is_power_of_two() => {
                return fault(format!(
                    "blakeHash needs a filter whose length is a power of two, and l × 2^xor_folds is \
                     {len}; change clkConfig.l or use doubleHash"
                ));
            }
            Hash::Blake if keys[0].len() > BLAKE_KEY => {
                return fault(format!(
                    "blakeHash takes keys of at most {BLAKE_KEY} bytes; clkConfig.kdf.keySize is {}",
                    keys[0].len()
                ));
            }
            Hash::Blake => Function::Blake { key: keys[0].clone() },
        };
        Ok(Self { function, len, double: FxHashMap::default(), blake: FxHashMap::default() })
    }

    /// Sets the `times` first bits of a token. Bit 0 is the highest of the first byte.
    pub(super) fn insert(&mut self, token: &[u8], times: usize, filter: &mut [u8]) {
        if times == 0 {
            return;
        }
        let Self { function, len, double, blake } = self;
        match function {
            Function::Double(hash) => {
                let (first, step) = match double.get(token) {
                    Some(known) => *known,
                    None => {
                        let new = hash.first_and_step(token, *len);
                        if double.len() >= KEPT {
                            double.clear();
                        }
                        double.insert(token.into(), new);
                        new
                    }
                };
                let (mut position, step) = (first as usize, step as usize);
                for _ in 0..times {
                    filter[position / 8] |= 0x80 >> (position % 8);
                    position += step;
                    if position >= *len {
                        position -= *len;
                    }
                }
            }
            Function::Blake { key } => {
                if !blake.contains_key(token) && blake.len() >= KEPT {
                    blake.clear();
                }
                let positions = match blake.get_mut(token) {
                    Some(known) => known,
                    None => blake.entry(token.into()).or_default(),
                };
                while positions.len() < times {
                    let block = positions.len() / PER_BLOCK;
                    positions.extend(blake_block(key, token, block, *len));
                }
                for position in &positions[..times] {
                    let position = usize::from(*position);
                    filter[position / 8] |= 0x80 >> (position % 8);
                }
            }
        }
    }
}

fn remainder(digest: &[u8], len: usize) -> usize {
    digest.iter().fold(0, |rest, byte| (rest << 8 | usize::from(*byte)) % len)
}

impl DoubleHash {
    /// First position and step.
    fn first_and_step(&self, token: &[u8], len: usize) -> (u32, u32) {
        let mac = self.sha1.clone().chain_update(token);
        let first = remainder(&mac.finalize().into_bytes(), len);
        let step = |suffix: &[u8]| {
            let mac = self.md5.clone().chain_update(token).chain_update(suffix);
            remainder(&mac.finalize().into_bytes(), len)
        };
        let mut found = step(&[]);
        if self.fixed {
            // Python appends chr(0), chr(1), ... until the step is not nothing.
            let mut suffixes = '\0'..='\u{d7ff}';
            while found == 0 {
                let Some(suffix) = suffixes.next() else { break };
                found = step(suffix.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        (first as u32, found as u32)
    }
}

/// The little-endian 16-bit words of a keyed BLAKE2b-512 whose salt is the block's number in decimal.
fn blake_block(key: &[u8], token: &[u8], block: usize, len: usize) -> impl Iterator<Item = u16> {
    let mut mac =
        Blake2bMac512::new_with_salt_and_personal(Some(key), block.to_string().as_bytes(), &[])
            .expect("the key has at most 64 bytes and the number fewer than 16");
    mac.update(token);
    let digest: [u8; 64] = mac.finalize().into_bytes().into();
    let mask = (len - 1) as u16;
    let len = len.min(1 << 16);
    (0..PER_BLOCK).map(move |at| {
        let word = u16::from_le_bytes([digest[2 * at], digest[2 * at + 1]]);
        if len == 1 << 16 { word } else { word & mask }
    })
}
