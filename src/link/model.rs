//! Match weights: how much likelier a comparison is for two records of one person than for two of
//! different people (Fellegi and Sunter, JASA 64, 1969, §2), learnt from the pairs themselves by EM
//! (Winkler 1988; Herzog, Scheuren and Winkler 2007, ch. 9).
//!
//! Match keys are made of the same fields, so they do not add up: the strongest that agrees counts
//! whole, the others for what is new in them. Encodings and keys still share fields and are tempered
//! before they are believed. What strangers agree on by chance is anchored by round figures, so that
//! a round with few true pairs does not take strangers with one birth date for matches.

use rayon::prelude::*;
use samenloop_schema::LinkageSchema;

use crate::chance;
use crate::compare::{ABSENT, Comparison, LEVELS, MAX_KEYS, Vector};
use crate::correction::{self, Codes, Correction};
use crate::patterns::Patterns;
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
    /// Per match key, its agreement where both have it.
    pub keys: Vec<Level>,
    /// That no key agrees, per number of keys that both have (1–2, 3–4, more).
    pub no_key: [Level; COMPARABLE],
    /// Agreement of the codes that no encoding or key can know.
    pub codes: Codes,
    /// Rounds of EM.
    pub iterations: u32,
    /// Whether EM came to rest.
    pub converged: bool,
    recipes: Vec<KeyRecipe>,
    alone: bool,
    correction: Correction,
}

/// What a match key is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
struct KeyRecipe {
    /// Bit per field.
    fields: u64,
    /// Share of strangers that agree, before data speak.
    chance: f64,
}

/// Numbers of comparable keys that are told apart.
pub const COMPARABLE: usize = 3;

/// Shares of the weights of encodings and of keys that are believed. Both are made of the same
/// fields and agree together, so their whole sum would overstate the evidence.
const ENCODING_TEMPER: f64 = 0.8;
const KEY_TEMPER: f64 = 0.9;

/// A single pair's log-odds never exceed this, so that no one pair outvotes a cluster.
const CLIP: f64 = 9.0;

/// m of a diffused encoding before data speak: people are written alike more often than not.
const PRIOR_M: [f64; LEVELS] = [0.06, 0.03, 0.06, 0.08, 0.10, 0.12, 0.13, 0.12, 0.30];

/// u of an encoding before data speak; it counts as many pairs as there are.
const PRIOR_U: [f64; LEVELS] =
    [0.95, 0.032, 0.011, 0.005, 0.0014, 0.0005, 0.000_09, 0.000_009, 0.000_001];

/// m of a match key before data speak, and of no agreement per class.
const PRIOR_KEY_M: f64 = 0.6;
const PRIOR_NO_KEY_M: [f64; COMPARABLE] = [0.30, 0.15, 0.08];

/// Pairs that the prior counts for. A round with fewer true pairs is led by it.
const PRIOR_PAIRS: f64 = 30.0;

/// m of a code before data speak, and the most that is believed of any: people move house.
const PRIOR_CODE_M: f64 = 0.8;
const MOST_CODE_M: f64 = 0.9995;

const RANDOM_PAIRS: u64 = 400_000;
const MAX_ITERATIONS: u32 = 200;

/// Whether there is one encoding, diffused, and no key: CLKs alone. Nothing shares facts with it, and EM
/// has nothing else by which to tell matches from strangers who look alike; but a diffused encoding
/// agrees by chance only, so that strangers are what random pairs show.
fn is_alone(schema: &LinkageSchema) -> bool {
    matches!(&schema.encodings[..], [only] if only.diffusion >= 4) && schema.match_keys.is_empty()
}

fn class(comparable: u64) -> Option<usize> {
    match comparable.count_ones() {
        0 => None,
        1..=2 => Some(0),
        3..=4 => Some(1),
        _ => Some(2),
    }
}

/// Counts of outcomes over some pairs.
#[derive(Clone)]
struct Counts {
    levels: Vec<[f64; LEVELS]>,
    /// Per key, pairs in which it agrees and does not.
    keys: Vec<[f64; 2]>,
    /// Per class, pairs in which no key agrees and one does.
    no_key: [[f64; 2]; COMPARABLE],
    /// Per code, pairs in which it agrees and does not.
    codes: Vec<[f64; 2]>,
}

impl Counts {
    fn new(population: &Population, encodings: usize, keys: usize) -> Self {
        Self {
            levels: vec![[0.0; LEVELS]; encodings],
            keys: vec![[0.0; 2]; keys],
            no_key: [[0.0; 2]; COMPARABLE],
            codes: vec![[0.0; 2]; population.codes.len()],
        }
    }

    fn add(&mut self, vector: &Vector, pairs: f64) {
        for (counts, level) in self.levels.iter_mut().zip(vector.levels) {
            if level != ABSENT {
                counts[usize::from(level)] += pairs;
            }
        }
        for (place, counts) in self.keys.iter_mut().enumerate() {
            if vector.comparable >> place & 1 == 1 {
                counts[usize::from(vector.agreeing >> place & 1 == 0)] += pairs;
            }
        }
        if let Some(class) = class(vector.comparable) {
            self.no_key[class][usize::from(vector.agreeing != 0)] += pairs;
        }
        for (place, counts) in self.codes.iter_mut().enumerate() {
            if vector.codes_comparable >> place & 1 == 1 {
                counts[usize::from(vector.codes_agreeing >> place & 1 == 0)] += pairs;
            }
        }
    }

    fn scale(&mut self, factor: f64) {
        let levels = self.levels.iter_mut().flatten();
        let keys = self.keys.iter_mut().chain(&mut self.no_key).chain(&mut self.codes).flatten();
        levels.chain(keys).for_each(|count| *count *= factor);
    }
}

fn shares<const N: usize>(counts: &[f64; N], prior: &[f64; N], prior_pairs: f64) -> [f64; N] {
    let total: f64 = counts.iter().sum::<f64>() + prior_pairs;
    std::array::from_fn(|place| (counts[place] + prior_pairs * prior[place]) / total)
}

/// Agreement of a key. The chance of strangers to agree counts as many pairs as there are, so that
/// strangers who agree cannot pass for the matches that they are mistaken for.
fn key_level(matches: &[f64; 2], others: &[f64; 2], chance: f64) -> Level {
    let m = shares(matches, &[PRIOR_KEY_M, 1.0 - PRIOR_KEY_M], PRIOR_PAIRS)[0];
    let pairs = others.iter().sum::<f64>().max(1.0);
    Level { m, u: shares(others, &[chance, 1.0 - chance], pairs)[0] }
}

/// m of a code, from the pairs of one person in which it agrees and does not.
pub(crate) fn code_agreement(matches: &[f64; 2]) -> f64 {
    shares(matches, &[PRIOR_CODE_M, 1.0 - PRIOR_CODE_M], PRIOR_PAIRS)[0].min(MOST_CODE_M)
}

/// u of a code at one address, where no more than `m` is believed; `apart` is that of any strangers.
pub(crate) fn neighbours_agreement(others: &[f64; 2], apart: f64, m: f64) -> f64 {
    shares(others, &[apart, 1.0 - apart], PRIOR_PAIRS)[0].min(m)
}

/// The first outcome of two.
fn first(matches: &[f64; 2], others: &[f64; 2], prior_m: f64, prior_u: f64) -> Level {
    let m = shares(matches, &[prior_m, 1.0 - prior_m], PRIOR_PAIRS)[0];
    Level { m, u: shares(others, &[prior_u, 1.0 - prior_u], 1.0)[0] }
}

impl Model {
    fn from_counts(
        matches: &Counts,
        others: &Counts,
        share: f64,
        (alone, recipes): (bool, Vec<KeyRecipe>),
    ) -> Self {
        let encodings = matches.levels.iter().zip(&others.levels).map(|(m, u)| {
            let pairs = if alone { PRIOR_PAIRS } else { u.iter().sum::<f64>().max(1.0) };
            let (m, u) = (shares(m, &PRIOR_M, PRIOR_PAIRS), shares(u, &PRIOR_U, pairs));
            std::array::from_fn(|place| Level { m: m[place], u: u[place] })
        });
        let keys = matches.keys.iter().zip(&others.keys).zip(&recipes);
        Self {
            match_share: share,
            encodings: encodings.collect(),
            keys: keys.map(|((m, u), recipe)| key_level(m, u, recipe.chance)).collect(),
            no_key: std::array::from_fn(|class| {
                let (m, u) = (&matches.no_key[class], &others.no_key[class]);
                first(m, u, PRIOR_NO_KEY_M[class], 0.5)
            }),
            codes: Codes::new(
                matches
                    .codes
                    .iter()
                    .zip(&others.codes)
                    .map(|(m, u)| Level { m: code_agreement(m), u: shares(u, &[0.5; 2], 2.0)[0] }),
            ),
            iterations: 0,
            converged: false,
            recipes,
            alone,
            correction: Correction::default(),
        }
    }

    /// Log-odds that a pair with this comparison is of one person.
    pub(crate) fn log_odds(&self, vector: &Vector) -> f64 {
        correction::offset(self, vector) + self.correction.of(vector) + self.codes.weight(vector)
    }

    /// Log-odds by encodings and match keys alone, as the sum of their weights.
    pub(crate) fn evidence(&self, vector: &Vector) -> f64 {
        let encodings: f64 = self
            .encodings
            .iter()
            .zip(vector.levels)
            .filter(|(_, level)| *level != ABSENT)
            .map(|(levels, level)| levels[usize::from(level)].weight())
            .sum();
        let prior = (self.match_share / (1.0 - self.match_share)).ln();
        let temper = if self.alone { 1.0 } else { ENCODING_TEMPER };
        prior + temper * encodings + KEY_TEMPER * self.key_weight(vector)
    }

    /// The strongest agreeing key counts whole, each further one for the part of its fields that no
    /// stronger one has: a fact speaks once.
    fn key_weight(&self, vector: &Vector) -> f64 {
        if vector.agreeing == 0 {
            return class(vector.comparable).map_or(0.0, |class| self.no_key[class].weight());
        }
        let mut agreeing: Vec<(f64, u64)> = (0..self.keys.len())
            .filter(|place| vector.agreeing >> place & 1 == 1)
            .map(|place| (self.keys[place].weight(), self.recipes[place].fields))
            .collect();
        agreeing.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut seen = 0;
        let mut sum = 0.0;
        for (weight, fields) in agreeing {
            let new = f64::from((fields & !seen).count_ones()) / f64::from(fields.count_ones());
            sum += weight * new;
            seen |= fields;
        }
        sum
    }

    /// Log-odds of two records, clipped.
    pub(crate) fn pair_weight(
        &self,
        comparison: &Comparison,
        population: &Population,
        a: usize,
        b: usize,
    ) -> f64 {
        let vector = comparison.compare(population, a, b);
        self.log_odds(&vector).clamp(-CLIP, CLIP)
    }
}

/// Learns m and u from the candidates and from random pairs, in canonical order.
pub(crate) fn learn(
    schema: &LinkageSchema,
    comparison: &Comparison,
    population: &Population,
    candidates: &[(u32, u32)],
    patterns: &Patterns,
) -> Model {
    let encodings = comparison.encodings();
    let recipes = (is_alone(schema), recipes(schema));
    let (alone, keys) = (recipes.0, recipes.1.len());
    let all_pairs = population.pairs();
    let rest = (all_pairs - candidates.len() as f64).max(1.0);
    let background = background(comparison, population, candidates, rest);

    let share = |matched: f64| (matched / all_pairs).clamp(1e-12, 0.5);
    let start = share((population.len() as f64 / 4.0).max(1.0));
    let none = Counts::new(population, encodings, keys);
    let mut model = Model::from_counts(&none, &background, start, recipes.clone());
    for iteration in 1..=MAX_ITERATIONS {
        let (mut matches, mut others) = (none.clone(), background.clone());
        let mut matched = 0.0;
        for (vector, pairs) in patterns.counted() {
            let log_odds = model.evidence(vector) + model.codes.weight(vector);
            let p = 1.0 / (1.0 + (-log_odds).exp());
            matches.add(vector, p * pairs);
            if !alone {
                others.add(vector, (1.0 - p) * pairs);
            }
            matched += p * pairs;
        }
        let next = Model::from_counts(&matches, &others, share(matched), recipes.clone());
        let rest = (next.match_share / model.match_share).ln().abs() < 1e-6;
        model = Model { iterations: iteration, converged: rest, ..next };
        if rest {
            break;
        }
    }
    let (correction, codes) = correction::learn(&model, patterns);
    Model { correction, codes, ..model }
}

fn recipes(schema: &LinkageSchema) -> Vec<KeyRecipe> {
    let place = |name: &str| schema.fields.iter().position(|field| field.name == name);
    let bit = |name: &str| place(name).map_or(0, |place| 1_u64 << (place % 64));
    let keys = schema.match_keys.iter().take(MAX_KEYS);
    keys.map(|key| KeyRecipe {
        fields: key.parts.iter().fold(0, |bits, part| bits | bit(&part.field)),
        chance: chance::agreement(schema, key),
    })
    .collect()
}

/// Outcomes of the pairs that are no candidates, from random ones of them.
fn background(
    comparison: &Comparison,
    population: &Population,
    candidates: &[(u32, u32)],
    rest: f64,
) -> Counts {
    let mut counts =
        Counts::new(population, comparison.encodings(), population.keys.len().min(MAX_KEYS));
    let n = population.len() as u64;
    let mut state = u64::from_le_bytes(population.digest.0[..8].try_into().unwrap_or_default());
    let mut sampled = 0.0;
    let mut sample = vec![];
    for _ in 0..RANDOM_PAIRS {
        let mut record = || ((u128::from(next(&mut state)) * u128::from(n)) >> 64) as usize;
        let (a, b) = (record(), record());
        let pair = (a.min(b) as u32, a.max(b) as u32);
        if a != b && population.compatible(a, b) {
            sample.push(pair);
        }
    }
    let sample: Vec<(u32, u32)> =
        sample.into_par_iter().filter(|pair| candidates.binary_search(pair).is_err()).collect();
    let compare = |(a, b): &(u32, u32)| comparison.compare(population, *a as usize, *b as usize);
    let compared: Vec<Vector> = sample.par_iter().map(compare).collect();
    for vector in &compared {
        counts.add(vector, 1.0);
        sampled += 1.0;
    }
    let scale = if sampled > 0.0 { rest / sampled } else { 0.0 };
    counts.scale(scale);
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
    candidates: &[(u32, u32)],
    patterns: &Patterns,
) -> Vec<(u32, u32, f64)> {
    let weights: Vec<f64> =
        patterns.counted().map(|(vector, _)| model.log_odds(vector).clamp(-CLIP, CLIP)).collect();
    let pairs = candidates.par_iter().zip(&patterns.of);
    pairs.map(|((a, b), pattern)| (*a, *b, weights[*pattern as usize])).collect()
}
