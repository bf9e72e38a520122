//! Match weights: how much likelier a comparison is for two records of one person than for two of
//! different people (Fellegi and Sunter, JASA 64, 1969, §2), learnt from the pairs themselves by EM
//! (Winkler 1988; Herzog, Scheuren and Winkler 2007, ch. 9).
//!
//! Match keys are made of the same fields, so they do not count one by one: the number of keys that
//! agree is one comparison, apart for records with few and with many keys. Weights of encodings and
//! keys still share fields; they are tempered by [`TEMPER`] before they are believed.

use samenloop_schema::LinkageSchema;

use crate::compare::{ABSENT, Comparison, LEVELS, Vector};
use crate::population::Population;

/// m and u of one outcome of a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Share among pairs of one person.
    pub m: f64,
    /// Share among pairs of different people.
    pub u: f64,
}

impl Level {
    /// Match weight, natural log of the likelihood ratio.
    #[must_use]
    pub fn weight(&self) -> f64 {
        (self.m / self.u).ln()
    }
}

/// What a run learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Share of all pairs that are of one person.
    pub match_share: f64,
    /// Per encoding, per level of likeness.
    pub encodings: Vec<[Level; LEVELS]>,
    /// Per number of comparable keys (1–2, 3–4, more), per number of agreeing keys (0 to 4 or more).
    pub keys: [[Level; AGREEING]; COMPARABLE],
    /// Rounds of EM.
    pub iterations: u32,
    /// Whether EM came to rest.
    pub converged: bool,
}

/// Numbers of agreeing keys that are told apart.
pub const AGREEING: usize = 5;

/// Classes of comparable keys that are told apart.
pub const COMPARABLE: usize = 3;

/// Share of a weight that is believed. Encodings and keys over the same fields agree together, so
/// their sum overstates the evidence; measured in `docs/linkage-model.md`.
const TEMPER: f64 = 0.8;

/// A single pair's log-odds never exceed this, so that no one pair outvotes a cluster.
const CLIP: f64 = 9.0;

/// m of a diffused encoding before data speak: people are written alike more often than not.
const PRIOR_M: [f64; LEVELS] = [0.06, 0.03, 0.06, 0.08, 0.10, 0.12, 0.13, 0.12, 0.30];

const PRIOR_KEYS_M: [[f64; AGREEING]; COMPARABLE] = [
    [0.30, 0.35, 0.34, 0.005, 0.005],
    [0.15, 0.20, 0.25, 0.20, 0.20],
    [0.08, 0.12, 0.20, 0.25, 0.35],
];

/// Pairs that the prior counts for. A round with fewer true pairs is led by it.
const PRIOR_PAIRS: f64 = 30.0;

const RANDOM_PAIRS: u64 = 400_000;
const MAX_ITERATIONS: u32 = 200;

fn key_class(vector: &Vector) -> Option<(usize, usize)> {
    let class = match vector.comparable {
        0 => return None,
        1..=2 => 0,
        3..=4 => 1,
        _ => 2,
    };
    Some((class, usize::from(vector.agreeing).min(AGREEING - 1)))
}

/// Counts of outcomes over some pairs.
#[derive(Clone)]
struct Counts {
    levels: Vec<[f64; LEVELS]>,
    keys: [[f64; AGREEING]; COMPARABLE],
}

impl Counts {
    fn new(encodings: usize) -> Self {
        Self { levels: vec![[0.0; LEVELS]; encodings], keys: [[0.0; AGREEING]; COMPARABLE] }
    }

    fn add(&mut self, vector: &Vector, pairs: f64) {
        for (counts, level) in self.levels.iter_mut().zip(vector.levels) {
            if level != ABSENT {
                counts[usize::from(level)] += pairs;
            }
        }
        if let Some((class, agreeing)) = key_class(vector) {
            self.keys[class][agreeing] += pairs;
        }
    }
}

fn shares<const N: usize>(counts: &[f64; N], prior: &[f64; N], prior_pairs: f64) -> [f64; N] {
    let total: f64 = counts.iter().sum::<f64>() + prior_pairs;
    std::array::from_fn(|place| (counts[place] + prior_pairs * prior[place]) / total)
}

impl Model {
    fn from_counts(matches: &Counts, others: &Counts, share: f64) -> Self {
        let level = |(m, u): (f64, f64)| Level { m, u };
        let encodings = matches.levels.iter().zip(&others.levels).map(|(m, u)| {
            let (m, u) = (shares(m, &PRIOR_M, PRIOR_PAIRS), shares(u, &[1.0 / 9.0; LEVELS], 1.0));
            std::array::from_fn(|place| level((m[place], u[place])))
        });
        let keys = std::array::from_fn(|class| {
            let m = shares(&matches.keys[class], &PRIOR_KEYS_M[class], PRIOR_PAIRS);
            let u = shares(&others.keys[class], &[0.2; AGREEING], 1.0);
            std::array::from_fn(|place| level((m[place], u[place])))
        });
        Self {
            match_share: share,
            encodings: encodings.collect(),
            keys,
            iterations: 0,
            converged: false,
        }
    }

    /// Log-odds that a pair with this comparison is of one person.
    pub(crate) fn log_odds(&self, vector: &Vector) -> f64 {
        let encodings: f64 = self
            .encodings
            .iter()
            .zip(vector.levels)
            .filter(|(_, level)| *level != ABSENT)
            .map(|(levels, level)| levels[usize::from(level)].weight())
            .sum();
        let keys = key_class(vector).map_or(0.0, |(class, count)| self.keys[class][count].weight());
        (self.match_share / (1.0 - self.match_share)).ln() + TEMPER * (encodings + keys)
    }

    /// Log-odds of two records, clipped.
    pub(crate) fn pair_weight(
        &self,
        schema: &LinkageSchema,
        population: &Population,
        a: usize,
        b: usize,
    ) -> f64 {
        let vector = Comparison::new(schema).compare(population, a, b);
        self.log_odds(&vector).clamp(-CLIP, CLIP)
    }
}

/// Learns m and u from the candidates and from random pairs, in canonical order.
pub(crate) fn learn(
    schema: &LinkageSchema,
    population: &Population,
    candidates: &[(u32, u32)],
) -> Model {
    let comparison = Comparison::new(schema);
    let encodings = comparison.encodings();
    let mut patterns = std::collections::BTreeMap::<Vector, f64>::new();
    for (a, b) in candidates {
        let vector = comparison.compare(population, *a as usize, *b as usize);
        *patterns.entry(vector).or_default() += 1.0;
    }
    let all_pairs = population.pairs();
    let rest = (all_pairs - candidates.len() as f64).max(1.0);
    let background = background(&comparison, population, candidates, rest);

    let share = |matched: f64| (matched / all_pairs).clamp(1e-12, 0.5);
    let start = share((population.len() as f64 / 4.0).max(1.0));
    let mut model = Model::from_counts(&Counts::new(encodings), &background, start);
    for iteration in 1..=MAX_ITERATIONS {
        let (mut matches, mut others) = (Counts::new(encodings), background.clone());
        let mut matched = 0.0;
        for (vector, pairs) in &patterns {
            let p = 1.0 / (1.0 + (-model.log_odds(vector)).exp());
            matches.add(vector, p * pairs);
            others.add(vector, (1.0 - p) * pairs);
            matched += p * pairs;
        }
        let next = Model::from_counts(&matches, &others, share(matched));
        let rest = (next.match_share / model.match_share).ln().abs() < 1e-6;
        model = Model { iterations: iteration, converged: rest, ..next };
        if rest {
            break;
        }
    }
    model
}

/// Outcomes of the pairs that are no candidates, from random ones of them.
fn background(
    comparison: &Comparison,
    population: &Population,
    candidates: &[(u32, u32)],
    rest: f64,
) -> Counts {
    let mut counts = Counts::new(comparison.encodings());
    let n = population.len() as u64;
    let mut state = u64::from_le_bytes(population.digest.0[..8].try_into().unwrap_or_default());
    let mut sampled = 0.0;
    let mut sample = vec![];
    for _ in 0..RANDOM_PAIRS {
        let a = (u128::from(next(&mut state)) * u128::from(n) >> 64) as usize;
        let b = (u128::from(next(&mut state)) * u128::from(n) >> 64) as usize;
        let pair = (a.min(b) as u32, a.max(b) as u32);
        if a != b && population.compatible(a, b) && candidates.binary_search(&pair).is_err() {
            sample.push(pair);
        }
    }
    for (a, b) in &sample {
        counts.add(&comparison.compare(population, *a as usize, *b as usize), 1.0);
        sampled += 1.0;
    }
    let scale = if sampled > 0.0 { rest / sampled } else { 0.0 };
    counts.levels.iter_mut().flatten().chain(counts.keys.iter_mut().flatten()).for_each(|count| {
        *count *= scale;
    });
    counts
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, fig. 14): the same numbers for the same inputs.
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Log-odds of every candidate pair, clipped, in the order of the candidates.
pub(crate) fn weigh(
    model: &Model,
    schema: &LinkageSchema,
    population: &Population,
    candidates: &[(u32, u32)],
) -> Vec<(u32, u32, f64)> {
    use rayon::prelude::*;
    let comparison = Comparison::new(schema);
    candidates
        .par_iter()
        .map(|(a, b)| {
            let vector = comparison.compare(population, *a as usize, *b as usize);
            (*a, *b, model.log_odds(&vector).clamp(-CLIP, CLIP))
        })
        .collect()
}
