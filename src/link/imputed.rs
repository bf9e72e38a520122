//! Joins that nothing tells of, drawn at random: which of the badly written records belong to somebody
//! else's cluster, and to whose, nobody can say, but how many do is estimated (`unseen.rs`). Each draw
//! takes as many of them as may well be missing and puts each to a cluster with the same codes, one of
//! many records sooner than one of few, as who is met often is badly written more often too. So every
//! number that is counted on draws contains them, and its interval their uncertainty (multiple imputation: Rubin, *Multiple Imputation for Nonresponse in Surveys*, 1987).

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;
use samenloop_schema::Draws;

use crate::cluster::Graph;
use crate::members::Members;
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

/// Clusters whose draws one thread puts together at a time.
const TOGETHER: usize = 256;

/// The draws with missing joins. Each draw has random numbers of its own, so that all are made side by
/// side.
pub(crate) fn impute(
    population: &Population,
    graph: &Graph,
    members: &Members,
    unseen: &[Unseen],
    draws: &Draws,
    seed: u64,
) -> Draws {
    let again = again(population, members);
    let homes = Homes::new(population, graph, members, draws);
    let joins: Vec<Vec<Join>> = (0..draws.number())
        .into_par_iter()
        .map(|draw| {
            let mut state = seed ^ u64::from(draw).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            Draw { homes: &homes, draw, gone: HashSet::new(), joined: HashMap::new() }
                .joins(unseen, &again, &mut state)
        })
        .collect();
    let mut joins = joins.concat();
    joins.par_sort();
    homes.relist(draws, &joins)
}

/// A record that is put to a cluster in a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Join {
    home: u32,
    draw: u32,
    record: u32,
}

/// The clusters that a record can be put to, in every draw.
struct Homes<'a> {
    population: &'a Population,
    graph: &'a Graph,
    members: &'a Members,
    /// The clusters that no draw has otherwise, or that are one record; once for each of their records,
    /// all of them and by their codes.
    all: Vec<u32>,
    by_codes: HashMap<Vec<u16>, Vec<u32>>,
    /// Per record that is a cluster, the draws in which it is alone.
    alone: HashMap<u32, Vec<u64>>,
}

impl<'a> Homes<'a> {
    fn new(
        population: &'a Population,
        graph: &'a Graph,
        members: &'a Members,
        draws: &Draws,
    ) -> Self {
        let listed = draws.lists(population.len());
        let mut singles = HashMap::<u32, &[u64]>::new();
        for (records, mask) in draws.clusters() {
            if let [record] = records {
                singles.insert(*record, mask);
            }
        }
        let (mut all, mut by_codes) = (vec![], HashMap::<Vec<u16>, Vec<u32>>::new());
        let mut alone = HashMap::new();
        for (cluster, own) in (0..).zip(members.iter()) {
            let Some(first) = own.first() else { continue };
            let global = population.global[*first as usize];
            match (own.len(), listed[global as usize]) {
                (1, false) => {
                    alone.insert(*first, draws.every());
                }
                (1, true) => {
                    let Some(mask) = singles.get(&global) else { continue };
                    alone.insert(*first, mask.to_vec());
                }
                (_, true) => continue,
                (_, false) => {}
            }
            let homes = std::iter::repeat_n(cluster, own.len());
            by_codes.entry(codes(population, *first)).or_default().extend(homes.clone());
            all.extend(homes);
        }
        Self { population, graph, members, all, by_codes, alone }
    }

    /// The draws with the joins, which are sorted.
    fn relist(&self, draws: &Draws, joins: &[Join]) -> Draws {
        let every = draws.every();
        let mut alone: HashMap<u32, Vec<u64>> = HashMap::new();
        for join in joins {
            let single = match self.members.cluster(join.home) {
                [single] => Some(*single),
                _ => None,
            };
            for record in single.into_iter().chain([join.record]) {
                let mask = alone.entry(record).or_insert_with(|| self.alone[&record].clone());
                mask[join.draw as usize / 64] &= !(1 << (join.draw % 64));
            }
        }
        let mut touched: Vec<(u32, &Vec<u64>)> = alone.iter().map(|(r, mask)| (*r, mask)).collect();
        touched.par_sort_unstable();
        let global = |record: &u32| self.population.global[*record as usize];
        let moved: HashSet<u32> = touched.iter().map(|(record, _)| global(record)).collect();
        let mut all = Draws::new(draws.number());
        for (records, mask) in draws.clusters() {
            if !matches!(records, [record] if moved.contains(record)) {
                all.push(records.iter().copied(), mask);
            }
        }
        for (record, mask) in touched {
            if mask.iter().any(|word| *word != 0) {
                all.push([global(&record)], mask);
            }
        }
        let by_home: Vec<&[Join]> = joins.chunk_by(|a, b| a.home == b.home).collect();
        let put_together = |homes: &[&[Join]]| {
            let mut found = Draws::new(draws.number());
            for joins in homes {
                let members = self.members.cluster(joins[0].home);
                let mut rest = every.clone();
                let mut with = BTreeMap::<Vec<u32>, Vec<u64>>::new();
                for joins in joins.chunk_by(|a, b| a.draw == b.draw) {
                    let (word, bit) = (joins[0].draw as usize / 64, 1 << (joins[0].draw % 64));
                    rest[word] &= !bit;
                    let records = joins.iter().map(|join| join.record).collect();
                    with.entry(records).or_insert_with(|| vec![0; draws.words()])[word] |= bit;
                }
                if members.len() > 1 && rest.iter().any(|word| *word != 0) {
                    found.push(members.iter().map(global), &rest);
                }
                for (records, mask) in with {
                    found.push(members.iter().chain(&records).map(global), &mask);
                }
            }
            found
        };
        let found: Vec<Draws> = by_home.par_chunks(TOGETHER).map(put_together).collect();
        found.into_iter().for_each(|found| all.append(found));
        all
    }
}

/// One draw while it is made.
struct Draw<'a> {
    homes: &'a Homes<'a>,
    draw: u32,
    /// Records that were alone and are no longer.
    gone: HashSet<u32>,
    /// Per cluster that somebody was put to, who.
    joined: HashMap<u32, Vec<u32>>,
}

impl Draw<'_> {
    /// Takes as many records of each class as may well be missing and puts each to a cluster.
    fn joins(mut self, unseen: &[Unseen], again: &[f64], state: &mut u64) -> Vec<Join> {
        let doubt = DOUBT * normal(state);
        for class in unseen {
            let mut order = class.alone.clone();
            let spread = class.variance.sqrt() * normal(state);
            let missing = (LOW * class.mean * (1.0 + doubt) + spread).round().max(0.0) as usize;
            for place in 0..missing.min(order.len()) {
                let other = place + below(state, order.len() - place);
                order.swap(place, other);
                self.join(order[place], again, state);
            }
        }
        let of = |(home, records): (u32, Vec<u32>)| {
            records.into_iter().map(move |record| Join { home, draw: self.draw, record })
        };
        self.joined.into_iter().flat_map(of).collect()
    }

    fn is_alone(&self, record: u32) -> bool {
        let mask = self.homes.alone.get(&record);
        mask.is_some_and(|mask| Draws::has(mask, self.draw as usize))
            && !self.gone.contains(&record)
    }

    /// Puts a record that is alone to a random cluster whose members fit, if there is one: mostly with its
    /// codes, unless they are rare.
    fn join(&mut self, record: u32, again: &[f64], state: &mut u64) {
        if !self.is_alone(record) {
            return;
        }
        let Homes { population, graph, members, all, by_codes, .. } = self.homes;
        // One source seldom has somebody twice.
        let source = population.source[record as usize];
        let twice = uniform(state) < again[usize::from(source)];
        let alike = by_codes.get(&codes(population, record));
        let right = |clusters: &&Vec<u32>| {
            let records = clusters.len() as f64;
            uniform(state) * (records + MISTAKEN) < records
        };
        let clusters = alike.filter(right).unwrap_or(all);
        let there = |cluster: u32| {
            let own = members.cluster(cluster);
            let joined = self.joined.get(&cluster).into_iter().flatten();
            let known = |member: &u32| population.source[*member as usize] == source;
            let with = || own.iter().chain(joined.clone());
            (own.len() > 1 || (own[0] != record && self.is_alone(own[0])))
                && with().any(known) == twice
                && with().all(|member| graph.compatible(record, *member))
        };
        let mut tried = (0..TRIES).map(|_| clusters[below(state, clusters.len())]);
        let found = tried.find(|cluster| there(*cluster));
        // Where few fit, the next one that does; clusters stand in the order of digests.
        let (before, from) = clusters.split_at(below(state, clusters.len()));
        let mut turn = from.iter().chain(before).copied();
        let Some(home) = found.or_else(|| turn.find(|cluster| there(*cluster))) else { return };
        self.gone.insert(record);
        if let [single] = members.cluster(home)[..] {
            self.gone.insert(single);
        }
        self.joined.entry(home).or_default().push(record);
    }
}

/// Per source, the share of its linked records that are linked with another one of it.
fn again(population: &Population, members: &Members) -> Vec<f64> {
    let mut linked = vec![[0.0_f64; 2]; population.may_hold_duplicates.len()];
    let source = |record: &u32| population.source[*record as usize];
    for records in members.iter().filter(|records| records.len() > 1) {
        for own in records.iter().map(source) {
            let times = records.iter().filter(|other| source(other) == own).count();
            linked[usize::from(own)][usize::from(times > 1)] += 1.0;
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
