//! Partitions of one component: all of them where they are few, draws where they are many.
//!
//! A partition's probability is in proportion to the product of p over pairs that it puts together
//! and 1 − p over pairs that it parts, which is exp of the sum of log-odds of the pairs together.
//! Drawing each pair on its own and taking what hangs together would merge far too much.

use crate::model::next;

/// Records up to which all partitions are enumerated: 8 have 4,140 (Bell number).
pub(crate) const EXACT: usize = 8;

/// Sweeps of the sampler before the first draw, and between draws.
const BURN_IN: u32 = 60;
const BETWEEN: u32 = 4;

/// Log-odds between the records of a component, `-inf` for pairs that cannot be of one person.
pub(crate) struct Weights {
    size: usize,
    weights: Vec<f64>,
}

impl Weights {
    /// `weight(a, b)` for `a < b`.
    pub(crate) fn new(size: usize, weight: impl Fn(usize, usize) -> f64) -> Self {
        let mut weights = vec![0.0; size * size];
        for a in 0..size {
            for b in a + 1..size {
                weights[a * size + b] = weight(a, b);
                weights[b * size + a] = weights[a * size + b];
            }
        }
        Self { size, weights }
    }

    fn between(&self, record: usize, others: impl Iterator<Item = usize>) -> f64 {
        others.map(|other| self.weights[record * self.size + other]).sum()
    }
}

/// What is known of the partitions of a component.
pub(crate) struct Partitions {
    /// Expected number of people.
    pub(crate) mean: f64,
    /// Its variance.
    pub(crate) variance: f64,
    /// Per draw, the label of each record; labels mean nothing but equality.
    pub(crate) draws: Vec<Vec<u32>>,
}

/// Explores a component. `start` is a partition to begin with, `seed` decides the draws.
pub(crate) fn explore(weights: &Weights, start: &[u32], draws: u32, seed: u64) -> Partitions {
    let mut state = seed;
    if weights.size <= EXACT {
        return enumerate(weights, draws, &mut state);
    }
    let mut labels = start.to_vec();
    let (mut kept, mut counts) = (vec![], vec![]);
    for sweep in 0..BURN_IN + draws * BETWEEN {
        (0..weights.size).for_each(|record| resample(weights, &mut labels, record, &mut state));
        if sweep >= BURN_IN {
            counts.push(people(&labels));
            if (sweep - BURN_IN) % BETWEEN == 0 {
                kept.push(labels.clone());
            }
        }
    }
    let n = counts.len().max(1) as f64;
    let mean = counts.iter().sum::<f64>() / n;
    let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / n;
    Partitions { mean, variance, draws: kept }
}

fn people(labels: &[u32]) -> f64 {
    let mut sorted = labels.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len() as f64
}

/// Puts one record into a cluster of the others or one of its own, by its conditional probability.
fn resample(weights: &Weights, labels: &mut [u32], record: usize, state: &mut u64) {
    let mut others: Vec<u32> =
        (0..labels.len()).filter(|other| *other != record).map(|other| labels[other]).collect();
    others.sort_unstable();
    others.dedup();
    let alone = (0..).find(|label| others.binary_search(label).is_err()).unwrap_or(u32::MAX);
    let mut options = vec![(alone, 1.0)];
    for label in others {
        let members = (0..labels.len()).filter(|other| *other != record && labels[*other] == label);
        options.push((label, weights.between(record, members).min(700.0).exp()));
    }
    let total: f64 = options.iter().map(|(_, weight)| weight).sum();
    let mut left = uniform(state) * total;
    for (label, weight) in &options {
        left -= weight;
        labels[record] = *label;
        if left < 0.0 {
            break;
        }
    }
}

fn uniform(state: &mut u64) -> f64 {
    (next(state) >> 11) as f64 / (1_u64 << 53) as f64
}

fn enumerate(weights: &Weights, draws: u32, state: &mut u64) -> Partitions {
    let mut all = vec![];
    grow(weights, &mut vec![], 0.0, &mut all);
    let best = all.iter().map(|(log, _)| *log).fold(f64::NEG_INFINITY, f64::max);
    let probabilities: Vec<f64> = all.iter().map(|(log, _)| (log - best).exp()).collect();
    let total: f64 = probabilities.iter().sum();
    let moment = |power| {
        let terms = all.iter().zip(&probabilities);
        terms.map(|((_, labels), p)| p / total * people(labels).powi(power)).sum::<f64>()
    };
    let mean = moment(1);
    let draw = |_| {
        let mut left = uniform(state) * total;
        let chosen = probabilities.iter().position(|p| {
            left -= p;
            left < 0.0
        });
        all[chosen.unwrap_or(all.len() - 1)].1.clone()
    };
    let draws = (0..draws).map(draw).collect();
    Partitions { mean, variance: moment(2) - mean * mean, draws }
}

/// Restricted growth strings: each partition once.
fn grow(weights: &Weights, labels: &mut Vec<u32>, log: f64, all: &mut Vec<(f64, Vec<u32>)>) {
    let record = labels.len();
    if record == weights.size {
        all.push((log, labels.clone()));
        return;
    }
    let clusters = labels.iter().max().map_or(0, |last| last + 1);
    for label in 0..=clusters {
        let members = (0..record).filter(|other| labels[*other] == label);
        let joined = log + weights.between(record, members);
        if joined > f64::NEG_INFINITY {
            labels.push(label);
            grow(weights, labels, joined, all);
            labels.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logit(p: f64) -> f64 {
        (p / (1.0 - p)).ln()
    }

    /// Mean and variance of the number of people, worked out by hand over all partitions.
    #[test]
    fn the_number_of_people_is_that_over_all_partitions() {
        type Pairs = &'static [((usize, usize), f64)];
        let cases: &[(usize, Pairs, f64, f64)] = &[
            (2, &[((0, 1), 0.7)], 1.30, 0.21),
            (3, &[((0, 1), 0.9), ((1, 2), 0.9), ((0, 2), 0.1)], 1.71542, 0.27474),
            (3, &[((0, 1), 0.8), ((1, 2), 0.8), ((0, 2), 0.8)], 1.18182, 0.17473),
            (3, &[((0, 1), 0.6), ((1, 2), 0.6)], 2.24992, 0.18757),
            (
                4,
                &[
                    ((0, 1), 0.95),
                    ((2, 3), 0.95),
                    ((0, 2), 0.3),
                    ((0, 3), 0.2),
                    ((1, 2), 0.2),
                    ((1, 3), 0.2),
                ],
                2.09449,
                0.10222,
            ),
        ];
        for (size, pairs, mean, variance) in cases {
            let weights = Weights::new(*size, |a, b| {
                let found = pairs.iter().find(|(pair, _)| *pair == (a, b));
                logit(found.map_or(1e-4, |(_, p)| *p))
            });
            let exact = explore(&weights, &[], 4000, 1);
            assert!((exact.mean - mean).abs() < 1e-5, "{} for {mean}", exact.mean);
            assert!((exact.variance - variance).abs() < 1e-5, "{} for {variance}", exact.variance);
            let drawn: f64 = exact.draws.iter().map(|labels| people(labels)).sum::<f64>() / 4000.0;
            assert!((drawn - mean).abs() < 0.05, "{drawn} drawn for {mean}");
        }
    }

    #[test]
    fn the_sampler_agrees_with_enumeration() {
        // Three chains of three: nine records are sampled, three times three are enumerated.
        let weight = |a: usize, b: usize| {
            logit(if a / 3 == b / 3 { [0.9, 0.9, 0.1][(a % 3 + b % 3) % 3] } else { 1e-4 })
        };
        let whole = explore(&Weights::new(9, weight), &[0; 9], 2000, 7);
        let part = explore(&Weights::new(3, weight), &[], 10, 7);
        assert!((whole.mean - 3.0 * part.mean).abs() < 0.1, "{} {}", whole.mean, part.mean);
    }
}
