//! Intervals from linkage uncertainty.
//!
//! Each posterior partition is counted like the released one. The 2.5 and 97.5 % quantiles of a cell's
//! counts, less the count on the released partition, are rounded outward to multiples of
//! [`STEP`] and added to the *perturbed* count.
//!
//! **Why this may leave.** The offsets say how far the linkage could move a count, never where it
//! stands. Someone whose registrations are linked the same way in every draw is in the count and in
//! every draw's count, so being in a cell or not changes no offset; someone whose links are uncertain
//! changes one by at most 1, which the rounding hides but at a step's edge. Withheld cells have no
//! interval. *Not protected:* that a cell's links are certain (both offsets 0).

use samenloop_schema::Draws;

use crate::counting::{Partition, differences};
use crate::lattice::Lattice;
use crate::people::Registrations;
use crate::release::Number;

/// Offsets are multiples of this, in people.
pub const STEP: u32 = 5;

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
                let (below, above) = offsets(row);
                number.low = number.count.saturating_sub(below);
                number.high = number.count + above;
            }
        }
    }
    numbers
}

/// How far the draws' 95 % interval reaches below and above the released partition's count, in whole
/// steps.
fn offsets(differences: &mut [i32]) -> (u32, u32) {
    if differences.iter().all(|people| *people == 0) {
        return (0, 0);
    }
    differences.sort_unstable();
    let last = differences.len() - 1;
    let cut = differences.len() * 25 / 1000;
    let outward = |people: i32| (people.max(0) as u32).div_ceil(STEP) * STEP;
    (outward(-differences[cut]), outward(differences[last - cut]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_quantiles_rounded_outward() {
        let cases: &[(Vec<i32>, (u32, u32))] = &[
            (vec![], (0, 0)),
            (vec![0; 100], (0, 0)),
            ((-49..=50).collect(), (50, 50)),
            (vec![-1, 1], (5, 5)),
            (vec![-6, 0, 5], (10, 5)),
            // The released partition may lie at the draws' edge; the count stays inside.
            (vec![3; 100], (0, 5)),
            // Two of a hundred draws beyond either end do not count.
            ([vec![-50; 2], vec![0; 96], vec![850; 2]].concat(), (0, 0)),
            ([vec![-50; 3], vec![0; 97]].concat(), (50, 0)),
        ];
        for (differences, expected) in cases {
            assert_eq!(offsets(&mut differences.clone()), *expected, "{differences:?}");
        }
    }
}
