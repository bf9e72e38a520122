//! Every candidate pair compared once. Far fewer ways of comparing occur than pairs, so that what is
//! worked out for a comparison is worked out once.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::compare::{Comparison, Vector};
use crate::population::Population;

/// Pairs that one thread compares at a time.
const CHUNK: usize = 8192;

/// Bands of the number of candidates of a record.
pub(crate) const CROWDS: usize = 6;

/// Up to 8 candidates, which the records of one person account for, then twice as many for each band.
fn crowd(candidates: u32) -> u8 {
    let doublings = (candidates.saturating_sub(1) / 8).checked_ilog2().map_or(0, |log| log + 1);
    doublings.min(CROWDS as u32 - 1) as u8
}

/// The comparisons that occur, and which pair has which.
pub(crate) struct Patterns {
    /// In ascending order, with the number of pairs.
    counted: Vec<(Vector, f64)>,
    /// Per pair, the place of its comparison.
    pub(crate) of: Vec<u32>,
}

impl Patterns {
    /// Compares the pairs, whatever the number of threads with the same result.
    pub(crate) fn new(
        comparison: &Comparison,
        population: &Population,
        pairs: &[(u32, u32)],
    ) -> Self {
        // Each chunk numbers its own comparisons; then the numbers are made one.
        let mut of = vec![0; pairs.len()];
        let mut candidates = vec![0_u32; population.len()];
        for (a, b) in pairs {
            candidates[*a as usize] += 1;
            candidates[*b as usize] += 1;
        }
        let chunks: Vec<Vec<(Vector, f64)>> = pairs
            .par_chunks(CHUNK)
            .zip(of.par_chunks_mut(CHUNK))
            .map(|(pairs, of)| {
                let mut numbers = BTreeMap::<Vector, usize>::new();
                let mut own = vec![];
                for ((a, b), of) in pairs.iter().zip(of) {
                    let (a, b) = (*a as usize, *b as usize);
                    let crowd = crowd(candidates[a].min(candidates[b]));
                    let vector = Vector { crowd, ..comparison.compare(population, a, b) };
                    let number = *numbers.entry(vector).or_insert(own.len());
                    if number == own.len() {
                        own.push((vector, 0.0));
                    }
                    own[number].1 += 1.0;
                    *of = number as u32;
                }
                own
            })
            .collect();
        let mut counts = BTreeMap::<Vector, f64>::new();
        for (vector, pairs) in chunks.iter().flatten() {
            *counts.entry(*vector).or_default() += pairs;
        }
        let counted: Vec<(Vector, f64)> = counts.into_iter().collect();
        of.par_chunks_mut(CHUNK).zip(&chunks).for_each(|(of, own)| {
            let place = |(vector, _): &(Vector, f64)| {
                counted.partition_point(|(other, _)| other < vector) as u32
            };
            let places: Vec<u32> = own.iter().map(place).collect();
            of.iter_mut().for_each(|of| *of = places[*of as usize]);
        });
        Self { counted, of }
    }

    /// The comparisons in ascending order, with the number of pairs.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (&Vector, f64)> {
        self.counted.iter().map(|(vector, pairs)| (vector, *pairs))
    }
}
