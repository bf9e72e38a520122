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

use rayon::prelude::*;

use crate::lattice::Lattice;
use crate::people::Registrations;
use crate::release::Number;

/// Offsets are multiples of this, in people.
pub const STEP: u32 = 5;

/// The shown cells with their intervals; without draws low and high are the count.
pub(crate) fn with_intervals(
    lattice: &Lattice,
    registrations: &Registrations<'_>,
    counts: &[u32],
    shown: &[Option<u32>],
    draws: &[Vec<u32>],
) -> Vec<Option<Number>> {
    // Only shown cells are counted again: place in `slots`, or none.
    let mut slots = 0;
    let slot_of: Vec<Option<u32>> = shown
        .iter()
        .map(|shown| {
            shown.map(|_| {
                slots += 1;
                slots - 1
            })
        })
        .collect();
    let drawn: Vec<Vec<u32>> = draws
        .par_iter()
        .map(|draw| {
            let mut tally = vec![0_u32; slots as usize];
            registrations.people(draw, |person| {
                lattice.cells_of(person, |cell| {
                    if let Some(slot) = slot_of[cell] {
                        tally[slot as usize] += 1;
                    }
                });
            });
            tally
        })
        .collect();
    let mut column = Vec::with_capacity(draws.len());
    let cells = shown.iter().zip(&slot_of).zip(counts);
    cells
        .map(|((shown, slot), exact)| {
            let (count, slot) = ((*shown)?, (*slot)? as usize);
            column.clear();
            column.extend(drawn.iter().map(|tally| tally[slot]));
            let (below, above) = offsets(&mut column, *exact);
            Some(Number { count, low: count.saturating_sub(below), high: count + above })
        })
        .collect()
}

/// How far the draws' 95 % interval reaches below and above `exact`, in whole steps.
fn offsets(draws: &mut [u32], exact: u32) -> (u32, u32) {
    if draws.is_empty() {
        return (0, 0);
    }
    draws.sort_unstable();
    let last = draws.len() - 1;
    let cut = draws.len() * 25 / 1000;
    let (low, high) = (draws[cut], draws[last - cut]);
    let outward = |people: u32| people.div_ceil(STEP) * STEP;
    (outward(exact.saturating_sub(low)), outward(high.saturating_sub(exact)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_quantiles_rounded_outward() {
        let cases: &[(Vec<u32>, u32, (u32, u32))] = &[
            (vec![], 50, (0, 0)),
            (vec![50; 100], 50, (0, 0)),
            ((1..=100).collect(), 50, (50, 50)),
            (vec![49, 51], 50, (5, 5)),
            (vec![44, 50, 55], 50, (10, 5)),
            // The released partition may lie at the draws' edge; the count stays inside.
            (vec![53; 100], 50, (0, 5)),
            // Two of a hundred draws beyond either end do not count.
            ([vec![0; 2], vec![50; 96], vec![900; 2]].concat(), 50, (0, 0)),
            ([vec![0; 3], vec![50; 97]].concat(), 50, (50, 0)),
        ];
        for (draws, exact, expected) in cases {
            assert_eq!(offsets(&mut draws.clone(), *exact), *expected, "{draws:?}");
        }
    }
}
