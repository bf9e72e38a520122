//! Partitions of one component: all of them where they are few, draws where they are many.
//!
//! A partition's probability is in proportion to the product of p over pairs that it puts together
//! and 1 − p over pairs that it parts, which is exp of the sum of log-odds of the pairs together.
//! Drawing each pair on its own and taking what hangs together would merge far too much.

use crate::cluster::number;
use crate::model::next;

/// Records up to which all partitions are enumerated: 8 have 4,140 (Bell number).
pub(crate) const EXACT: usize = 8;

/// Sweeps of the sampler before the first draw, and between draws.
const BURN_IN: u32 = 60;
const BETWEEN: u32 = 4;

/// Log-odds between the records of a component, numbered from 0.
pub(crate) struct Weights {
    /// Per record, its edges in ascending order.
    edges: Vec<Vec<(u32, f64)>>,
    /// Log-odds of two records without an edge.
    no_edge: f64,
    /// Per record, its source if that holds nobody twice.
    exclusive: Vec<Option<u16>>,
    /// Row by row the log-odds of every two records, for a component of up to [`DENSE`].
    table: Vec<f64>,
}

/// Records up to which looking a pair up in a table beats searching it among the edges.
const DENSE: usize = 64;

impl Weights {
    pub(crate) fn new(
        edges: Vec<Vec<(u32, f64)>>,
        no_edge: f64,
        exclusive: Vec<Option<u16>>,
    ) -> Self {
        let mut weights = Self { edges, no_edge, exclusive, table: vec![] };
        let size = weights.size() as u32;
        if weights.size() <= DENSE {
            let pairs = (0..size).flat_map(|a| (0..size).map(move |b| (a, b)));
            weights.table = pairs.map(|(a, b)| weights.pair(a, b)).collect();
        }
        weights
    }

    fn size(&self) -> usize {
        self.edges.len()
    }

    /// Log-odds of two records, `-inf` if they cannot be one person.
    fn pair(&self, a: u32, b: u32) -> f64 {
        match self.exclusive[a as usize] {
            source @ Some(_) if source == self.exclusive[b as usize] => f64::NEG_INFINITY,
            _ => {
                let row = &self.edges[a as usize];
                let found = row.binary_search_by_key(&b, |(record, _)| *record);
                found.map_or(self.no_edge, |place| row[place].1)
            }
        }
    }

    /// Log-odds of one record and all of the others, `-inf` if they cannot be one person.
    fn between(&self, record: u32, others: impl Iterator<Item = u32>) -> f64 {
        if self.table.is_empty() {
            return others.map(|other| self.pair(record, other)).sum();
        }
        let row = &self.table[record as usize * self.size()..][..self.size()];
        others.map(|other| row[other as usize]).sum()
    }
}

/// What is known of the partitions of a component.
pub(crate) struct Partitions {
    /// Expected number of people.
    pub(crate) mean: f64,
    /// Its variance.
    pub(crate) variance: f64,
    /// Draw after draw, the label of each record; labels mean nothing but equality.
    pub(crate) draws: Vec<u32>,
}

/// Explores a component. `start` is a partition to begin with, `seed` decides the draws.
pub(crate) fn explore(weights: &Weights, start: &[u32], draws: u32, seed: u64) -> Partitions {
    let mut state = seed;
    if weights.size() <= EXACT {
        return enumerate(weights, draws, &mut state);
    }
    let mut sampler = Sampler::new(start);
    let (mut kept, mut counts) = (vec![], vec![]);
    for sweep in 0..BURN_IN + draws * BETWEEN {
        (0..weights.size() as u32).for_each(|record| sampler.move_one(weights, record, &mut state));
        if sweep >= BURN_IN {
            counts.push(sampler.clusters() as f64);
            if (sweep - BURN_IN).is_multiple_of(BETWEEN) {
                kept.extend_from_slice(&sampler.labels);
            }
        }
    }
    let n = counts.len().max(1) as f64;
    let mean = counts.iter().sum::<f64>() / n;
    let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / n;
    Partitions { mean, variance, draws: kept }
}

/// Gibbs sampling over partitions, one record at a time. A record joins a cluster in which it has an
/// edge, or is alone: a cluster without any edge to it has less than `exp(no_edge)` of the odds.
struct Sampler {
    labels: Vec<u32>,
    members: Vec<Vec<u32>>,
    empty: Vec<u32>,
    /// Room for the labels next to a record and for their odds, used again and again.
    near: Vec<u32>,
    options: Vec<(u32, f64)>,
}

impl Sampler {
    fn new(start: &[u32]) -> Self {
        let labels = number(start);
        let mut members = vec![vec![]; start.len()];
        labels.iter().zip(0..).for_each(|(label, record)| members[*label as usize].push(record));
        let empty = (0..start.len() as u32).filter(|label| members[*label as usize].is_empty());
        Self { empty: empty.collect(), labels, members, near: vec![], options: vec![] }
    }

    fn clusters(&self) -> usize {
        self.members.len() - self.empty.len()
    }

    fn move_one(&mut self, weights: &Weights, record: u32, state: &mut u64) {
        let old = self.labels[record as usize];
        let left = &mut self.members[old as usize];
        left.retain(|member| *member != record);
        if left.is_empty() {
            self.empty.push(old);
        }
        let near = weights.edges[record as usize].iter();
        let mut labels = std::mem::take(&mut self.near);
        labels.clear();
        labels.extend(near.map(|(other, _)| self.labels[*other as usize]));
        labels.sort_unstable();
        labels.dedup();
        labels.retain(|label| !self.members[*label as usize].is_empty());
        // Unwrap safety: there are as many labels as records, and this one has just left its own.
        let alone = *self.empty.last().expect("a label is free");
        let mut options = std::mem::take(&mut self.options);
        options.clear();
        options.push((alone, 1.0));
        for label in &labels {
            let members = self.members[*label as usize].iter().copied();
            options.push((*label, weights.between(record, members).min(700.0).exp()));
        }
        let mut rest = uniform(state) * options.iter().map(|(_, odds)| odds).sum::<f64>();
        let chosen = options.iter().find(|(_, odds)| {
            rest -= odds;
            rest < 0.0
        });
        let label = chosen.map_or(alone, |(label, _)| *label);
        if label == alone {
            self.empty.pop();
        }
        self.labels[record as usize] = label;
        self.members[label as usize].push(record);
        (self.near, self.options) = (labels, options);
    }
}

fn people(labels: &[u32]) -> f64 {
    let mut sorted = labels.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len() as f64
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
        chosen.unwrap_or(all.len() - 1)
    };
    let draws = (0..draws).map(draw).flat_map(|chosen| all[chosen].1.iter().copied()).collect();
    Partitions { mean, variance: moment(2) - mean * mean, draws }
}

/// Restricted growth strings: each partition once.
fn grow(weights: &Weights, labels: &mut Vec<u32>, log: f64, all: &mut Vec<(f64, Vec<u32>)>) {
    let record = labels.len();
    if record == weights.size() {
        all.push((log, labels.clone()));
        return;
    }
    let clusters = labels.iter().max().map_or(0, |last| last + 1);
    for label in 0..=clusters {
        let members = (0..record as u32).filter(|other| labels[*other as usize] == label);
        let joined = log + weights.between(record as u32, members);
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

    fn weights(size: u32, pairs: impl Fn(u32, u32) -> Option<f64>) -> Weights {
        let row = |a: u32| {
            let others = (0..size).filter(|b| *b != a);
            others.filter_map(|b| Some((b, logit(pairs(a.min(b), a.max(b))?)))).collect()
        };
        Weights::new((0..size).map(row).collect(), logit(1e-4), vec![None; size as usize])
    }

    /// Mean and variance of the number of people, worked out by hand over all partitions.
    #[test]
    fn the_number_of_people_is_that_over_all_partitions() {
        type Pairs = &'static [((u32, u32), f64)];
        let cases: &[(u32, Pairs, f64, f64)] = &[
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
            let weights = weights(*size, |a, b| {
                pairs.iter().find(|(pair, _)| *pair == (a, b)).map(|(_, p)| *p)
            });
            let exact = explore(&weights, &[], 4000, 1);
            assert!((exact.mean - mean).abs() < 1e-5, "{} for {mean}", exact.mean);
            assert!((exact.variance - variance).abs() < 1e-5, "{} for {variance}", exact.variance);
            let drawn: f64 = exact.draws.chunks(*size as usize).map(people).sum::<f64>() / 4000.0;
            assert!((drawn - mean).abs() < 0.05, "{drawn} drawn for {mean}");
        }
    }

    #[test]
    fn the_sampler_agrees_with_enumeration() {
        // Three chains of three: nine records are sampled, three times three are enumerated.
        let pair = |a: u32, b: u32| {
            (a / 3 == b / 3).then(|| [0.9, 0.9, 0.1][(a % 3 + b % 3) as usize % 3])
        };
        let whole = explore(&weights(9, pair), &[0; 9], 2000, 7);
        let part = explore(&weights(3, pair), &[], 10, 7);
        assert!((whole.mean - 3.0 * part.mean).abs() < 0.1, "{} {}", whole.mean, part.mean);
    }
}
