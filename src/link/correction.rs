//! What the added-up weights of encodings and keys get wrong, learnt from codes that no encoding knows.
//!
//! Encodings and match keys are made of the same fields, so their weights cannot simply be added, and
//! no label says by how much. But a record also carries codes, such as its municipality, that go into
//! no encoding: given whether two records are of one person, they agree or differ whatever the
//! encodings do. The share of pairs with a certain comparison whose codes agree therefore tells which
//! share of them is of one person. This is a latent class model with covariates (Dayton and Macready,
//! JASA 83, 1988): the class is "one person", the covariates are the comparison of encodings and
//! keys, and the codes are its indicators. It is fitted by EM whose M-step is a logistic regression
//! (Newton's method) with the added-up log-odds as its offset and a ridge that pulls every correction
//! to 0: where codes say little, or a round is small, the weights stay as they are.
//!
//! Strangers at one address are no random strangers: they share the municipality and, as a household,
//! often more. How often their codes agree is learnt apart, from what encodings and keys say of them.

use crate::compare::{ABSENT, LEVELS, SOURCES, Vector};
use crate::model::{Level, Model, code_agreement, neighbours_agreement};
use crate::patterns::{CROWDS, Patterns};

/// Rounds of EM, each with one Newton step.
const ROUNDS: u32 = 25;

/// Precision of the ridge: a third of a pair's worth of doubt per coefficient. Chosen on synthetic rounds
/// (seeds 11 to 14 and 100 to 109) among 0.1, 0.3, 1 and 4.
const RIDGE: f64 = 0.3;

/// Log-odds beyond which a sum of weights says no more.
const MOST: f64 = 15.0;

/// Encodings whose levels are looked at two by two.
const CROSSED: usize = 4;

/// Bands of levels that are crossed: strangers, three degrees of likeness, equal, absent.
const BANDS: usize = 6;

/// Agreeing keys that are told apart by their number.
const KEYS: usize = 6;

/// Corrections of log-odds, one per trait of a comparison.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Correction {
    coefficients: Vec<f64>,
    encodings: usize,
    keys: usize,
}

impl Correction {
    fn none(encodings: usize, keys: usize) -> Self {
        let crossed = encodings.min(CROSSED);
        let pairs = crossed * crossed.saturating_sub(1) / 2;
        let traits =
            encodings * (LEVELS + 1) + 2 * keys + KEYS + SOURCES + (pairs * BANDS + CROWDS) * BANDS;
        Self { coefficients: vec![0.0; traits], encodings, keys }
    }

    /// Places of the traits that a comparison has, ascending.
    fn traits(&self, vector: &Vector, out: &mut Vec<u32>) {
        out.clear();
        let mut base = 0;
        for level in &vector.levels[..self.encodings] {
            let place = if *level == ABSENT { LEVELS } else { usize::from(*level) };
            out.push((base + place) as u32);
            base += LEVELS + 1;
        }
        for key in 0..self.keys {
            if vector.agreeing >> key & 1 == 1 {
                out.push((base + 2 * key) as u32);
            } else if vector.comparable >> key & 1 == 0 {
                out.push((base + 2 * key + 1) as u32);
            }
        }
        base += 2 * self.keys;
        out.push((base + (vector.agreeing.count_ones() as usize).min(KEYS - 1)) as u32);
        base += KEYS;
        out.push((base + usize::from(vector.same_source)) as u32);
        base += SOURCES;
        let names = vector.levels[..self.encodings].first().map_or(0, |level| band(*level));
        out.push((base + usize::from(vector.crowd) * BANDS + names) as u32);
        base += CROWDS * BANDS;
        let bands: Vec<usize> =
            vector.levels[..self.encodings.min(CROSSED)].iter().map(|level| band(*level)).collect();
        for (place, first) in bands.iter().enumerate() {
            for second in &bands[place + 1..] {
                out.push((base + first * BANDS + second) as u32);
                base += BANDS * BANDS;
            }
        }
    }

    /// What is to be added to a comparison's log-odds.
    pub(crate) fn of(&self, vector: &Vector) -> f64 {
        if self.coefficients.is_empty() {
            return 0.0;
        }
        let mut traits = vec![];
        self.traits(vector, &mut traits);
        traits.iter().map(|place| self.coefficients[*place as usize]).sum()
    }
}

fn band(level: u8) -> usize {
    match level {
        ABSENT => 5,
        0..=1 => 0,
        2..=3 => 1,
        4..=5 => 2,
        6..=7 => 3,
        _ => 4,
    }
}

/// Agreement of codes between two records, where both have them.
#[derive(Debug, Clone, PartialEq)]
pub struct Codes {
    /// Of records that no address ties.
    pub apart: Vec<Level>,
    /// Of records with an address in common.
    pub one_address: Vec<Level>,
}

impl Codes {
    pub(crate) fn new(levels: impl Iterator<Item = Level>) -> Self {
        let apart: Vec<Level> = levels.collect();
        Self { one_address: apart.clone(), apart }
    }

    /// Weight of the codes of a comparison.
    pub(crate) fn weight(&self, vector: &Vector) -> f64 {
        let codes = if vector.one_address { &self.one_address } else { &self.apart };
        let weights = codes.iter().enumerate().map(|(place, code)| {
            if vector.codes_comparable >> place & 1 == 0 {
                0.0
            } else if vector.codes_agreeing >> place & 1 == 1 {
                code.weight()
            } else {
                Level { m: 1.0 - code.m, u: 1.0 - code.u }.weight()
            }
        });
        weights.sum()
    }

    /// Learns them anew from the share of each row's pairs that is of one person.
    fn learn(&mut self, rows: &[Row], matched: &[f64]) {
        for (place, (apart, one_address)) in
            self.apart.iter_mut().zip(&mut self.one_address).enumerate()
        {
            let (mut matches, mut neighbours) = ([0.0; 2], [0.0; 2]);
            for (row, matched) in rows.iter().zip(matched) {
                if row.vector.codes_comparable >> place & 1 == 1 {
                    let outcome = usize::from(row.vector.codes_agreeing >> place & 1 == 0);
                    matches[outcome] += matched * row.pairs;
                    if row.vector.one_address {
                        neighbours[outcome] += (1.0 - matched) * row.pairs;
                    }
                }
            }
            apart.m = code_agreement(&matches);
            one_address.m = apart.m;
            one_address.u = neighbours_agreement(&neighbours, apart.u, apart.m);
        }
    }
}

/// Log-odds as a sum of weights, within what can be believed.
pub(crate) fn offset(model: &Model, vector: &Vector) -> f64 {
    model.evidence(vector).clamp(-MOST, MOST)
}

struct Row {
    traits: Vec<u32>,
    pairs: f64,
    offset: f64,
    vector: Vector,
}

fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// Learns the corrections, and how often codes agree between records of one person. Without codes
/// there is nothing to learn from.
pub(crate) fn learn(model: &Model, patterns: &Patterns) -> (Correction, Codes) {
    let mut codes = model.codes.clone();
    let mut correction = Correction::none(model.encodings.len(), model.keys.len());
    if codes.apart.is_empty() {
        return (Correction::default(), codes);
    }
    let rows: Vec<Row> = patterns
        .counted()
        .map(|(vector, pairs)| {
            let mut traits = vec![];
            correction.traits(vector, &mut traits);
            Row { traits, pairs, offset: offset(model, vector), vector: *vector }
        })
        .collect();
    for _ in 0..ROUNDS {
        let log_odds: Vec<f64> = rows.iter().map(|row| correction.log_odds(row)).collect();
        let matched: Vec<f64> = rows
            .iter()
            .zip(&log_odds)
            .map(|(row, log_odds)| logistic(log_odds + codes.weight(&row.vector)))
            .collect();
        codes.learn(&rows, &matched);
        if !correction.step(&rows, &log_odds, &matched) {
            break;
        }
    }
    (correction, codes)
}

impl Correction {
    fn log_odds(&self, row: &Row) -> f64 {
        let sum: f64 = row.traits.iter().map(|place| self.coefficients[*place as usize]).sum();
        row.offset + sum
    }

    /// One Newton step towards the shares `matched`; whether it was taken.
    fn step(&mut self, rows: &[Row], log_odds: &[f64], matched: &[f64]) -> bool {
        let n = self.coefficients.len();
        let mut gradient: Vec<f64> = self.coefficients.iter().map(|c| RIDGE * c).collect();
        let mut hessian = vec![0.0; n * n];
        for place in 0..n {
            hessian[place * n + place] = RIDGE;
        }
        for ((row, log_odds), matched) in rows.iter().zip(log_odds).zip(matched) {
            let p = logistic(*log_odds);
            let curvature = row.pairs * p * (1.0 - p);
            for (at, a) in row.traits.iter().enumerate() {
                gradient[*a as usize] += row.pairs * (p - matched);
                for b in &row.traits[..=at] {
                    hessian[*a as usize * n + *b as usize] += curvature;
                }
            }
        }
        let Some(step) = solve(hessian, &gradient) else { return false };
        // A Newton step of a steep likelihood can overshoot; none is longer than this.
        let longest = step.iter().fold(0.0_f64, |most, step| most.max(step.abs()));
        let damping = if longest > 2.0 { 2.0 / longest } else { 1.0 };
        self.coefficients.iter_mut().zip(&step).for_each(|(c, step)| *c -= damping * step);
        longest > 1e-6
    }
}

/// Solves a positive definite system whose lower triangle is given, by Cholesky's method; none if it
/// is not positive definite.
fn solve(mut matrix: Vec<f64>, right: &[f64]) -> Option<Vec<f64>> {
    let n = right.len();
    for row in 0..n {
        for column in 0..=row {
            let (done, rest) = matrix.split_at_mut(row * n);
            let above = if column == row { &rest[..n] } else { &done[column * n..][..n] };
            let dot: f64 = above[..column].iter().zip(&rest[..column]).map(|(a, b)| a * b).sum();
            let left = rest[column] - dot;
            if column < row {
                rest[column] = left / above[column];
            } else if left > 0.0 {
                rest[column] = left.sqrt();
            } else {
                return None;
            }
        }
    }
    let mut x = right.to_vec();
    for row in 0..n {
        let dot: f64 = (0..row).map(|column| matrix[row * n + column] * x[column]).sum();
        x[row] = (x[row] - dot) / matrix[row * n + row];
    }
    for row in (0..n).rev() {
        let dot: f64 = (row + 1..n).map(|below| matrix[below * n + row] * x[below]).sum();
        x[row] = (x[row] - dot) / matrix[row * n + row];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved_and_an_indefinite_one_is_not() {
        let x = solve(vec![4.0, 0.0, 2.0, 3.0], &[2.0, 1.0]).expect("positive definite");
        assert!((x[0] - 0.5).abs() < 1e-12 && x[1].abs() < 1e-12, "{x:?}");
        assert_eq!(solve(vec![1.0, 0.0, 2.0, 1.0], &[1.0, 1.0]), None);
    }
}
