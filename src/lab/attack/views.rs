//! What of a record is attacked, and how alike two records are in it.

use std::collections::HashMap;

use rayon::prelude::*;
use samenloop_schema::{LinkageSchema, MatchKeyValue, Record};

/// A part of every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Encoding(usize),
    Keys,
    All,
}

impl View {
    /// Each encoding, the match keys, and everything, as far as the schema has them.
    pub(super) fn of(schema: &LinkageSchema) -> Vec<Self> {
        let mut views: Vec<Self> = (0..schema.encodings.len()).map(Self::Encoding).collect();
        if !schema.match_keys.is_empty() {
            views.push(Self::Keys);
        }
        if views.len() > 1 {
            views.push(Self::All);
        }
        views
    }

    pub(super) fn name(self, schema: &LinkageSchema) -> String {
        match self {
            Self::Encoding(place) => schema.encodings[place].name.clone(),
            Self::Keys => "match keys".to_owned(),
            Self::All => "all".to_owned(),
        }
    }

    /// The single views of which this one is made.
    pub(super) fn parts(self, schema: &LinkageSchema) -> Vec<Self> {
        match self {
            Self::All => Self::of(schema).into_iter().filter(|view| *view != Self::All).collect(),
            view => vec![view],
        }
    }
}

struct Bits {
    words: usize,
    all: Vec<u64>,
    ones: Vec<u32>,
    diffused: bool,
}

/// Records of one side, laid out for comparison.
pub(super) struct Side {
    encodings: Vec<Bits>,
    /// Per record and match key a number of its value; 0 is absent.
    keys: Vec<Vec<u32>>,
    codes: Vec<Vec<Option<u16>>>,
}

impl Side {
    pub(super) fn new(schema: &LinkageSchema, records: &[Option<Record>]) -> Self {
        let bits = |(place, encoding): (usize, &samenloop_schema::Encoding)| {
            let words = encoding.bits as usize / 64;
            let mut all = vec![0_u64; words * records.len()];
            for (record, row) in records.iter().zip(all.chunks_exact_mut(words)) {
                if let Some(clk) = record.as_ref().and_then(|r| r.encodings[place].as_ref()) {
                    row.copy_from_slice(clk.words());
                }
            }
            let ones = all.chunks_exact(words).map(|row| row.iter().map(|w| w.count_ones()).sum());
            Bits { words, ones: ones.collect(), all, diffused: encoding.diffusion > 3 }
        };
        let mut numbers: HashMap<(usize, MatchKeyValue), u32> = HashMap::new();
        let mut number = |(place, value): (usize, &Option<MatchKeyValue>)| {
            let next = numbers.len() as u32 + 1;
            value.map_or(0, |value| *numbers.entry((place, value)).or_insert(next))
        };
        let keys = records.iter().map(|record| match record {
            Some(record) => record.match_keys.iter().enumerate().map(&mut number).collect(),
            None => vec![0; schema.match_keys.len()],
        });
        let codes = |record: &Option<Record>| {
            record.as_ref().map_or(vec![None; schema.dimensions.len()], |r| r.codes.clone())
        };
        Self {
            keys: keys.collect(),
            encodings: schema.encodings.iter().enumerate().map(bits).collect(),
            codes: records.iter().map(codes).collect(),
        }
    }

    /// Whether a record has anything of a view.
    pub(super) fn has(&self, view: View, at: usize) -> bool {
        match view {
            View::Encoding(place) => self.encodings[place].ones[at] > 0,
            View::Keys => self.keys[at].iter().any(|key| *key != 0),
            View::All => true,
        }
    }

    pub(super) fn bits(&self, encoding: usize, at: usize) -> &[u64] {
        let Bits { words, all, .. } = &self.encodings[encoding];
        &all[at * words..][..*words]
    }

    pub(super) fn codes(&self, at: usize) -> &[Option<u16>] {
        &self.codes[at]
    }

    /// How alike two records are in a single view: Dice of plain filters, equal bits of diffused ones
    /// (Dice hardly moves there), number of equal match keys.
    pub(super) fn alike(&self, view: View, a: usize, b: usize) -> f32 {
        match view {
            View::Encoding(place) => {
                let bits = &self.encodings[place];
                let (ones_a, ones_b) = (bits.ones[a], bits.ones[b]);
                if ones_a == 0 || ones_b == 0 {
                    return f32::NAN;
                }
                let pairs = self.bits(place, a).iter().zip(self.bits(place, b));
                let both: u32 = pairs.map(|(a, b)| (a & b).count_ones()).sum();
                if bits.diffused {
                    -((ones_a + ones_b - 2 * both) as f32)
                } else {
                    (2 * both) as f32 / (ones_a + ones_b) as f32
                }
            }
            View::Keys => {
                let equal =
                    self.keys[a].iter().zip(&self.keys[b]).filter(|(a, b)| a == b && **a != 0);
                equal.count() as f32
            }
            View::All => f32::NAN,
        }
    }

    /// Similarities of rows to columns in a single view, standardised over all of them; 0 where a
    /// record lacks the view.
    pub(super) fn table(&self, view: View, rows: &[usize], columns: &[usize]) -> Vec<f32> {
        let mut table = vec![0.0; rows.len() * columns.len()];
        let work = table.par_chunks_exact_mut(columns.len()).zip(rows);
        work.for_each(|(out, row)| {
            for (out, column) in out.iter_mut().zip(columns) {
                *out = if row == column { f32::NAN } else { self.alike(view, *row, *column) };
            }
        });
        standardise(&mut table);
        table
    }
}

/// To mean 0 and standard deviation 1 over what is there; what is not there becomes 0.
pub(super) fn standardise(values: &mut [f32]) {
    let (mut n, mut sum, mut squares) = (0.0_f64, 0.0_f64, 0.0_f64);
    for value in values.iter().filter(|value| !value.is_nan()) {
        let value = f64::from(*value);
        (n, sum, squares) = (n + 1.0, sum + value, squares + value * value);
    }
    let mean = sum / n.max(1.0);
    let sd = (squares / n.max(1.0) - mean * mean).max(1e-12).sqrt();
    for value in values {
        *value = if value.is_nan() { 0.0 } else { ((f64::from(*value) - mean) / sd) as f32 };
    }
}

/// Per target, the people of the list whose codes do not contradict the record's: places in `list`.
pub(super) fn candidates(
    partner: &Side,
    attacker: &Side,
    targets: &[usize],
    list: &[usize],
) -> Vec<Vec<u32>> {
    let agrees = |target: usize, person: usize| {
        let codes = partner.codes(target).iter().zip(attacker.codes(person));
        codes.into_iter().all(|(a, b)| a.is_none() || b.is_none() || a == b)
    };
    let of = |target: &usize| {
        let places = (0_u32..).zip(list).filter(|(_, person)| agrees(*target, **person));
        places.map(|(place, _)| place).collect()
    };
    targets.par_iter().map(of).collect()
}

/// Rate at which a blind guess among each target's candidates is right; every target is among them.
pub(super) fn chance(candidates: &[Vec<u32>]) -> f64 {
    let right: f64 = candidates.iter().map(|of| 1.0 / of.len().max(1) as f64).sum();
    right / candidates.len().max(1) as f64
}
