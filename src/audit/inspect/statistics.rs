//! Whether pseudonyms look like pseudonyms. Bounds are wide: an honest round never meets them.

use std::collections::BTreeSet;

use samenloop_schema::{Clk, Digest, MatchKeyValue};
use serde::Serialize;

/// Distinct values below which nothing can be said.
const FEWEST: usize = 200;

/// Standard deviations that a byte histogram of random keys never is from uniform.
const MOST_DEVIATION: f64 = 10.0;

/// The values of one encoding of a round, taken together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EncodingSeen {
    /// Its name in the linkage schema.
    pub name: String,
    /// Rows that have it.
    pub present: u64,
    /// Different values.
    pub distinct: u64,
    /// Share of set bits over all its values.
    pub density: f64,
    /// Bits that are the same in every value.
    pub constant_bits: u64,
}

/// One encoding's values as they come.
pub(super) struct EncodingStatistics {
    name: String,
    diffused: bool,
    present: u64,
    distinct: BTreeSet<[u8; 16]>,
    ones: Vec<u64>,
}

impl EncodingStatistics {
    pub(super) fn new(encoding: &samenloop_schema::Encoding) -> Self {
        Self {
            name: encoding.name.clone(),
            diffused: encoding.diffusion >= 4,
            present: 0,
            distinct: BTreeSet::new(),
            ones: vec![0; encoding.bits as usize],
        }
    }

    pub(super) fn add(&mut self, clk: &Clk) {
        self.present += 1;
        self.distinct.insert(short(&clk.to_bytes()));
        for (place, ones) in self.ones.iter_mut().enumerate() {
            *ones += clk.words().get(place / 64).map_or(0, |word| word >> (place % 64) & 1);
        }
    }

    /// The aggregate, and the rule that it breaks.
    pub(super) fn finish(&self) -> (EncodingSeen, Option<&'static str>) {
        let constant = |ones: &&u64| **ones == 0 || **ones == self.present;
        let seen = EncodingSeen {
            name: self.name.clone(),
            present: self.present,
            distinct: self.distinct.len() as u64,
            density: self.ones.iter().sum::<u64>() as f64
                / (self.present.max(1) * self.ones.len() as u64) as f64,
            constant_bits: self.ones.iter().filter(constant).count() as u64,
        };
        let alike = self.present >= FEWEST as u64 && self.distinct.len() < 2;
        let stuck = self.distinct.len() >= FEWEST && seen.constant_bits > 0;
        let rule = if alike {
            Some("an encoding differs from person to person")
        } else if self.diffused && stuck {
            Some("no bit of a diffused encoding is constant")
        } else {
            None
        };
        (seen, rule)
    }
}

/// The match keys of a round: HMACs, so their bytes are uniform.
#[derive(Default)]
pub(super) struct KeyStatistics {
    distinct: BTreeSet<[u8; 16]>,
    bytes: Vec<u64>,
}

impl KeyStatistics {
    pub(super) fn add(&mut self, MatchKeyValue(key): &MatchKeyValue) {
        self.bytes.resize(256, 0);
        // A key that several rows share counts once: equality is what keys are for.
        if self.distinct.insert(short(key)) {
            for byte in key {
                self.bytes[usize::from(*byte)] += 1;
            }
        }
    }

    pub(super) fn distinct(&self) -> u64 {
        self.distinct.len() as u64
    }

    /// Standard deviations of Pearson's chi-squared over byte values from its mean of 255; 0 where
    /// there are too few keys.
    pub(super) fn deviation(&self) -> f64 {
        if self.distinct.len() < FEWEST {
            return 0.0;
        }
        let expected = self.bytes.iter().sum::<u64>() as f64 / 256.0;
        let squares = self.bytes.iter().map(|count| (*count as f64 - expected).powi(2));
        (squares.sum::<f64>() / expected - 255.0) / f64::sqrt(510.0)
    }

    pub(super) fn uniform(&self) -> bool {
        self.deviation() <= MOST_DEVIATION
    }
}

fn short(bytes: &[u8]) -> [u8; 16] {
    let digest = Digest::of(bytes).0;
    std::array::from_fn(|place| digest[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: u64, key: impl Fn(u64) -> [u8; 32]) -> KeyStatistics {
        let mut statistics = KeyStatistics::default();
        (0..count).for_each(|place| statistics.add(&MatchKeyValue(key(place))));
        statistics
    }

    #[test]
    fn hashes_are_uniform_and_padded_numbers_are_not() {
        let hashes = keys(5000, |place| Digest::of(&place.to_be_bytes()).0);
        assert!(hashes.uniform() && hashes.distinct() == 5000, "{}", hashes.deviation());
        let numbers = keys(5000, |place| {
            let mut key = [7; 32];
            key[..8].copy_from_slice(&place.to_be_bytes());
            key
        });
        assert!(!numbers.uniform());
        assert!(keys(FEWEST as u64 - 1, |place| [place as u8; 32]).uniform(), "too few to tell");
    }

    #[test]
    fn a_bit_that_never_changes_and_a_value_for_everyone_are_found() {
        let encoding = samenloop_schema::Encoding {
            name: "names".into(),
            bits: 256,
            filter_bits: 256,
            clks: false,
            diffusion: 8,
            features: vec![],
        };
        let rule = |value: &dyn Fn(u64) -> [u8; 32]| {
            let mut statistics = EncodingStatistics::new(&encoding);
            for place in 0..300 {
                statistics.add(&Clk::from_bytes(&value(place)).expect("whole words"));
            }
            statistics.finish().1
        };
        let honest = |place: u64| Digest::of(&place.to_be_bytes()).0;
        assert_eq!(rule(&honest), None);
        assert!(rule(&|_| honest(1)).is_some_and(|rule| rule.contains("person to person")));
        let stuck = |place| {
            let mut value = honest(place);
            value[9] |= 4;
            value
        };
        assert!(rule(&stuck).is_some_and(|rule| rule.contains("constant")));
    }
}
