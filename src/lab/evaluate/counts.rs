//! Counting people of a partition, in the same words as a release.

use std::collections::BTreeMap;

use samenloop_disclose::{Months, Order, contact_order};
use samenloop_partner::mapping::Mapping;
use samenloop_partner::table::Table;
use samenloop_schema::LinkageSchema;
use serde::Serialize;

use super::{Clusters, Compared, Job, Pairs};

/// Truth and months of every row of a source.
pub(super) struct Registry {
    name: String,
    truth: Vec<String>,
    months: Vec<Months>,
}

impl Registry {
    pub(super) fn new(
        name: &str,
        schema: &LinkageSchema,
        table: &Table,
        truth: usize,
    ) -> anyhow::Result<Self> {
        let mapping = Mapping::new(schema, &table.headers)?;
        let months = table.rows.iter().map(|row| {
            let (person, _) = mapping.person(row);
            (person.start, person.end)
        });
        Ok(Self {
            name: name.to_owned(),
            truth: table.rows.iter().map(|row| row.values()[truth].clone()).collect(),
            months: months.collect(),
        })
    }

    /// Rows of the file.
    pub(super) fn rows(&self) -> usize {
        self.truth.len()
    }
}

/// The partition that the truth column tells.
pub(super) fn truth(registries: &[&Registry]) -> Clusters {
    let mut numbers = BTreeMap::new();
    let number = |truth: &String| {
        let next = numbers.len() as u32;
        *numbers.entry(truth.clone()).or_insert(next)
    };
    let mut number = number;
    registries.iter().map(|registry| registry.truth.iter().map(&mut number).collect()).collect()
}

/// Precision, recall and F1 over pairs of rows.
pub(super) fn pairs(registries: &[&Registry], clusters: &Clusters) -> Pairs {
    let truth = truth(registries);
    let pairs = |counts: BTreeMap<_, u64>| counts.values().map(|n| n * (n - 1) / 2).sum::<u64>();
    let count = |keys: &mut dyn Iterator<Item = (u32, u32)>| {
        let mut counts = BTreeMap::new();
        keys.for_each(|key| *counts.entry(key).or_insert(0_u64) += 1);
        pairs(counts)
    };
    let both = || truth.iter().flatten().copied().zip(clusters.iter().flatten().copied());
    let agreed = count(&mut both());
    let true_pairs = count(&mut both().map(|(truth, _)| (truth, 0)));
    let linked = count(&mut both().map(|(_, cluster)| (0, cluster)));
    let share = |part: u64, whole: u64| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
    let (precision, recall) = (share(agreed, linked), share(agreed, true_pairs));
    let f1 = 2.0 * precision * recall / (precision + recall).max(f64::MIN_POSITIVE);
    Pairs { truth: true_pairs, linked, precision, recall, f1 }
}

/// Numbers of people under one partition, or their means over several.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) people: f64,
    pub(super) stacking: BTreeMap<String, f64>,
    pub(super) patterns: BTreeMap<String, f64>,
    orders: BTreeMap<(usize, usize), [f64; 4]>,
}

/// People known to two sources by the order in which they came to them; expected numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sequence {
    /// The first source.
    pub a: String,
    /// The second source.
    pub b: String,
    /// At least one month in common.
    pub simultaneous: f64,
    /// First `a`, then `b`.
    pub first_then: f64,
    /// First `b`, then `a`.
    pub then_first: f64,
    /// The months do not tell.
    pub unknown: f64,
}

impl Counts {
    /// Counts the people of a partition.
    pub(super) fn of(registries: &[&Registry], clusters: &Clusters) -> Self {
        let mut people: BTreeMap<u32, BTreeMap<usize, Vec<Months>>> = BTreeMap::new();
        for (source, rows) in clusters.iter().enumerate() {
            for (row, cluster) in rows.iter().enumerate() {
                let months = registries[source].months[row];
                people.entry(*cluster).or_default().entry(source).or_default().push(months);
            }
        }
        let mut counts = Self { people: people.len() as f64, ..Self::default() };
        for sources in people.values() {
            let mut names: Vec<&str> =
                sources.keys().map(|source| registries[*source].name.as_str()).collect();
            names.sort_unstable();
            *counts.stacking.entry(sources.len().to_string()).or_default() += 1.0;
            *counts.patterns.entry(names.join("+")).or_default() += 1.0;
            for (place, (a, first)) in sources.iter().enumerate() {
                for (b, second) in sources.iter().skip(place + 1) {
                    let order = match contact_order(first, second) {
                        Order::Simultaneous => 0,
                        Order::FirstThen => 1,
                        Order::ThenFirst => 2,
                        Order::Unknown => 3,
                    };
                    counts.orders.entry((*a, *b)).or_default()[order] += 1.0;
                }
            }
        }
        counts
    }

    /// People known to each source, and to each two of them.
    pub(super) fn sources_and_overlaps(&self) -> BTreeMap<String, f64> {
        let mut known = BTreeMap::new();
        for (pattern, people) in &self.patterns {
            let names: Vec<&str> = pattern.split('+').collect();
            for (place, name) in names.iter().enumerate() {
                *known.entry((*name).to_owned()).or_default() += people;
                for other in &names[place + 1..] {
                    *known.entry(format!("{name}+{other}")).or_default() += people;
                }
            }
        }
        known
    }

    /// Largest absolute difference of the people known to so many sources.
    pub(super) fn most_by_sources(&self, other: &Self) -> f64 {
        let keys = self.stacking.keys().chain(other.stacking.keys());
        let of = |counts: &Self, key: &String| counts.stacking.get(key).copied().unwrap_or(0.0);
        keys.map(|key| (of(self, key) - of(other, key)).abs()).fold(0.0, f64::max)
    }

    /// Adds one of `draws` draws to the means.
    pub(super) fn add(&mut self, draw: &Self, draws: u32) {
        let share = 1.0 / f64::from(draws);
        self.people += draw.people * share;
        let maps = [(&mut self.stacking, &draw.stacking), (&mut self.patterns, &draw.patterns)];
        for (sum, add) in maps {
            add.iter().for_each(|(key, n)| *sum.entry(key.clone()).or_default() += n * share);
        }
        for (pair, orders) in &draw.orders {
            let sum = self.orders.entry(*pair).or_default();
            sum.iter_mut().zip(orders).for_each(|(sum, n)| *sum += n * share);
        }
    }

    /// True and expected numbers side by side.
    pub(super) fn compare(
        truth: &BTreeMap<String, f64>,
        expected: &BTreeMap<String, f64>,
    ) -> BTreeMap<String, Compared> {
        let mut both = BTreeMap::<String, Compared>::new();
        truth.iter().for_each(|(key, n)| both.entry(key.clone()).or_default().truth = *n as u64);
        expected.iter().for_each(|(key, n)| both.entry(key.clone()).or_default().estimated = *n);
        both
    }

    /// Orders of every pair of sources.
    pub(super) fn sequences(&self, job: &Job) -> Vec<Sequence> {
        let pairs =
            (0..job.sources.len()).flat_map(|a| (a + 1..job.sources.len()).map(move |b| (a, b)));
        pairs
            .map(|(a, b)| {
                let [simultaneous, first_then, then_first, unknown] =
                    self.orders.get(&(a, b)).copied().unwrap_or_default();
                let name = |source: usize| job.sources[source].0.clone();
                Sequence { a: name(a), b: name(b), simultaneous, first_then, then_first, unknown }
            })
            .collect()
    }
}
