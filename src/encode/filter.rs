//! Tokens to the bits of a Bloom filter.

use std::sync::OnceLock;

use hmac::{Hmac, KeyInit, Mac};
use samenloop_schema::Tokens;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::keys::Subkey;
use crate::token::PAD;

/// Positions that one HMAC gives.
const PER_BLOCK: usize = 16;

/// Letters of a normalised value, and the pad.
const ALPHABET: &[u8; 37] = b"_abcdefghijklmnopqrstuvwxyz0123456789";

/// A Bloom filter, wiped when dropped.
pub(crate) struct Filter(Zeroizing<Vec<u64>>);

impl Filter {
    pub(crate) fn new(bits: u32) -> Self {
        Self(Zeroizing::new(vec![0; bits as usize / 64]))
    }

    /// The filter that a CLK is.
    pub(crate) fn of_clk(words: &Zeroizing<Vec<u64>>) -> Self {
        Self(words.clone())
    }

    fn set(&mut self, position: u16) {
        self.0[usize::from(position) / 64] |= 1 << (position % 64);
    }

    pub(crate) fn words(&self) -> &[u64] {
        &self.0
    }

    /// Bits that are set.
    pub(crate) fn ones(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

/// Hashes the tokens of one feature: keyed random hashing (Schnell and Borgs 2016), which has none of
/// the structure of double hashing. Position `16 j + i` of a token is the `i`-th little-endian 16-bit
/// word of HMAC-SHA-256(key, token), or for j > 0 of HMAC-SHA-256(key, token ‖ 0 ‖ j), modulo the
/// filter's length, a power of two.
pub(crate) struct TokenHash {
    mac: Hmac<Sha256>,
    hashes: usize,
    mask: u16,
    /// Positions of every padded pair of letters, if tokens are such pairs.
    pairs: Zeroizing<Vec<u16>>,
    /// Other tokens, each in the slot that its letters choose; who comes first stays.
    kept: Box<[OnceLock<Kept>]>,
}

/// Slots for tokens that come again: years, months, sounds and beginnings of names. A fixed number,
/// so that memory does not grow with the file.
const SLOTS: usize = 1 << 13;

/// A token and its positions, in one place of memory: the token's length, its bytes, the positions.
struct Kept(Zeroizing<Vec<u16>>);

impl Kept {
    /// The positions, if it is this token.
    fn positions(&self, token: &[u8]) -> Option<&[u16]> {
        let (len, rest) = self.0.split_first()?;
        let (kept, positions) = rest.split_at_checked(usize::from(*len))?;
        let same = kept.len() == token.len()
            && kept.iter().zip(token).all(|(kept, byte)| *kept == u16::from(*byte));
        same.then_some(positions)
    }
}

/// FNV-1a: which slot says nothing that the slot itself does not.
fn slot(token: &[u8]) -> usize {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    (token.iter().fold(0xcbf2_9ce4_8422_2325, fold) >> 40) as usize % SLOTS
}

impl TokenHash {
    pub(crate) fn new(key: &Subkey, tokens: Tokens, hashes: u32, filter_bits: u32) -> Self {
        let mac = Hmac::new_from_slice(key.as_slice()).expect("HMAC takes a key of any length");
        let mask = u16::try_from(filter_bits - 1).unwrap_or(u16::MAX);
        let (hashes, pairs) = (hashes as usize, Zeroizing::new(Vec::new()));
        let mut hash = Self { mac, hashes, mask, pairs, kept: Box::default() };
        if tokens == Tokens::Bigrams {
            let mut pairs = Zeroizing::new(Vec::with_capacity(ALPHABET.len().pow(2) * hash.hashes));
            for first in ALPHABET {
                for second in ALPHABET {
                    hash.positions(&[*first, *second], |position| pairs.push(position));
                }
            }
            hash.pairs = pairs;
        } else {
            hash.kept = (0..SLOTS).map(|_| OnceLock::new()).collect();
        }
        hash
    }

    /// Sets the bits of a token.
    pub(crate) fn insert(&self, token: &[u8], filter: &mut Filter) {
        let pair = match token {
            [first, second] if !self.pairs.is_empty() => place(*first).zip(place(*second)),
            _ => None,
        };
        match pair {
            Some((first, second)) => {
                let at = (first * ALPHABET.len() + second) * self.hashes;
                self.pairs[at..at + self.hashes].iter().for_each(|position| filter.set(*position));
            }
            None => self.insert_other(token, filter),
        }
    }

    fn insert_other(&self, token: &[u8], filter: &mut Filter) {
        // A longer token hardly comes again.
        let kept = (token.len() < 64 && !self.kept.is_empty()).then(|| {
            self.kept[slot(token)].get_or_init(|| {
                let mut kept = Zeroizing::new(Vec::with_capacity(1 + token.len() + self.hashes));
                kept.push(token.len() as u16);
                kept.extend(token.iter().map(|byte| u16::from(*byte)));
                self.positions(token, |position| kept.push(position));
                Kept(kept)
            })
        });
        match kept.and_then(|kept| kept.positions(token)) {
            Some(positions) => positions.iter().for_each(|position| filter.set(*position)),
            None => self.positions(token, |position| filter.set(position)),
        }
    }

    fn positions(&self, token: &[u8], mut sink: impl FnMut(u16)) {
        for block in 0..self.hashes.div_ceil(PER_BLOCK) {
            let mut mac = self.mac.clone();
            mac.update(token);
            if block > 0 {
                mac.update(&[0, block as u8]);
            }
            let digest = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
            let (words, _) = digest.as_chunks::<2>();
            let wanted = (self.hashes - block * PER_BLOCK).min(PER_BLOCK);
            words[..wanted].iter().for_each(|word| sink(u16::from_le_bytes(*word) & self.mask));
        }
    }
}

fn place(letter: u8) -> Option<usize> {
    match letter {
        PAD => Some(0),
        b'a'..=b'z' => Some(usize::from(letter - b'a') + 1),
        b'0'..=b'9' => Some(usize::from(letter - b'0') + 27),
        _ => None,
    }
}
