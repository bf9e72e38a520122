//! From weighed pairs to clusters: average-link agglomeration (correlation clustering by greedy
//! merging; Elsner and Schudy 2009). Two clusters become one only if all their pairs together speak
//! for it, so that no poor record chains strangers.

use std::collections::HashMap;

use crate::population::Population;

/// Pairs less likely than this (0.1 %) leave no trace in clusters or uncertainty.
const MIN_LOG_ODDS: f64 = -6.9;

/// Records of the largest component that is explored whole.
const LARGE: usize = 1000;

/// Records of a piece of a larger one, if its edges allow.
const PIECE: usize = 64;

/// Log-odds up to which edges are cut, one after the other, in a larger one (p of 0.01 to 0.998).
const CUTS: [f64; 7] = [-4.6, -3.0, -2.0, -1.0, 0.0, 2.0, 6.0];

/// The pairs that may be of one person, with their log-odds.
pub(crate) struct Graph {
    /// Per record, its neighbours in ascending order.
    pub(crate) neighbours: Vec<Vec<(u32, f64)>>,
    sources: Vec<u16>,
    may_hold_duplicates: Vec<bool>,
}

impl Graph {
    /// Keeps the edges that matter. `edges` are sorted by their records.
    pub(crate) fn new(population: &Population, edges: Vec<(u32, u32, f64)>) -> Self {
        let mut neighbours = vec![vec![]; population.len()];
        for (a, b, weight) in edges.into_iter().filter(|(.., weight)| *weight > MIN_LOG_ODDS) {
            neighbours[a as usize].push((b, weight));
            neighbours[b as usize].push((a, weight));
        }
        neighbours.iter_mut().for_each(|row| row.sort_unstable_by_key(|(record, _)| *record));
        Self {
            neighbours,
            sources: population.source.clone(),
            may_hold_duplicates: population.may_hold_duplicates.clone(),
        }
    }

    /// The source of a record, if that holds nobody twice.
    pub(crate) fn exclusive(&self, record: u32) -> Option<u16> {
        let source = self.sources[record as usize];
        (!self.may_hold_duplicates[usize::from(source)]).then_some(source)
    }

    /// Whether two records may be of one person by the rule of their source.
    fn compatible(&self, a: u32, b: u32) -> bool {
        self.exclusive(a).is_none() || self.exclusive(a) != self.exclusive(b)
    }

    /// Log-odds of an edge, if there is one.
    pub(crate) fn edge(&self, a: u32, b: u32) -> Option<f64> {
        let row = &self.neighbours[a as usize];
        row.binary_search_by_key(&b, |(record, _)| *record).ok().map(|place| row[place].1)
    }

    /// Clusters of the records, numbered in canonical order. `weight` weighs a pair without an edge.
    pub(crate) fn clusters(&self, weight: impl Fn(usize, usize) -> f64) -> Vec<u32> {
        let n = self.neighbours.len();
        let mut of: Vec<u32> = (0..n as u32).collect();
        let mut members: Vec<Vec<u32>> = (0..n as u32).map(|record| vec![record]).collect();
        let mut edges: Vec<(u32, u32, f64)> = self.positive_edges();
        edges.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
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
                moved.iter().for_each(|record| of[*record as usize] = to as u32);
                members[to].extend(moved);
                merged = true;
                false
            });
            if !merged {
                break;
            }
        }
        number(&of)
    }

    fn positive_edges(&self) -> Vec<(u32, u32, f64)> {
        let rows = self.neighbours.iter().zip(0..);
        rows.flat_map(|(row, a)| {
            row.iter()
                .filter(move |(b, weight)| *b > a && *weight > 0.0)
                .map(move |(b, weight)| (a, *b, *weight))
        })
        .collect()
    }

    /// Connected components with at least two records, each in ascending order. One of more than
    /// [`LARGE`] records is taken apart along its weakest edges, for where strangers are many the
    /// edges that hardly matter join most records of a round into one.
    pub(crate) fn components(&self) -> Vec<Vec<u32>> {
        let mut seen = vec![false; self.neighbours.len()];
        let records: Vec<u32> = (0..self.neighbours.len() as u32).collect();
        let mut components = vec![];
        self.connected(&records, MIN_LOG_ODDS, &mut seen, &mut components);
        components.sort_unstable();
        components
    }

    /// Components of the given records over edges of more than `least`. None of them is `seen`.
    fn connected(
        &self,
        records: &[u32],
        least: f64,
        seen: &mut [bool],
        components: &mut Vec<Vec<u32>>,
    ) {
        for first in records {
            if seen[*first as usize] || self.neighbours[*first as usize].is_empty() {
                continue;
            }
            seen[*first as usize] = true;
            let mut component = vec![*first];
            let mut next = 0;
            while next < component.len() {
                let edges = self.neighbours[component[next] as usize].iter();
                for (other, _) in edges.filter(|(_, weight)| *weight > least) {
                    // Records outside `records` lie beyond edges that were too weak before.
                    if !std::mem::replace(&mut seen[*other as usize], true) {
                        component.push(*other);
                    }
                }
                next += 1;
            }
            component.sort_unstable();
            let most = if least > MIN_LOG_ODDS { PIECE } else { LARGE };
            match CUTS.iter().find(|cut| **cut > least) {
                Some(cut) if component.len() > most => {
                    component.iter().for_each(|record| seen[*record as usize] = false);
                    self.connected(&component, *cut, seen, components);
                }
                _ if component.len() > 1 => components.push(component),
                _ => {}
            }
        }
    }
}

/// Numbers labels from 0 in the order in which they first occur.
pub(crate) fn number(labels: &[u32]) -> Vec<u32> {
    let mut numbered = Vec::with_capacity(labels.len());
    number_from(0, labels, &mut numbered);
    numbered
}

/// Labels of which earlier equal ones are sought one by one, which needs no table.
const FEW: usize = 16;

/// Appends the labels, numbered from `first` in the order in which they first occur, and returns the
/// number after the last.
pub(crate) fn number_from(first: u32, labels: &[u32], out: &mut Vec<u32>) -> u32 {
    let begin = out.len();
    let mut next = first;
    let mut take = || {
        next += 1;
        next - 1
    };
    if labels.len() <= FEW {
        for (place, label) in labels.iter().enumerate() {
            let earlier = labels[..place].iter().position(|other| other == label);
            let number = earlier.map_or_else(&mut take, |earlier| out[begin + earlier]);
            out.push(number);
        }
    } else {
        let mut numbers = HashMap::new();
        out.extend(labels.iter().map(|label| *numbers.entry(*label).or_insert_with(&mut take)));
    }
    next
}
