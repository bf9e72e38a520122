//! The one partition on which every table of a release is counted.
//!
//! The partition that puts each record where it most likely belongs is not the one whose totals are
//! most likely: where many links are each a little less likely than not, it leaves all of them out.
//! So the clustering and the posterior draws stand for election, and the one is chosen whose totals
//! (unique people, people of each source, of each pair of sources, and by number of sources) differ
//! least from their means over the draws, by the sum of squared numbers of people. Every table is then
//! counted on it, so that every table agrees with every other.

use rayon::prelude::*;
use samenloop_schema::DisclosurePolicy;

use crate::frame::{Frame, Scope};
use crate::lattice::Lattice;
use crate::measure::Measure;
use crate::people::{Grouped, Person, Registration, Registrations};

const TOTALS: [Measure; 4] =
    [Measure::Unique, Measure::Sources, Measure::Overlap, Measure::Stacking];

/// The place of the chosen draw; none is `clusters` itself. Inputs are those of
/// [`materialise`](crate::materialise); without draws there is no choice.
#[must_use]
pub fn frozen_partition(
    frame: &Frame,
    registrations: &[Registration],
    clusters: &[u32],
    draws: &[Vec<u32>],
) -> Option<usize> {
    let frame = Frame { dimensions: vec![], scope: Scope::default(), ..frame.clone() };
    let lattice = Lattice::new(&DisclosurePolicy::default(), &frame);
    let split = lattice.splits.first()?;
    let mut is_total = vec![false; lattice.cells];
    for measure in TOTALS {
        for place in 0..lattice.axis(measure).len() {
            is_total[lattice.cell(split, measure, place, 0)] = true;
        }
    }
    // Totals hang on who knows whom, not on any key.
    let keys = vec![0; registrations.len()];
    let rows = Registrations { rows: registrations, keys: &keys, frame: &frame };
    let own = rows.group(clusters);
    let beyond: Vec<Vec<f64>> = draws
        .par_iter()
        .map(|draw| {
            let grouped = rows.group(draw);
            let mut difference = vec![0.0; lattice.cells];
            let mut person = Person::default();
            let mut count = |one: &Grouped, labels: &[u32], other: &Grouped, sign: f64| {
                for people in one.people_beyond(other, labels) {
                    rows.read(people, &mut person);
                    lattice.cells_of(&person, |cell| difference[cell] += sign);
                }
            };
            count(&grouped, clusters, &own, 1.0);
            count(&own, draw, &grouped, -1.0);
            difference
        })
        .collect();
    let totals: Vec<usize> = (0..lattice.cells).filter(|cell| is_total[*cell]).collect();
    let mean = |cell: usize| beyond.iter().map(|own| own[cell]).sum::<f64>() / draws.len() as f64;
    let means: Vec<f64> = totals.iter().map(|cell| mean(*cell)).collect();
    let distance = |difference: &dyn Fn(usize) -> f64| -> f64 {
        totals.iter().zip(&means).map(|(cell, mean)| (difference(*cell) - mean).powi(2)).sum()
    };
    let nearest = beyond.iter().map(|own| distance(&|cell| own[cell])).enumerate();
    let (place, least) = nearest.min_by(|a, b| a.1.total_cmp(&b.1))?;
    (least < distance(&|_| 0.0)).then_some(place)
}

#[cfg(test)]
mod tests {
    use samenloop_schema::Digest;

    use super::*;

    /// 60 pairs of registrations of two sources, of which a partition ties the first so many.
    fn tied(pairs: u32) -> Vec<u32> {
        (0..60).flat_map(|pair| [2 * pair, 2 * pair + u32::from(pair >= pairs)]).collect()
    }

    #[test]
    fn the_partition_whose_totals_are_nearest_to_the_mean_is_chosen() {
        let row = |serial: u16| Registration {
            party: serial % 2,
            codes: vec![],
            start: None,
            end: None,
            digest: Digest::of(&serial.to_be_bytes()),
        };
        let rows: Vec<Registration> = (0..120).map(row).collect();
        let frame = Frame {
            parties: ["ggd", "ggz"].map(|id| id.parse().expect("an id")).into(),
            dimensions: vec![],
            purpose: String::new(),
            min_parties: 2,
            two_party: true,
            scope: Scope::default(),
        };
        let chosen = |clusters: u32, draws: &[u32]| {
            let draws: Vec<_> = draws.iter().map(|pairs| tied(*pairs)).collect();
            frozen_partition(&frame, &rows, &tied(clusters), &draws)
        };
        // Mean 25: the draw with 24 is nearest.
        assert_eq!(chosen(10, &[10, 20, 24, 46]), Some(2));
        assert_eq!(chosen(25, &[10, 20, 24, 46]), None);
        assert_eq!(chosen(30, &[30, 30]), None);
        assert_eq!(chosen(30, &[]), None);
    }
}
