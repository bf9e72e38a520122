//! Joins that nothing tells of, drawn at random: which of the badly written records belong to somebody
//! else's cluster, and to whose, nobody can say, but how many do is estimated (`unseen.rs`). Each draw
//! takes as many of them as may well be missing and puts each to a cluster with the same codes, one of
//! many records sooner than one of few, as who is met often is badly written more often too. So every
//! number that is counted on draws contains them, and its interval their uncertainty (multiple imputation: Rubin, *Multiple Imputation for Nonresponse in Surveys*, 1987).

use std::collections::{BTreeMap, HashMap};

use samenloop_schema::Draws;

use crate::cluster::Graph;
use crate::partitions::uniform;
use crate::population::Population;
use crate::unseen::Unseen;

/// Standard deviation of the number of missing joins, as a share of it, beyond what the estimate says
/// of itself: it cannot know how far the traps fail together.
const DOUBT: f64 = 0.25;

/// By how much more joins are missing than the estimate says, which is a lower bound: on synthetic
/// rounds (seeds 11 to 14) its mean was 0.87 of the truth.
const LOW: f64 = 1.2;

/// Codes that so many records share are as likely to be right as to be a mistake, in a record that is
/// written badly: its person may then have any other codes.
const MISTAKEN: f64 = 20.0;

/// Random clusters that are tried before the next that fits is taken.
const TRIES: usize = 64;

/// The draws with missing joins.
pub(crate) fn impute(
    population: &Population,
    graph: &Graph,
    clusters: &[u32],
    unseen: &[Unseen],
    draws: &Draws,
    seed: u64,
) -> Draws {
    let mut round = Round::new(population, clusters, draws);
    let again = again(population, clusters);
    let mut state = seed;
    let mut orders: Vec<Vec<u32>> = unseen.iter().map(|class| class.alone.clone()).collect();
    for draw in 0..draws.number() as usize {
        let doubt = DOUBT * normal(&mut state);
        for (class, order) in unseen.iter().zip(&mut orders) {
            let spread = class.variance.sqrt() * normal(&mut state);
            let missing = (LOW * class.mean * (1.0 + doubt) + spread).round().max(0.0) as usize;
            for place in 0..missing.min(order.len()) {
                let other = place + below(&mut state, order.len() - place);
                order.swap(place, other);
                let record = order[place];
                // One source seldom has somebody twice.
                let source = population.source[record as usize];
                let twice = uniform(&mut state) < again[usize::from(source)];
                let fits = |members: &[u32]| {
                    let known = members.iter().any(|m| population.source[*m as usize] == source);
                    known == twice && members.iter().all(|m| graph.compatible(record, *m))
                };
                round.join(record, draw, &mut state, fits);
            }
        }
    }
    round.relist(draws)
}

/// Who is alone in which draw, and who was put to whom.
struct Round<'a> {
    population: &'a Population,
    /// Records of each cluster that no draw has otherwise, or that is one record.
    members: Vec<Vec<u32>>,
    /// The clusters that are there, once for each of their records, all and by their codes.
    all: Vec<u32>,
    by_codes: HashMap<Vec<u16>, Vec<u32>>,
    /// Per record that is a cluster, the draws in which it is alone.
    alone: BTreeMap<u32, Vec<u64>>,
    /// Per cluster that somebody was put to and draw, who.
    joined: BTreeMap<u32, BTreeMap<usize, Vec<u32>>>,
}

impl<'a> Round<'a> {
    fn new(population: &'a Population, clusters: &[u32], draws: &Draws) -> Self {
        let count = clusters.iter().max().map_or(0, |last| *last as usize + 1);
        let mut sizes = vec![0_u32; count];
        clusters.iter().for_each(|cluster| sizes[*cluster as usize] += 1);
        let listed = draws.lists(clusters.len());
        let mut singles = HashMap::<u32, &[u64]>::new();
        for (records, mask) in draws.clusters() {
            if let [record] = records {
                singles.insert(*record, mask);
            }
        }
        let mut members: Vec<Vec<u32>> = vec![vec![]; count];
        let mut alone = BTreeMap::new();
        for (record, cluster) in (0..).zip(clusters) {
            let global = population.global[record as usize];
            let single = sizes[*cluster as usize] == 1;
            if single && listed[global as usize] {
                let Some(mask) = singles.get(&global) else { continue };
                alone.insert(record, mask.to_vec());
            } else if single {
                alone.insert(record, draws.every());
            } else if listed[global as usize] {
                continue;
            }
            members[*cluster as usize].push(record);
        }
        let (mut all, mut by_codes) = (vec![], HashMap::<Vec<u16>, Vec<u32>>::new());
        for (cluster, members) in (0..).zip(&members) {
            let Some(first) = members.first() else { continue };
            let homes = std::iter::repeat_n(cluster, members.len());
            by_codes.entry(codes(population, *first)).or_default().extend(homes.clone());
            all.extend(homes);
        }
        Self { population, members, all, by_codes, alone, joined: BTreeMap::new() }
    }

    fn is_alone(&self, record: u32, draw: usize) -> bool {
        self.alone.get(&record).is_some_and(|mask| Draws::has(mask, draw))
    }

    fn no_longer_alone(&mut self, record: u32, draw: usize) {
        if let Some(mask) = self.alone.get_mut(&record) {
            mask[draw / 64] &= !(1 << (draw % 64));
        }
    }

    /// Puts a record that is alone in a draw to a random cluster whose members fit, if there is one: mostly
    /// with its codes, unless they are rare.
    fn join(&mut self, record: u32, draw: usize, state: &mut u64, fits: impl Fn(&[u32]) -> bool) {
        if !self.is_alone(record, draw) {
            return;
        }
        let alike = self.by_codes.get(&codes(self.population, record));
        let right = |clusters: &&Vec<u32>| {
            let records = clusters.len() as f64;
            uniform(state) * (records + MISTAKEN) < records
        };
        let clusters = alike.filter(right).unwrap_or(&self.all);
        let mut with = vec![];
        let mut there = |cluster: u32| {
            let members = &self.members[cluster as usize];
            let joined = self.joined.get(&cluster).and_then(|draws| draws.get(&draw));
            with.clear();
            with.extend(members.iter().chain(joined.into_iter().flatten()));
            (members.len() > 1 || (members[0] != record && self.is_alone(members[0], draw)))
                && fits(&with)
        };
        let mut tried = (0..TRIES).map(|_| clusters[below(state, clusters.len())]);
        let found = tried.find(|cluster| there(*cluster));
        // Where few fit, the next one that does; clusters stand in the order of digests.
        let (before, from) = clusters.split_at(below(state, clusters.len()));
        let mut turn = from.iter().chain(before).copied();
        let Some(home) = found.or_else(|| turn.find(|cluster| there(*cluster))) else { return };
        self.no_longer_alone(record, draw);
        if let [single] = self.members[home as usize][..] {
            self.no_longer_alone(single, draw);
        }
        self.joined.entry(home).or_default().entry(draw).or_default().push(record);
    }

    /// The draws with the joins.
    fn relist(&self, draws: &Draws) -> Draws {
        let global = |record: &u32| self.population.global[*record as usize];
        let every = draws.every();
        let touched: BTreeMap<u32, &Vec<u64>> = self
            .alone
            .iter()
            .filter(|(_, mask)| **mask != every)
            .map(|(record, mask)| (global(record), mask))
            .collect();
        let mut all = Draws::new(draws.number());
        let mut push = |records: &mut dyn Iterator<Item = u32>, mask: &[u64]| {
            if mask.iter().any(|word| *word != 0) {
                all.push(records, mask);
            }
        };
        for (records, mask) in draws.clusters() {
            if !matches!(records, [record] if touched.contains_key(record)) {
                push(&mut records.iter().copied(), mask);
            }
        }
        for (record, mask) in &touched {
            push(&mut std::iter::once(*record), mask);
        }
        for (home, by_draw) in &self.joined {
            let members = &self.members[*home as usize];
            let mut rest = every.clone();
            let mut with = BTreeMap::<&[u32], Vec<u64>>::new();
            for (draw, records) in by_draw {
                let (word, bit) = (draw / 64, 1 << (draw % 64));
                rest[word] &= !bit;
                with.entry(records).or_insert_with(|| vec![0; draws.words()])[word] |= bit;
            }
            if members.len() > 1 {
                push(&mut members.iter().map(global), &rest);
            }
            for (records, mask) in with {
                push(&mut members.iter().chain(records).map(global), &mask);
            }
        }
        all
    }
}

/// Per source, the share of its linked records that are linked with another one of it.
fn again(population: &Population, clusters: &[u32]) -> Vec<f64> {
    let count = clusters.iter().max().map_or(0, |last| *last as usize + 1);
    let mut members: Vec<Vec<u16>> = vec![vec![]; count];
    clusters
        .iter()
        .zip(&population.source)
        .for_each(|(cluster, source)| members[*cluster as usize].push(*source));
    let mut linked = vec![[0.0_f64; 2]; population.may_hold_duplicates.len()];
    for sources in members.iter().filter(|sources| sources.len() > 1) {
        for source in sources {
            let times = sources.iter().filter(|other| *other == source).count();
            linked[usize::from(*source)][usize::from(times > 1)] += 1.0;
        }
    }
    linked.iter().map(|[once, more]| more / (once + more).max(1.0)).collect()
}

fn codes(population: &Population, record: u32) -> Vec<u16> {
    population.codes.iter().map(|code| code[record as usize]).collect()
}

/// A number below `end`, which is not 0.
fn below(state: &mut u64, end: usize) -> usize {
    (uniform(state) * end as f64) as usize
}

/// A standard normal deviate, as the sum of twelve uniform ones: never beyond 6.
pub(crate) fn normal(state: &mut u64) -> f64 {
    (0..12).map(|_| uniform(state)).sum::<f64>() - 6.0
}
