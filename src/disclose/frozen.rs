//! The one partition on which every table of a release is counted.
//!
//! The partition that puts each record where it most likely belongs is not the one whose totals are
//! most likely: where many links are each a little less likely than not, it leaves all of them out.
//! So the clustering and the posterior draws stand for election, and the one is chosen whose totals
//! (unique people, people of each source, of each pair of sources, and by number of sources) differ
//! least from their means over the draws, by the sum of squared numbers of people. Every table is then
//! counted on it, so that every table agrees with every other.

use samenloop_schema::{DisclosurePolicy, Draws};

use crate::counting::{Partition, differences};
use crate::frame::{Frame, Scope};
use crate::lattice::Lattice;
use crate::measure::Measure;
use crate::people::{Registration, Registrations};

const TOTALS: [Measure; 4] =
    [Measure::Unique, Measure::Sources, Measure::Overlap, Measure::Stacking];

/// The chosen draw; none is `clusters` itself. Inputs are those of
/// [`materialise`](crate::materialise); without draws there is no choice.
#[must_use]
pub fn frozen_partition(
    frame: &Frame,
    registrations: &[Registration],
    clusters: &[u32],
    draws: &Draws,
) -> Option<u32> {
    let frame = Frame { dimensions: vec![], scope: Scope::default(), ..frame.clone() };
    let lattice = Lattice::new(&DisclosurePolicy::default(), &frame);
    let split = lattice.splits.first()?;
    let mut totals = vec![];
    for measure in TOTALS {
        for place in 0..lattice.axis(measure).len() {
            totals.push(lattice.cell(split, measure, place, 0) as u32);
        }
    }
    totals.sort_unstable();
    // Totals hang on who knows whom, not on any key.
    let keys = vec![0; registrations.len()];
    let rows = Registrations::new(registrations, &keys, &frame);
    let own = Partition { labels: clusters, grouped: &rows.group(clusters) };
    let beyond = differences(&lattice, &rows, &own, draws, &totals);
    let mean = |row: &Vec<i32>| {
        row.iter().copied().map(f64::from).sum::<f64>() / f64::from(draws.number())
    };
    let means: Vec<f64> = beyond.iter().map(mean).collect();
    let distance = |draw: Option<u32>| -> f64 {
        let rows = beyond.iter().zip(&means);
        let own = |row: &Vec<i32>| draw.map_or(0.0, |draw| f64::from(row[draw as usize]));
        rows.map(|(row, mean)| (own(row) - mean).powi(2)).sum()
    };
    let all = (0..draws.number()).map(|draw| (draw, distance(Some(draw))));
    let (draw, least) = all.min_by(|a, b| a.1.total_cmp(&b.1))?;
    (least < distance(None)).then_some(draw)
}

#[cfg(test)]
mod tests {
    use samenloop_schema::Digest;

    use super::*;
    use crate::quality::RecordQuality;

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
            quality: RecordQuality::default(),
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
            let draws = Draws::of_partitions(&tied(clusters), &draws);
            frozen_partition(&frame, &rows, &tied(clusters), &draws)
        };
        // Mean 25: the draw with 24 is nearest.
        assert_eq!(chosen(10, &[10, 20, 24, 46]), Some(2));
        assert_eq!(chosen(25, &[10, 20, 24, 46]), None);
        assert_eq!(chosen(30, &[30, 30]), None);
        assert_eq!(chosen(30, &[]), None);
    }
}
