//! Two records side by side: how alike their encodings are and which match keys they share.

use samenloop_schema::{FieldKind, LinkageSchema, MatchKey};

use crate::kernel::Kernel;
use crate::population::Population;

/// Levels of likeness of one encoding, from no more than strangers to equal.
pub(crate) const LEVELS: usize = 9;

/// The level of an encoding that one of the two lacks: it says nothing.
pub(crate) const ABSENT: u8 = u8::MAX;

/// Lower ends of levels 1 to 7 for a diffused encoding: the excess 1 − 2h/l of agreeing bits over
/// chance, h being the Hamming distance and l the length. Level 0 also holds what chance gives.
const EXCESS: [f64; 7] = [0.07, 0.11, 0.18, 0.27, 0.38, 0.51, 0.70];

/// Excess below this many standard deviations of two independent encodings is chance.
const CHANCE: f64 = 3.2;

/// Excess of the first half of a diffused encoding below which the whole is taken for chance.
const HALF_EXCESS: f64 = 0.05;

/// Lower ends of levels 1 to 7 for a plain filter: its Dice similarity.
const DICE: [f64; 7] = [0.55, 0.65, 0.72, 0.80, 0.86, 0.92, 0.97];

/// How the records of a schema are compared: per encoding, whether it is diffused and its length.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    diffused: Vec<bool>,
    bits: Vec<f64>,
    /// Bit per match key that tells of an address.
    address_keys: u64,
    kernel: Kernel,
}

/// Sources that are told apart; the last stands for all further ones, too.
pub(crate) const SOURCES: usize = 16;

/// Match keys that only agree where an address does.
fn address_keys(schema: &LinkageSchema) -> u64 {
    let of_address = |key: &MatchKey| {
        let kinds = key.parts.iter().filter_map(|part| schema.field(&part.field));
        kinds.map(|field| field.kind).any(|kind| {
            matches!(kind, FieldKind::Postcode | FieldKind::Street | FieldKind::HouseNumber)
        })
    };
    let keys = schema.match_keys.iter().take(MAX_KEYS).zip(0..);
    keys.filter(|(key, _)| of_address(key)).fold(0, |bits, (_, place)| bits | 1 << place)
}

/// What two records have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Vector {
    /// Level of each encoding; places beyond the schema's are absent.
    pub(crate) levels: [u8; MAX_ENCODINGS],
    /// Bit per match key: both have it and it is equal.
    pub(crate) agreeing: u64,
    /// Bit per match key: both have it.
    pub(crate) comparable: u64,
    /// How many candidates the less crowded of the two has, as a band: who is alike to many has a
    /// common name.
    pub(crate) crowd: u8,
    /// 0 for records of two sources, else the source of both, from 1: most sources hold few people twice.
    pub(crate) same_source: u8,
    /// Whether a match key agrees that tells of an address.
    pub(crate) one_address: bool,
    /// Bit per code: both have it and it is equal.
    pub(crate) codes_agreeing: u16,
    /// Bit per code: both have it.
    pub(crate) codes_comparable: u16,
}

/// Encodings that are compared; a schema with more is compared by the first of them.
pub(crate) const MAX_ENCODINGS: usize = 8;

/// Match keys that are weighed; a schema with more finds candidates by all and weighs the first.
pub(crate) const MAX_KEYS: usize = 64;

impl Comparison {
    pub(crate) fn new(schema: &LinkageSchema) -> Self {
        Self::with_kernel(schema, Kernel::best())
    }

    pub(crate) fn with_kernel(schema: &LinkageSchema, kernel: Kernel) -> Self {
        let encodings = schema.encodings.iter().take(MAX_ENCODINGS);
        Self {
            diffused: encodings.clone().map(|encoding| encoding.diffusion >= 4).collect(),
            bits: encodings.map(|encoding| f64::from(encoding.bits)).collect(),
            address_keys: address_keys(schema),
            kernel,
        }
    }

    /// What counts differing bits.
    pub(crate) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Number of encodings that are compared.
    pub(crate) fn encodings(&self) -> usize {
        self.bits.len()
    }

    /// Level of a distance between two encodings with `ones` set bits together.
    pub(crate) fn level(&self, encoding: usize, distance: u32, ones: u32) -> u8 {
        if distance == 0 {
            return LEVELS as u8 - 1;
        }
        let (likeness, ends, chance) = if self.diffused[encoding] {
            let excess = 1.0 - 2.0 * f64::from(distance) / self.bits[encoding];
            (excess, &EXCESS, CHANCE / self.bits[encoding].sqrt())
        } else {
            (1.0 - f64::from(distance) / f64::from(ones.max(1)), &DICE, 0.0)
        };
        if likeness < chance {
            return 0;
        }
        ends.iter().take_while(|end| likeness >= **end).count() as u8
    }

    /// Whether the first half of an encoding shows that the whole is not alike: its distance is no
    /// less than chance gives. A pair that is somewhat alike (excess 0.11) passes unless its half
    /// lies 2 standard deviations low, and then a match key or another encoding can still find it.
    pub(crate) fn hopeless(&self, encoding: usize, half_distance: u32, ones: u32) -> bool {
        let half = self.bits[encoding] / 2.0;
        if self.diffused[encoding] {
            1.0 - 2.0 * f64::from(half_distance) / half < HALF_EXCESS
        } else {
            // Exact: the whole distance is at least that of the half.
            1.0 - f64::from(half_distance) / f64::from(ones.max(1)) < DICE[0]
        }
    }

    /// Half distances that [`hopeless`](Self::hopeless) lets pass lie within the first number plus
    /// the second per set bit of the two; for a diffused encoding those within pass, too.
    pub(crate) fn half_allowance(&self, encoding: usize) -> (i32, f64) {
        if self.diffused[encoding] {
            let half = self.bits[encoding] as u32 / 2;
            let most = (0..=half).rev().find(|distance| !self.hopeless(encoding, *distance, 0));
            (most.map_or(-1, |most| most as i32), 0.0)
        } else {
            (0, 1.0 - DICE[0])
        }
    }

    /// Compares two records.
    pub(crate) fn compare(&self, population: &Population, a: usize, b: usize) -> Vector {
        let mut levels = [ABSENT; MAX_ENCODINGS];
        for (place, column) in population.encodings.iter().take(self.encodings()).enumerate() {
            let (ones_a, ones_b) = (column.ones[a], column.ones[b]);
            if ones_a > 0 && ones_b > 0 {
                let distance = self.kernel.distance(column.row(a), column.row(b));
                levels[place] = self.level(place, distance, ones_a + ones_b);
            }
        }
        let (mut agreeing, mut comparable) = (0, 0);
        for (place, key) in population.keys.iter().take(MAX_KEYS).enumerate() {
            if key[a] != 0 && key[b] != 0 {
                comparable |= 1 << place;
                agreeing |= u64::from(key[a] == key[b]) << place;
            }
        }
        let (mut codes_agreeing, mut codes_comparable) = (0, 0);
        let one_address = agreeing & self.address_keys != 0;
        let [source, other] = [a, b].map(|record| population.source[record]);
        let same_source =
            if source == other { 1 + source.min(SOURCES as u16 - 2) as u8 } else { 0 };
        for (place, code) in population.codes.iter().enumerate() {
            if code[a] != 0 && code[b] != 0 {
                codes_comparable |= 1 << place;
                codes_agreeing |= u16::from(code[a] == code[b]) << place;
            }
        }
        Vector {
            levels,
            agreeing,
            comparable,
            crowd: 0,
            same_source,
            one_address,
            codes_agreeing,
            codes_comparable,
        }
    }
}
