//! Intervals from linkage uncertainty.
//!
//! Each posterior partition is counted like the released one. The 2.5 and 97.5 % quantiles of a cell's
//! counts, less the count on the released partition, are widened by [`UNDRAWN`] of the perturbed count,
//! rounded outward to multiples of [`STEP`] and added to the *perturbed* count.
//!
//! **Why this may leave.** The offsets say how far the linkage could move a count, never where it
//! stands. Someone whose registrations are linked the same way in every draw is in the count and in
//! every draw's count, so being in a cell or not changes no offset; someone whose links are uncertain
//! changes one by at most 1, which the rounding hides but at a step's edge. Withheld cells have no
//! interval.

use samenloop_schema::Draws;

use crate::counting::{Partition, differences};
use crate::lattice::Lattice;
use crate::people::Registrations;
use crate::release::Number;

/// Offsets are multiples of this, in people.
pub const STEP: u32 = 5;

/// Half of the interval's width for what no draw tells, such as strangers that every draw takes for one
/// person, as a share of the count: as far as the linkage errs on synthetic rounds
/// (`docs/linkage-model.md`).
const UNDRAWN: f64 = 0.002;

/// Numbers of people that are held at a time, a row of draws per cell.
const HELD: usize = 1 << 26;

/// The shown cells with their intervals; without draws low and high are the count.
pub(crate) fn with_intervals(
    lattice: &Lattice,
    registrations: &Registrations<'_>,
    released: &Partition<'_>,
    shown: &[Option<u32>],
    draws: &Draws,
) -> Vec<Option<Number>> {
    let number = |shown: &Option<u32>| shown.map(|count| Number { count, low: count, high: count });
    let mut numbers: Vec<Option<Number>> = shown.iter().map(number).collect();
    let cells: Vec<u32> =
        (0..).zip(shown).filter(|(_, shown)| shown.is_some()).map(|(cell, _)| cell).collect();
    for cells in cells.chunks(HELD / draws.number().max(1) as usize) {
        let mut rows = differences(lattice, registrations, released, draws, cells);
        for (cell, row) in cells.iter().zip(&mut rows) {
            if let Some(number) = &mut numbers[*cell as usize] {
                let (below, above) = linkage_offsets(row, number.count);
                number.low = number.count.saturating_sub(below);
                number.high = number.count + above;
            }
        }
    }
    numbers
}

/// How far the 95 % interval reaches below and above a count of a partition, in whole steps, by how
/// much each draw's count differs. Sorts the differences.
#[must_use]
pub fn linkage_offsets(differences: &mut [i32], count: u32) -> (u32, u32) {
    let Some(last) = differences.len().checked_sub(1) else { return (0, 0) };
    differences.sort_unstable();
    let cut = differences.len() * 25 / 1000;
    let undrawn = UNDRAWN * f64::from(count);
    let outward =
        |people: i32| ((f64::from(people.max(0)) + undrawn) / f64::from(STEP)).ceil() as u32 * STEP;
    (outward(-differences[cut]), outward(differences[last - cut]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_quantiles_and_a_share_rounded_outward() {
        let cases: &[(Vec<i32>, u32, (u32, u32))] = &[
            (vec![], 1000, (0, 0)),
            (vec![0; 100], 0, (0, 0)),
            // Nothing that the draws tell, but 2 of 1,000 that they do not.
            (vec![0; 100], 1000, (5, 5)),
            ((-49..=50).collect(), 0, (50, 50)),
            (vec![-1, 1], 100, (5, 5)),
            (vec![-6, 0, 5], 10, (10, 10)),
            // The released partition may lie at the draws' edge; the count stays inside.
            (vec![3; 100], 0, (0, 5)),
            // Two of a hundred draws beyond either end do not count.
            ([vec![-50; 2], vec![0; 96], vec![850; 2]].concat(), 0, (0, 0)),
            ([vec![-50; 3], vec![0; 97]].concat(), 0, (50, 0)),
        ];
        for (differences, count, expected) in cases {
            let offsets = linkage_offsets(&mut differences.clone(), *count);
            assert_eq!(offsets, *expected, "{differences:?}");
        }
    }
}
