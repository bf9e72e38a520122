//! Pairs worth weighing: all that share a match key, and all that are alike in their encodings.

pub(crate) mod blocks;
mod exhaustive;

use rayon::prelude::*;

use crate::compare::Comparison;
use crate::population::Population;
use crate::run::{LinkError, Progress};

/// Candidate pairs `(a, b)` with `a < b` in canonical order, sorted.
pub(crate) fn find(
    comparison: &Comparison,
    population: &Population,
    blocked: bool,
    progress: &dyn Progress,
) -> Result<Vec<(u32, u32)>, LinkError> {
    let mut pairs = if blocked {
        blocks::find(comparison, population, progress)?
    } else {
        let mut pairs = exhaustive::find(comparison, population, progress)?;
        pairs.append(&mut blocks::sharing_a_key(population));
        pairs
    };
    pairs.par_sort_unstable();
    pairs.dedup();
    Ok(pairs)
}
