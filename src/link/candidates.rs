//! Pairs worth weighing: all that share a match key, and all that are alike in their encodings.

mod exhaustive;

use rayon::prelude::*;

use crate::compare::Comparison;
use crate::population::Population;
use crate::run::{LinkError, Progress};

/// Candidate pairs `(a, b)` with `a < b` in canonical order, sorted.
pub(crate) fn find(
    comparison: &Comparison,
    population: &Population,
    progress: &dyn Progress,
) -> Result<Vec<(u32, u32)>, LinkError> {
    let mut pairs = exhaustive::find(comparison, population, progress)?;
    pairs.extend(sharing_a_key(population));
    pairs.par_sort_unstable();
    pairs.dedup();
    Ok(pairs)
}

fn sharing_a_key(population: &Population) -> Vec<(u32, u32)> {
    let mut pairs = vec![];
    for key in &population.keys {
        let mut rows: Vec<(u32, u32)> = key
            .iter()
            .enumerate()
            .filter(|(_, value)| **value != 0)
            .map(|(row, value)| (*value, row as u32))
            .collect();
        rows.par_sort_unstable();
        for block in rows.chunk_by(|a, b| a.0 == b.0) {
            for (place, (_, a)) in block.iter().enumerate() {
                let others = block[place + 1..].iter().map(|(_, b)| (*a, *b));
                pairs.extend(
                    others.filter(|(a, b)| population.compatible(*a as usize, *b as usize)),
                );
            }
        }
    }
    pairs
}
