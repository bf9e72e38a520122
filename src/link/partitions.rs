//! Partitions of one component: all of them where they are few, draws where they are many.
//!
//! Were pairs independent, a partition's probability would be in proportion to the product of p over the
//! pairs that it puts together and 1 − p over those that it parts, which is exp of the sum of log-odds of
//! the pairs together. But the records of a cluster are alike, and so is what they say of another one: a
//! badly written record resembles one of its person's records and fails with all the others for the same
//! reason. So only a maximum spanning tree of a cluster counts whole, and what its further pairs say in
//! part. Drawing each pair on its own and taking what hangs together would merge far too much.

use std::collections::HashMap;

use crate::cluster::{Graph, MIN_LOG_ODDS, number};
use crate::model::next;

/// Records up to which all partitions are enumerated: 8 have 4,140 (Bell number).
const EXACT: usize = 8;

/// Sweeps of the sampler before the first draw, and between draws.
const BURN_IN: u32 = 60;
const BETWEEN: u32 = 4;

/// Records up to which looking a pair up in a table beats searching it among the edges.
const DENSE: usize = 64;

/// What counts of the pairs of a cluster beyond those that hold it together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Further {
    /// Share of their log-odds.
    pub(crate) share: f64,
    /// The least that a pair's log-odds count for.
    pub(crate) least: f64,
}

/// Log-odds between the records of a component, numbered from 0.
#[derive(Default)]
struct Weights {
    /// Where the edges of each record begin, and the end of the last.
    begins: Vec<u32>,
    /// Per record, its edges in ascending order.
    edges: Vec<(u32, f64)>,
    /// Log-odds of two records without an edge.
    no_edge: f64,
    /// What counts of pairs beyond a cluster's spanning tree.
    further: Further,
    /// Per record, its source if that holds nobody twice.
    exclusive: Vec<Option<u16>>,
    /// Row by row the log-odds of every two records, for a component of up to [`DENSE`].
    table: Vec<f64>,
}

impl Weights {
    fn clear(&mut self, no_edge: f64, further: Further) {
        self.further = further;
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

    /// Log-odds that records are one person, `-inf` if they cannot be. `room` is used again and again.
    fn together(&self, records: impl Iterator<Item = u32>, room: &mut Vec<(u32, f64)>) -> f64 {
        let pair = |a: u32, b: u32| match self.table.is_empty() {
            true => self.pair(a, b),
            false => self.table[a as usize * self.size() + b as usize],
        };
        let mut records = records;
        let Some(mut last) = records.next() else { return 0.0 };
        room.clear();
        room.extend(records.map(|record| (record, f64::NEG_INFINITY)));
        let (mut tree, mut rest) = (0.0, 0.0);
        // Prim's algorithm: of those outside, the one with the strongest edge comes in.
        while !room.is_empty() {
            let mut strongest = 0;
            for place in 0..room.len() {
                let (record, edge) = room[place];
                let weight = pair(last, record);
                if weight == f64::NEG_INFINITY {
                    return weight;
                }
                rest += weight.max(self.further.least);
                room[place].1 = edge.max(weight);
                if room[place].1 > room[strongest].1 {
                    strongest = place;
                }
            }
            let (record, edge) = room.swap_remove(strongest);
            tree += edge;
            rest -= edge.max(self.further.least);
            last = record;
        }
        tree + self.further.share * rest
    }
}

/// Explores one component after another.
#[derive(Default)]
pub(crate) struct Explorer {
    weights: Weights,
    drawn: Drawn,
    all: Vec<Partition>,
    /// Per set of records, as bits, the log-odds that they are one person.
    sets: Vec<f64>,
    room: Vec<(u32, f64)>,
    /// Sum of the odds of the first partitions; the first sum is of none.
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
    /// Takes up a component.
    pub(crate) fn enter(&mut self, graph: &Graph, component: &[u32], further: Further) {
        self.weights.clear(MIN_LOG_ODDS, further);
        for record in component {
            let row = graph.neighbours(*record).iter();
            let edges = row.filter_map(|(other, weight)| {
                let place = component.binary_search(other).ok()?;
                Some((place as u32, *weight))
            });
            self.weights.push(edges, graph.exclusive(*record));
        }
        self.weights.tabulate();
    }

    /// Explores it with a draw for each of `odds`, by which the odds of every join are multiplied in that
    /// draw. `start` is a partition to begin with, `seed` decides the draws.
    pub(crate) fn explore(&mut self, start: impl Iterator<Item = u32>, odds: &[f64], seed: u64) {
        let mut state = seed;
        self.drawn.clear(odds.len() as u32);
        if self.weights.size() <= EXACT {
            self.enumerate(odds, &mut state);
        } else {
            self.sample(&start.collect::<Vec<u32>>(), odds, &mut state);
        }
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

    fn sample(&mut self, start: &[u32], odds: &[f64], state: &mut u64) {
        let mut sampler = Sampler::new(start);
        let mut members = vec![];
        for (draw, odds) in (0..).zip(odds) {
            for _ in 0..if draw == 0 { BURN_IN } else { BETWEEN } {
                for record in 0..start.len() as u32 {
                    sampler.move_one(&self.weights, record, *odds, state);
                }
            }
            for label in 0..start.len() {
                if sampler.members[label].is_empty() {
                    continue;
                }
                let number = *sampler.numbers[label].get_or_insert_with(|| {
                    members.clone_from(&sampler.members[label]);
                    members.sort_unstable();
                    self.drawn.number(&members)
                });
                self.drawn.mark(number, draw);
            }
        }
    }

    /// Lists every partition of the component, by number of clusters, and the odds reached with it.
    fn list_all(&mut self) {
        self.all.clear();
        self.sets.clear();
        let size = self.weights.size();
        for set in 0..1_u32 << size {
            let records = (0..size as u32).filter(|record| set >> record & 1 == 1);
            self.sets.push(self.weights.together(records, &mut self.room));
        }
        let none = Partition { log: 0.0, labels: [0; EXACT], sets: [0; EXACT], clusters: 0 };
        grow(&self.sets, size, 0, none, &mut self.all);
        self.all.sort_by_key(|partition| partition.clusters);
        let logs = self.all.iter().map(|partition| partition.log);
        let best = logs.fold(f64::NEG_INFINITY, f64::max);
        let mut total = 0.0;
        self.reached.clear();
        self.reached.push(0.0);
        self.reached.extend(self.all.iter().map(|partition| {
            total += (partition.log - best).exp();
            total
        }));
    }

    fn enumerate(&mut self, odds: &[f64], state: &mut u64) {
        self.list_all();
        let size = self.weights.size();
        let end_of = |clusters: usize| {
            self.all.partition_point(|partition| usize::from(partition.clusters) <= clusters)
        };
        let ends: [usize; EXACT + 1] = std::array::from_fn(end_of);
        self.chosen.clear();
        for (draw, odds) in (0..).zip(odds) {
            // So many clusters, so many joins: odds only change how likely a number of clusters is.
            let mut reached = [0.0; EXACT + 1];
            for clusters in 1..=size {
                let own = self.reached[ends[clusters]] - self.reached[ends[clusters - 1]];
                reached[clusters] =
                    reached[clusters - 1] + own * odds.powi((size - clusters) as i32);
            }
            let at = uniform(state) * reached[size];
            let clusters = (1..size).find(|clusters| at < reached[*clusters]).unwrap_or(size);
            let [begin, end] = [ends[clusters - 1], ends[clusters]];
            let own = self.reached[end] - self.reached[begin];
            let at = self.reached[begin] + uniform(state) * own;
            let chosen = self.reached[begin + 1..end].partition_point(|reached| *reached <= at);
            self.chosen.push(((begin + chosen) as u32, draw));
        }
        self.chosen.sort_unstable();
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
    /// Per label, the log-odds that its cluster is one person, unless it has changed since.
    together: Vec<Option<f64>>,
    empty: Vec<u32>,
    /// Room for the labels next to a record and for their odds, used again and again.
    near: Vec<u32>,
    options: Vec<(u32, f64)>,
    room: Vec<(u32, f64)>,
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
            together: vec![None; start.len()],
            near: vec![],
            options: vec![],
            room: vec![],
        }
    }

    fn move_one(&mut self, weights: &Weights, record: u32, odds: f64, state: &mut u64) {
        let old = self.labels[record as usize];
        let left = &mut self.members[old as usize];
        left.retain(|member| *member != record);
        self.together[old as usize] = None;
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
            let members = || self.members[*label as usize].iter().copied();
            let without = *self.together[*label as usize]
                .get_or_insert_with(|| weights.together(members(), &mut self.room));
            let with = weights.together(members().chain([record]), &mut self.room);
            options.push((*label, odds * (with - without).min(600.0).exp()));
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
        self.together[label as usize] = None;
        (self.near, self.options) = (labels, options);
    }
}

/// A number from 0 to below 1.
pub(crate) fn uniform(state: &mut u64) -> f64 {
    (next(state) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A partition of the first records, with labels from 0 in the order in which they first occur.
#[derive(Clone, Copy)]
struct Partition {
    log: f64,
    labels: [u8; EXACT],
    /// Per label, its records as bits.
    sets: [u8; EXACT],
    clusters: u8,
}

/// Restricted growth strings: each partition once. `together` has the log-odds of each set.
fn grow(together: &[f64], size: usize, record: usize, before: Partition, all: &mut Vec<Partition>) {
    if record == size {
        all.push(before);
        return;
    }
    for label in 0..=before.clusters {
        let old = before.sets.get(usize::from(label)).copied().unwrap_or(0);
        let new = old | 1 << record;
        let log = before.log + together[usize::from(new)] - together[usize::from(old)];
        if log > f64::NEG_INFINITY {
            let mut after = Partition { log, ..before };
            after.labels[record] = label;
            after.sets[usize::from(label)] = new;
            after.clusters = before.clusters.max(label + 1);
            grow(together, size, record + 1, after, all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logit(p: f64) -> f64 {
        (p / (1.0 - p)).ln()
    }

    /// Takes up records of whom some pairs have an edge of so much probability.
    fn enter(size: u32, pairs: impl Fn(u32, u32) -> Option<f64>, further: f64) -> Explorer {
        let mut explorer = Explorer::default();
        let further = Further { share: further, least: f64::NEG_INFINITY };
        explorer.weights.clear(logit(1e-4), further);
        for a in 0..size {
            let others = (0..size).filter(|b| *b != a);
            let edges = others.filter_map(|b| Some((b, logit(pairs(a.min(b), a.max(b))?))));
            explorer.weights.push(edges, None);
        }
        explorer.weights.tabulate();
        explorer
    }

    /// Mean and variance of the number of people over all partitions.
    fn moments(explorer: &mut Explorer) -> (f64, f64) {
        explorer.list_all();
        let odds = explorer.reached.windows(2).map(|reached| reached[1] - reached[0]);
        let total = explorer.reached.last().expect("a partition");
        let people = explorer.all.iter().map(|partition| f64::from(partition.clusters));
        let (mean, square) = odds.zip(people).fold((0.0, 0.0), |(mean, square), (odds, people)| {
            (mean + odds / total * people, square + odds / total * people * people)
        });
        (mean, square - mean * mean)
    }

    /// Mean number of people over draws in which joins have so much better odds.
    fn drawn(explorer: &mut Explorer, draws: usize, odds: f64) -> f64 {
        let size = explorer.weights.size() as u32;
        explorer.explore((0..size).map(|_| 0), &vec![odds; draws], 7);
        let (mut clusters, mut records) = (0, 0);
        explorer.list(|members, mask| {
            let times: u32 = mask.iter().map(|word| word.count_ones()).sum();
            clusters += times;
            records += times * members.len() as u32;
        });
        assert_eq!(records as usize, size as usize * draws, "every draw has every record once");
        f64::from(clusters) / draws as f64
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
            let mut explorer = enter(*size, edge, 1.0);
            let exact = moments(&mut explorer);
            assert!((exact.0 - mean).abs() < 1e-5, "{} for {mean}", exact.0);
            assert!((exact.1 - variance).abs() < 1e-5, "{} for {variance}", exact.1);
            let drawn = drawn(&mut explorer, 4000, 1.0);
            assert!((drawn - mean).abs() < 0.05, "{drawn} drawn for {mean}");
        }
    }

    #[test]
    fn a_badly_written_record_joins_where_it_fits_best() {
        // The last resembles one of three records of one person, and none of the two others.
        let edge = |a: u32, b: u32| match (a, b) {
            (2, 3) => Some(0.9),
            (_, 3) => Some(0.2),
            _ => Some(0.999),
        };
        let apart = |further: f64| moments(&mut enter(4, edge, further)).0 - 1.0;
        assert!(apart(1.0) > 0.3, "as if pairs were independent: {}", apart(1.0));
        assert!(apart(0.3) < 0.22, "{}", apart(0.3));
    }

    #[test]
    fn better_odds_of_joins_make_fewer_people() {
        let chain = |a: u32, b: u32| (b == a + 1).then_some(0.5);
        for size in [4, 9] {
            let people =
                [0.2, 1.0, 5.0].map(|odds| drawn(&mut enter(size, chain, 0.3), 1000, odds));
            assert!(people.is_sorted_by(|a, b| *a > b + 0.3), "{people:?}");
        }
        // Two records: the odds of one person are the odds given.
        let people = drawn(&mut enter(2, |_, _| Some(0.5), 0.3), 4000, 3.0);
        assert!((people - 1.25).abs() < 0.03, "{people}");
    }

    #[test]
    fn the_sampler_agrees_with_enumeration() {
        // Three chains of three: nine records are sampled, three times three are enumerated.
        let pair = |a: u32, b: u32| {
            (a / 3 == b / 3).then(|| [0.9, 0.9, 0.1][(a % 3 + b % 3) as usize % 3])
        };
        for further in [1.0, 0.3] {
            let whole = drawn(&mut enter(9, pair, further), 4000, 1.0);
            let (part, _) = moments(&mut enter(3, pair, further));
            assert!((whole - 3.0 * part).abs() < 0.1, "{whole} {part}");
        }
    }
}
