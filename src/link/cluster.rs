//! From weighed pairs to clusters: average-link agglomeration (correlation clustering by greedy
//! merging; Elsner and Schudy 2009). Two clusters become one only if all their pairs together speak
//! for it, so that no poor record chains strangers.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::population::Population;

/// Pairs less likely than this (0.1 %) leave no trace in clusters or uncertainty.
pub(crate) const MIN_LOG_ODDS: f64 = -6.9;

/// Records of the largest component that is explored whole.
const LARGE: usize = 1000;

/// Records of a piece of a larger one, if its edges allow.
const PIECE: usize = 64;

/// Log-odds up to which edges are cut, one after the other, in a larger one (p of 0.01 to 0.998).
const CUTS: [f64; 7] = [-4.6, -3.0, -2.0, -1.0, 0.0, 2.0, 6.0];

/// The pairs that may be of one person, with their log-odds.
pub(crate) struct Graph {
    /// Where the neighbours of each record begin in `edges`, and the end of the last.
    begins: Vec<u32>,
    /// Per record, its neighbours in ascending order.
    edges: Vec<(u32, f64)>,
    sources: Vec<u16>,
    may_hold_duplicates: Vec<bool>,
}

/// Sets of records that have none in common, each in ascending order.
#[derive(Debug, Default)]
pub(crate) struct Components {
    ends: Vec<u32>,
    pub(crate) records: Vec<u32>,
}

impl Components {
    /// Number of sets.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// One of them.
    pub(crate) fn records(&self, place: usize) -> &[u32] {
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.records[begin as usize..self.ends[place] as usize]
    }

    fn push(&mut self, records: &[u32]) {
        self.records.extend_from_slice(records);
        self.ends.push(self.records.len() as u32);
    }
}

/// Components that one thread takes at a time.
const TOGETHER: usize = 256;

impl Graph {
    /// Keeps the edges that matter. `edges` are sorted by their records.
    pub(crate) fn new(population: &Population, edges: &[(u32, u32, f64)]) -> Self {
        let kept = || edges.iter().filter(|(.., weight)| *weight > MIN_LOG_ODDS);
        let mut begins = vec![0_u32; population.len() + 1];
        for (a, b, _) in kept() {
            begins[*a as usize + 1] += 1;
            begins[*b as usize + 1] += 1;
        }
        for place in 1..begins.len() {
            begins[place] += begins[place - 1];
        }
        let mut next = begins.clone();
        let mut all = vec![(0, 0.0); begins.last().map_or(0, |end| *end as usize)];
        let mut put = |of: u32, other: u32, weight: f64| {
            let place = &mut next[of as usize];
            all[*place as usize] = (other, weight);
            *place += 1;
        };
        // Lower neighbours first, so that every row ascends.
        kept().for_each(|(a, b, weight)| put(*b, *a, *weight));
        kept().for_each(|(a, b, weight)| put(*a, *b, *weight));
        Self {
            begins,
            edges: all,
            sources: population.source.clone(),
            may_hold_duplicates: population.may_hold_duplicates.clone(),
        }
    }

    fn len(&self) -> usize {
        self.sources.len()
    }

    /// Neighbours of a record, in ascending order.
    pub(crate) fn neighbours(&self, record: u32) -> &[(u32, f64)] {
        let [begin, end] = [0, 1].map(|next| self.begins[record as usize + next] as usize);
        &self.edges[begin..end]
    }

    /// The source of a record, if that holds nobody twice.
    pub(crate) fn exclusive(&self, record: u32) -> Option<u16> {
        let source = self.sources[record as usize];
        (!self.may_hold_duplicates[usize::from(source)]).then_some(source)
    }

    /// Whether two records may be of one person by the rule of their source.
    pub(crate) fn compatible(&self, a: u32, b: u32) -> bool {
        self.exclusive(a).is_none() || self.exclusive(a) != self.exclusive(b)
    }

    /// Log-odds of an edge, if there is one.
    fn edge(&self, a: u32, b: u32) -> Option<f64> {
        let row = self.neighbours(a);
        row.binary_search_by_key(&b, |(record, _)| *record).ok().map(|place| row[place].1)
    }

    /// Clusters of the records, numbered in canonical order. `weight` weighs a pair without an edge.
    ///
    /// Clusters only merge along edges that speak for it, so that the components of these edges are
    /// worked on side by side.
    pub(crate) fn clusters(&self, weight: impl Fn(usize, usize) -> f64 + Sync) -> Vec<u32> {
        let mut components = Components::default();
        let mut seen = vec![false; self.len()];
        let mut component = vec![];
        for first in 0..self.len() as u32 {
            if self.reach(first, 0.0, &mut seen, &mut component) > 1 {
                components.push(&component);
            }
        }
        let places: Vec<usize> = (0..components.len()).collect();
        let merged: Vec<u32> = places
            .par_chunks(TOGETHER)
            .flat_map_iter(|places| {
                let merge = |place: &usize| self.merge(components.records(*place), &weight);
                places.iter().flat_map(merge).collect::<Vec<u32>>()
            })
            .collect();
        let mut of: Vec<u32> = (0..self.len() as u32).collect();
        for (record, cluster) in components.records.iter().zip(merged) {
            of[*record as usize] = cluster;
        }
        let mut numbers = vec![u32::MAX; of.len()];
        let mut next = 0;
        for cluster in &mut of {
            let number = &mut numbers[*cluster as usize];
            if *number == u32::MAX {
                *number = next;
                next += 1;
            }
            *cluster = *number;
        }
        of
    }

    /// Clusters of one component's records, named by one of their records.
    fn merge(&self, records: &[u32], weight: &impl Fn(usize, usize) -> f64) -> Vec<u32> {
        let place_of = |record: u32| records.partition_point(|other| *other < record);
        let mut of: Vec<u32> = (0..records.len() as u32).collect();
        let mut members: Vec<Vec<u32>> = records.iter().map(|record| vec![*record]).collect();
        let mut edges: Vec<(u32, u32, f64)> = vec![];
        for record in records {
            let row = self.neighbours(*record).iter();
            let positive = row.filter(|(other, weight)| other > record && *weight > 0.0);
            edges.extend(positive.map(|(other, weight)| (*record, *other, *weight)));
        }
        edges.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
        for (a, b, _) in &mut edges {
            (*a, *b) = (place_of(*a) as u32, place_of(*b) as u32);
        }
        let mut known = HashMap::new();
        loop {
            let mut merged = false;
            edges.retain(|(a, b, _)| {
                let (a, b) = (of[*a as usize] as usize, of[*b as usize] as usize);
                if a == b {
                    return false;
                }
                let pairs =
                    || members[a].iter().flat_map(|x| members[b].iter().map(move |y| (*x, *y)));
                if pairs().any(|(x, y)| !self.compatible(x, y)) {
                    return false;
                }
                let total: f64 = pairs()
                    .map(|(x, y)| {
                        self.edge(x, y).unwrap_or_else(|| {
                            *known
                                .entry((x.min(y), x.max(y)))
                                .or_insert_with(|| weight(x as usize, y as usize))
                        })
                    })
                    .sum();
                if total <= 0.0 {
                    return true;
                }
                let (from, to) = if members[a].len() < members[b].len() { (a, b) } else { (b, a) };
                let moved = std::mem::take(&mut members[from]);
                moved.iter().for_each(|record| of[place_of(*record)] = to as u32);
                members[to].extend(moved);
                merged = true;
                false
            });
            if !merged {
                break;
            }
        }
        of.into_iter().map(|place| records[place as usize]).collect()
    }

    /// Finds the records that hang together with `first` over edges of more than `least`, none of
    /// them `seen`, and returns how many they are.
    fn reach(&self, first: u32, least: f64, seen: &mut [bool], component: &mut Vec<u32>) -> usize {
        component.clear();
        if std::mem::replace(&mut seen[first as usize], true) {
            return 0;
        }
        component.push(first);
        let mut next = 0;
        while next < component.len() {
            for (other, weight) in self.neighbours(component[next]) {
                if *weight > least && !std::mem::replace(&mut seen[*other as usize], true) {
                    component.push(*other);
                }
            }
            next += 1;
        }
        component.sort_unstable();
        component.len()
    }

    /// Connected components with at least two records, in the order of their first ones. One of more
    /// than [`LARGE`] records is taken apart along its weakest edges, for where strangers are many the
    /// edges that hardly matter join most records of a round into one.
    pub(crate) fn components(&self) -> Components {
        let mut seen = vec![false; self.len()];
        let mut pieces = Components::default();
        let mut component = vec![];
        for first in 0..self.len() as u32 {
            if self.reach(first, MIN_LOG_ODDS, &mut seen, &mut component) > LARGE {
                self.take_apart(&component, 0, &mut seen, &mut pieces);
            } else if component.len() > 1 {
                pieces.push(&component);
            }
        }
        let mut order: Vec<usize> = (0..pieces.len()).collect();
        order.sort_unstable_by_key(|place| pieces.records(*place)[0]);
        let mut components = Components::default();
        order.iter().for_each(|place| components.push(pieces.records(*place)));
        components
    }

    /// Cuts the edges up to one of [`CUTS`] and, in pieces that are still large, up to the next.
    fn take_apart(&self, records: &[u32], cut: usize, seen: &mut [bool], pieces: &mut Components) {
        // Records outside lie beyond edges that were cut before.
        records.iter().for_each(|record| seen[*record as usize] = false);
        let mut component = vec![];
        for first in records {
            let size = self.reach(*first, CUTS[cut], seen, &mut component);
            if size > PIECE && cut + 1 < CUTS.len() {
                self.take_apart(&component, cut + 1, seen, pieces);
            } else if size > 1 {
                pieces.push(&component);
            }
        }
    }
}

/// Numbers labels from 0 in the order in which they first occur.
pub(crate) fn number(labels: &[u32]) -> Vec<u32> {
    let mut numbers = HashMap::new();
    let number = |label: &u32| {
        let next = numbers.len() as u32;
        *numbers.entry(*label).or_insert(next)
    };
    labels.iter().map(number).collect()
}
