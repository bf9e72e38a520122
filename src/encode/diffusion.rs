//! Linear diffusion (Armknecht, Heng and Schnell, PoPETs 2023(2)): each submitted bit is the XOR of
//! `t` bits of the filter, chosen by a key.

use hmac::{Hmac, KeyInit, Mac};
use samenloop_schema::Clk;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::filter::Filter;
use crate::keys::Subkey;

/// Words of the submitted bits that are summed at a time: what registers and one line of a processor's
/// cache hold.
const BLOCK: usize = 8;

/// The choice, transposed: per filter bit the submitted bits that it flips.
pub(crate) struct Diffusion {
    /// Per block of words one row for each filter bit; the last block is filled up with zeros.
    rows: Zeroizing<Vec<[u64; BLOCK]>>,
    filter_bits: usize,
    words: usize,
}

impl Diffusion {
    /// The choice of a key; `t` = 1 leaves the filter as it is.
    pub(crate) fn new(key: &Subkey, filter_bits: u32, bits: u32, t: u32) -> Self {
        let (words, places) = (bits as usize / 64, filter_bits as usize);
        if t == 1 {
            return Self { rows: Zeroizing::new(Vec::new()), filter_bits: places, words };
        }
        let mut rows = Zeroizing::new(vec![[0_u64; BLOCK]; places * words.div_ceil(BLOCK)]);
        let mut stream = Stream::new(key, filter_bits);
        for out in 0..bits as usize {
            let (word, bit) = (out / 64, out % 64);
            let mut chosen = 0;
            while chosen < t {
                let row = &mut rows[word / BLOCK * places + stream.next()][word % BLOCK];
                if *row >> bit & 1 == 0 {
                    *row |= 1 << bit;
                    chosen += 1;
                }
            }
        }
        Self { rows, filter_bits: places, words }
    }

    /// The submitted bits of a filter.
    pub(crate) fn apply(&self, filter: &Filter) -> Clk {
        if self.rows.is_empty() {
            return Clk::from_words(filter.words());
        }
        let mut out = Vec::with_capacity(self.words.next_multiple_of(BLOCK));
        for rows in self.rows.chunks_exact(self.filter_bits) {
            let mut sum = [0; BLOCK];
            for (word, rows) in filter.words().iter().zip(rows.as_chunks::<64>().0) {
                let mut rest = *word;
                while rest != 0 {
                    let row = rows[rest.trailing_zeros() as usize % 64];
                    sum = std::array::from_fn(|at| sum[at] ^ row[at]);
                    rest &= rest - 1;
                }
            }
            out.extend(sum);
        }
        out.truncate(self.words);
        Clk::from_words(out)
    }
}

/// Filter positions drawn from a key: the little-endian 16-bit words of HMAC-SHA-256(key, j) for
/// j = 0, 1, 2, ... as 32 bits big-endian, modulo the filter's length, a power of two.
struct Stream {
    mac: Hmac<Sha256>,
    mask: usize,
    block: u32,
    words: Zeroizing<[u8; 32]>,
    used: usize,
}

impl Stream {
    fn new(key: &Subkey, filter_bits: u32) -> Self {
        let mac = Hmac::new_from_slice(key.as_slice()).expect("HMAC takes a key of any length");
        Self {
            mac,
            mask: filter_bits as usize - 1,
            block: 0,
            words: Zeroizing::default(),
            used: 32,
        }
    }

    fn next(&mut self) -> usize {
        if self.used == 32 {
            let mut mac = self.mac.clone();
            mac.update(&self.block.to_be_bytes());
            *self.words = mac.finalize().into_bytes().into();
            self.block += 1;
            self.used = 0;
        }
        let word = u16::from_le_bytes([self.words[self.used], self.words[self.used + 1]]);
        self.used += 2;
        usize::from(word) & self.mask
    }
}
