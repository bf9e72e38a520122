//! Partitions of one component: all of them where they are few, draws where they are many.
//!
//! A partition's probability is in proportion to the product of p over pairs that it puts together
//! and 1 − p over pairs that it parts, which is exp of the sum of log-odds of the pairs together.
//! Drawing each pair on its own and taking what hangs together would merge far too much.

use std::collections::HashMap;

use crate::cluster::{Graph, number};
use crate::model::next;

/// Records up to which all partitions are enumerated: 8 have 4,140 (Bell number).
const EXACT: usize = 8;

/// Sweeps of the sampler before the first draw, and between draws.
const BURN_IN: u32 = 60;
const BETWEEN: u32 = 4;

/// Records up to which looking a pair up in a table beats searching it among the edges.
const DENSE: usize = 64;

/// Log-odds between the records of a component, numbered from 0.
#[derive(Default)]
struct Weights {
    /// Where the edges of each record begin, and the end of the last.
    begins: Vec<u32>,
    /// Per record, its edges in ascending order.
    edges: Vec<(u32, f64)>,
    /// Log-odds of two records without an edge.
    no_edge: f64,
    /// Per record, its source if that holds nobody twice.
    exclusive: Vec<Option<u16>>,
    /// Row by row the log-odds of every two records, for a component of up to [`DENSE`].
    table: Vec<f64>,
}

impl Weights {
    fn clear(&mut self, no_edge: f64) {
        self.begins.clear();
        self.begins.push(0);
        self.edges.clear();
        self.exclusive.clear();
        self.no_edge = no_edge;
    }

    /// Adds a record with its edges.
    fn push(&mut self, edges: impl Iterator<Item = (u32, f64)>, exclusive: Option<u16>) {
        self.edges.extend(edges);
        self.begins.push(self.edges.len() as u32);
        self.exclusive.push(exclusive);
    }

    fn tabulate(&mut self) {
        let size = self.size();
        self.table.clear();
        if size > DENSE {
            return;
        }
        self.table.resize(size * size, self.no_edge);
        for record in 0..size {
            for (other, weight) in &self.edges[self.row(record as u32)] {
                self.table[record * size + *other as usize] = *weight;
            }
            if let source @ Some(_) = self.exclusive[record] {
                for other in (0..size).filter(|other| self.exclusive[*other] == source) {
                    self.table[record * size + other] = f64::NEG_INFINITY;
                }
            }
        }
    }

    fn size(&self) -> usize {
        self.exclusive.len()
    }

    fn row(&self, record: u32) -> std::ops::Range<usize> {
        self.begins[record as usize] as usize..self.begins[record as usize + 1] as usize
    }

    /// Log-odds of two records, `-inf` if they cannot be one person.
    fn pair(&self, a: u32, b: u32) -> f64 {
        match self.exclusive[a as usize] {
            source @ Some(_) if source == self.exclusive[b as usize] => f64::NEG_INFINITY,
            _ => {
                let row = &self.edges[self.row(a)];
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

/// Mean and variance of the number of people.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moments {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

/// Explores one component after another.
#[derive(Default)]
pub(crate) struct Explorer {
    weights: Weights,
    moments: Moments,
    drawn: Drawn,
    all: Vec<Partition>,
    reached: Vec<f64>,
    chosen: Vec<(u32, u32)>,
}

/// The clusters that draws have, each once.
#[derive(Default)]
struct Drawn {
    words: usize,
    ends: Vec<u32>,
    members: Vec<u32>,
    masks: Vec<u64>,
    known: HashMap<Vec<u32>, u32>,
}

impl Drawn {
    fn clear(&mut self, draws: u32) {
        self.words = draws.div_ceil(64) as usize;
        self.ends.clear();
        self.members.clear();
        self.masks.clear();
        self.known.clear();
    }

    /// The number of a cluster, its members ascending; one that was seen before keeps its own.
    fn number(&mut self, members: &[u32]) -> u32 {
        if let Some(known) = self.known.get(members) {
            return *known;
        }
        let number = self.ends.len() as u32;
        self.members.extend_from_slice(members);
        self.ends.push(self.members.len() as u32);
        self.masks.resize(self.masks.len() + self.words, 0);
        self.known.insert(members.to_vec(), number);
        number
    }

    fn mark(&mut self, number: u32, draw: u32) {
        self.masks[number as usize * self.words + draw as usize / 64] |= 1 << (draw % 64);
    }
}

impl Explorer {
    /// Takes up a component. Edges count for no less than `against`, as two records without one do.
    pub(crate) fn enter(&mut self, graph: &Graph, component: &[u32], against: f64) {
        self.weights.clear(against);
        for record in component {
            let row = graph.neighbours(*record).iter();
            let edges = row.filter_map(|(other, weight)| {
                let place = component.binary_search(other).ok()?;
                Some((place as u32, weight.max(against)))
            });
            self.weights.push(edges, graph.exclusive(*record));
        }
        self.weights.tabulate();
    }

    /// Explores it. `start` is a partition to begin with, `seed` decides the draws.
    pub(crate) fn explore(&mut self, start: impl Iterator<Item = u32>, draws: u32, seed: u64) {
        let mut state = seed;
        self.drawn.clear(draws);
        if self.weights.size() <= EXACT {
            self.enumerate(draws, &mut state);
        } else {
            self.sample(&start.collect::<Vec<u32>>(), draws, &mut state);
        }
    }

    /// Of the number of people in it.
    pub(crate) fn moments(&self) -> Moments {
        self.moments
    }

    /// Visits every cluster of a draw, its members in ascending order and a bit per draw.
    pub(crate) fn list(&self, mut visit: impl FnMut(&[u32], &[u64])) {
        let mut begin = 0;
        for (place, end) in self.drawn.ends.iter().enumerate() {
            let mask = &self.drawn.masks[place * self.drawn.words..][..self.drawn.words];
            visit(&self.drawn.members[begin..*end as usize], mask);
            begin = *end as usize;
        }
    }

    fn sample(&mut self, start: &[u32], draws: u32, state: &mut u64) {
        let mut sampler = Sampler::new(start);
        let mut counts = vec![];
        let mut members = vec![];
        for sweep in 0..BURN_IN + draws * BETWEEN {
            (0..start.len() as u32).for_each(|record| {
                sampler.move_one(&self.weights, record, state);
            });
            let Some(since) = sweep.checked_sub(BURN_IN) else { continue };
            counts.push(sampler.clusters() as f64);
            if since.is_multiple_of(BETWEEN) {
                for label in 0..start.len() {
                    if sampler.members[label].is_empty() {
                        continue;
                    }
                    let number = *sampler.numbers[label].get_or_insert_with(|| {
                        members.clone_from(&sampler.members[label]);
                        members.sort_unstable();
                        self.drawn.number(&members)
                    });
                    self.drawn.mark(number, since / BETWEEN);
                }
            }
        }
        let n = counts.len().max(1) as f64;
        let mean = counts.iter().sum::<f64>() / n;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / n;
        self.moments = Moments { mean, variance };
    }

    fn enumerate(&mut self, draws: u32, state: &mut u64) {
        self.all.clear();
        let none = Partition { log: 0.0, labels: [0; EXACT], clusters: 0 };
        grow(&self.weights, 0, none, &mut self.all);
        let logs = self.all.iter().map(|partition| partition.log);
        let best = logs.fold(f64::NEG_INFINITY, f64::max);
        let mut total = 0.0;
        self.reached.clear();
        self.reached.extend(self.all.iter().map(|partition| {
            total += (partition.log - best).exp();
            total
        }));
        let (mut mean, mut square, mut before) = (0.0, 0.0, 0.0);
        for (partition, reached) in self.all.iter().zip(&self.reached) {
            let people = f64::from(partition.clusters);
            mean += (reached - before) / total * people;
            square += (reached - before) / total * people * people;
            before = *reached;
        }
        self.moments = Moments { mean, variance: square - mean * mean };
        self.chosen.clear();
        for draw in 0..draws {
            let at = uniform(state) * total;
            let chosen = self.reached.partition_point(|reached| *reached <= at);
            self.chosen.push((chosen.min(self.all.len() - 1) as u32, draw));
        }
        self.chosen.sort_unstable();
        let size = self.weights.size();
        let mut members = Vec::with_capacity(EXACT);
        for draws in self.chosen.chunk_by(|a, b| a.0 == b.0) {
            let partition = self.all[draws[0].0 as usize];
            for label in 0..partition.clusters {
                members.clear();
                let of = |member: &u32| partition.labels[*member as usize] == label;
                members.extend((0..size as u32).filter(of));
                let number = self.drawn.number(&members);
                draws.iter().for_each(|(_, draw)| self.drawn.mark(number, *draw));
            }
        }
    }
}

/// Gibbs sampling over partitions, one record at a time. A record joins a cluster in which it has an
/// edge, or is alone: a cluster without any edge to it has less than `exp(no_edge)` of the odds.
struct Sampler {
    labels: Vec<u32>,
    members: Vec<Vec<u32>>,
    /// Per label, the number of its cluster among those drawn, unless it has changed since.
    numbers: Vec<Option<u32>>,
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
        Self {
            empty: empty.collect(),
            labels,
            members,
            numbers: vec![None; start.len()],
            near: vec![],
            options: vec![],
        }
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
        let near = weights.edges[weights.row(record)].iter();
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
        if label != old {
            self.numbers[old as usize] = None;
            self.numbers[label as usize] = None;
        }
        self.labels[record as usize] = label;
        self.members[label as usize].push(record);
        (self.near, self.options) = (labels, options);
    }
}

fn uniform(state: &mut u64) -> f64 {
    (next(state) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A partition of the first records, with labels from 0 in the order in which they first occur.
#[derive(Clone, Copy)]
struct Partition {
    log: f64,
    labels: [u8; EXACT],
    clusters: u8,
}

/// Restricted growth strings: each partition once.
fn grow(weights: &Weights, record: usize, before: Partition, all: &mut Vec<Partition>) {
    let size = weights.size();
    if record == size {
        all.push(before);
        return;
    }
    let mut sums = [0.0; EXACT + 1];
    for (label, weight) in before.labels[..record].iter().zip(&weights.table[record * size..]) {
        sums[usize::from(*label)] += weight;
    }
    for label in 0..=before.clusters {
        let log = before.log + sums[usize::from(label)];
        if log > f64::NEG_INFINITY {
            let mut labels = before.labels;
            labels[record] = label;
            let clusters = before.clusters.max(label + 1);
            grow(weights, record + 1, Partition { log, labels, clusters }, all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logit(p: f64) -> f64 {
        (p / (1.0 - p)).ln()
    }

    /// Explores records of whom some pairs have an edge of so much probability, from all in one
    /// cluster, and returns the mean over the draws, too.
    fn explore(
        size: u32,
        pairs: impl Fn(u32, u32) -> Option<f64>,
        draws: u32,
        seed: u64,
    ) -> (Moments, f64) {
        let mut explorer = Explorer::default();
        explorer.weights.clear(logit(1e-4));
        for a in 0..size {
            let others = (0..size).filter(|b| *b != a);
            let edges = others.filter_map(|b| Some((b, logit(pairs(a.min(b), a.max(b))?))));
            explorer.weights.push(edges, None);
        }
        explorer.weights.tabulate();
        explorer.explore((0..size).map(|_| 0), draws, seed);
        let (mut clusters, mut records) = (0, 0);
        explorer.list(|members, mask| {
            let times: u32 = mask.iter().map(|word| word.count_ones()).sum();
            clusters += times;
            records += times * members.len() as u32;
        });
        assert_eq!(records, size * draws, "every draw has every record once");
        (explorer.moments(), f64::from(clusters) / f64::from(draws))
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
            let edge = |a, b| pairs.iter().find(|(pair, _)| *pair == (a, b)).map(|(_, p)| *p);
            let (exact, drawn) = explore(*size, edge, 4000, 1);
            assert!((exact.mean - mean).abs() < 1e-5, "{} for {mean}", exact.mean);
            assert!((exact.variance - variance).abs() < 1e-5, "{} for {variance}", exact.variance);
            assert!((drawn - mean).abs() < 0.05, "{drawn} drawn for {mean}");
        }
    }

    #[test]
    fn the_sampler_agrees_with_enumeration() {
        // Three chains of three: nine records are sampled, three times three are enumerated.
        let pair = |a: u32, b: u32| {
            (a / 3 == b / 3).then(|| [0.9, 0.9, 0.1][(a % 3 + b % 3) as usize % 3])
        };
        let (whole, drawn) = explore(9, pair, 2000, 7);
        let (part, _) = explore(3, pair, 10, 7);
        assert!((whole.mean - 3.0 * part.mean).abs() < 0.1, "{} {}", whole.mean, part.mean);
        assert!((whole.mean - drawn).abs() < 0.1, "{} {drawn}", whole.mean);
    }
}
