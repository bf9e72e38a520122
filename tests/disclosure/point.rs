//! Point guesses: the most likely counts given everything shown.
//!
//! The attacker spreads people over patterns and categories of one dimension, begins with what the
//! margins alone say, and moves to where the released sums are likeliest (a ridge towards the margins
//! whose strength is that of a Poisson count; nothing below 0). The margins alone are the baseline:
//! whoever only knows how many people there are of each pattern and of each code can guess that well.

use std::collections::BTreeMap;

use samenloop_disclose::Measure;

use crate::round::{Lattice, Place};

/// Cells guessed exactly, of those whose true count is 1 to 4; the guesser is told that much.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hits {
    pub cells: usize,
    pub margins: usize,
    pub attack: usize,
}

impl Hits {
    pub fn add(&mut self, other: Self) {
        self.cells += other.cells;
        self.margins += other.margins;
        self.attack += other.attack;
    }

    pub fn rates(self) -> (f64, f64) {
        let share = |hits: usize| hits as f64 / self.cells.max(1) as f64;
        (share(self.margins), share(self.attack))
    }
}

struct Sum {
    cells: Vec<usize>,
    /// None is withheld: under the threshold.
    seen: Option<f64>,
    /// Variance of its noise, and its threshold.
    noise: (f64, f64),
}

/// Guesses the patterns by the codes of a dimension.
pub fn guess(
    lattice: &Lattice,
    shown: &BTreeMap<Place, Option<u32>>,
    sources: u16,
    (dimension, categories): (usize, usize),
    noise: impl Fn(&Place) -> (f64, f64),
    sweeps: usize,
) -> Hits {
    let patterns = (1_usize << sources) - 1;
    let mut sums = vec![];
    let (mut of_pattern, mut of_category) = (vec![4.0; patterns], vec![4.0; categories]);
    for (place, count) in shown {
        let all: usize = place.sources.iter().map(|source| 1 << source).sum();
        let holds = |set: usize| match place.measure {
            Measure::Unique => true,
            Measure::Sources | Measure::Overlap => set & all == all,
            Measure::Patterns => set == all,
            Measure::Stacking => set.count_ones() == place.source_count.into(),
            _ => false,
        };
        let own: Vec<usize> = match place.split {
            None => (0..categories).collect(),
            Some((d, code)) if d == dimension => vec![code.map_or(0, |code| usize::from(code) + 1)],
            Some(_) => continue,
        };
        if let (Some(count), Measure::Patterns, None) = (count, place.measure, place.split) {
            of_pattern[all - 1] = f64::from(*count);
        }
        if let (Some(count), Measure::Unique, Some(_)) = (count, place.measure, place.split) {
            of_category[own[0]] = f64::from(*count);
        }
        let sets: Vec<usize> = (1..=patterns).filter(|set| holds(*set)).collect();
        let cells = own.iter().flat_map(|c| sets.iter().map(move |set| c * patterns + set - 1));
        sums.push(Sum { cells: cells.collect(), seen: count.map(f64::from), noise: noise(place) });
    }
    let whole: f64 = of_category.iter().sum();
    let margins: Vec<f64> = of_category
        .iter()
        .flat_map(|category| of_pattern.iter().map(move |pattern| pattern * category / whole))
        .collect();
    let found = likeliest(&margins, &sums, sweeps);
    let mut hits = Hits::default();
    for (place, clients) in &lattice.truth {
        let Some((d, code)) = place.split else { continue };
        let small = (1..=4).contains(&clients.len());
        if place.measure != Measure::Patterns || d != dimension || !small {
            continue;
        }
        let all: usize = place.sources.iter().map(|source| 1 << source).sum();
        let cell = code.map_or(0, |code| usize::from(code) + 1) * patterns + all - 1;
        let right =
            |guess: f64| usize::from(guess.round().clamp(1.0, 4.0) as usize == clients.len());
        hits.cells += 1;
        hits.margins += right(margins[cell]);
        hits.attack += right(found[cell]);
    }
    hits
}

/// Coordinate descent on Σ (seen − sum)² / V + Σ (x − margin)² / margin, withheld sums costing only
/// what they exceed the threshold by.
fn likeliest(margins: &[f64], sums: &[Sum], sweeps: usize) -> Vec<f64> {
    let mut x = margins.to_vec();
    let mut totals: Vec<f64> =
        sums.iter().map(|sum| sum.cells.iter().map(|cell| x[*cell]).sum()).collect();
    let mut of_cell = vec![vec![]; x.len()];
    for (place, sum) in sums.iter().enumerate() {
        sum.cells.iter().for_each(|cell| of_cell[*cell].push(place));
    }
    for _ in 0..sweeps {
        for (cell, own) in of_cell.iter().enumerate() {
            let prior = margins[cell].max(0.5);
            let (mut slope, mut curve) = ((x[cell] - margins[cell]) / prior, 1.0 / prior);
            for place in own {
                let (variance, threshold) = sums[*place].noise;
                let beyond = match sums[*place].seen {
                    Some(seen) => totals[*place] - seen,
                    None => (totals[*place] - (threshold - 1.0)).max(0.0),
                };
                let counts = sums[*place].seen.is_some() || beyond > 0.0;
                slope += beyond / variance;
                curve += if counts { 1.0 / variance } else { 0.0 };
            }
            let next = (x[cell] - slope / curve).max(0.0);
            own.iter().for_each(|place| totals[*place] += next - x[cell]);
            x[cell] = next;
        }
    }
    x
}
