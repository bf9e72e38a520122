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
use crate::people::{Grouped, Person, Registrations};
use crate::release::Number;

/// Offsets are multiples of this, in people.
pub const STEP: u32 = 5;

/// A partition: the label of each registration and the registrations of each person.
pub(crate) struct Partition<'a> {
    pub labels: &'a [u32],
    pub grouped: &'a Grouped,
}

/// By how many people a draw's count of a shown cell differs from the released partition's, for the
/// cells where it does, in their order.
type Differences = Vec<(u32, i32)>;

/// The shown cells with their intervals; without draws low and high are the count.
pub(crate) fn with_intervals(
    lattice: &Lattice,
    registrations: &Registrations<'_>,
    released: &Partition<'_>,
    shown: &[Option<u32>],
    draws: &[Vec<u32>],
) -> Vec<Option<Number>> {
    let tally = || (vec![0_i32; lattice.cells], Vec::<u32>::new(), Person::default());
    let differences: Vec<Differences> = draws
        .par_iter()
        .map_init(tally, |(tally, touched, person), draw| {
            let grouped = registrations.group(draw);
            let mut count = |own: &[u32], people: i32| {
                registrations.read(own, person);
                lattice.cells_of(person, |cell| {
                    if shown[cell].is_some() {
                        tally[cell] += people;
                        touched.push(cell as u32);
                    }
                });
            };
            // Whoever is the same person in both is in both counts.
            let beyond = grouped.people_beyond(released.grouped, released.labels);
            beyond.for_each(|own| count(own, 1));
            let gone = released.grouped.people_beyond(&grouped, draw);
            gone.for_each(|own| count(own, -1));
            touched.sort_unstable();
            touched.dedup();
            let differ = touched.drain(..).filter_map(|cell| {
                let people = std::mem::take(&mut tally[cell as usize]);
                (people != 0).then_some((cell, people))
            });
            differ.collect()
        })
        .collect();
    let mut rest: Vec<&[(u32, i32)]> = differences.iter().map(Vec::as_slice).collect();
    let mut column = vec![0; draws.len()];
    (0_u32..)
        .zip(shown)
        .map(|(cell, shown)| {
            for (difference, rest) in column.iter_mut().zip(&mut rest) {
                *difference = 0;
                if let Some(((first, people), after)) = rest.split_first()
                    && *first == cell
                {
                    (*difference, *rest) = (*people, after);
                }
            }
            let count = (*shown)?;
            let (below, above) = offsets(&mut column);
            Some(Number { count, low: count.saturating_sub(below), high: count + above })
        })
        .collect()
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
