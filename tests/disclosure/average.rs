//! Averaging: the same people reached in pieces, by every code list.
//!
//! A number without a split and the sum of its pieces by a dimension tell of the same people. The
//! attacker, who is told which pieces are empty, takes the mean of all that are wholly shown, weighted
//! by their noise.

use crate::difference::Numbers;
use crate::round::{Lattice, Place};

/// Squared errors of the single number and of the mean, over cells that have a second way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Errors {
    pub cells: usize,
    pub single: f64,
    pub mean: f64,
}

impl Errors {
    pub fn deviations(self) -> (f64, f64) {
        let root = |sum: f64| (sum / self.cells.max(1) as f64).sqrt();
        (root(self.single), root(self.mean))
    }
}

pub fn average(lattice: &Lattice, shown: &Numbers, dimensions: usize, errors: &mut Errors) {
    for (place, number) in shown {
        let (Some(number), None) = (number, place.split) else { continue };
        let (mut weights, mut sum, mut ways) = (1.0, f64::from(*number), 1);
        for dimension in 0..dimensions {
            let pieces: Vec<&Place> = lattice
                .truth
                .keys()
                .filter(|own| {
                    own.split.is_some_and(|(d, _)| d == dimension)
                        && Place { split: None, ..(*own).clone() } == *place
                })
                .collect();
            let counts: Option<Vec<u32>> =
                pieces.iter().map(|piece| shown.get(piece).copied().flatten()).collect();
            if let Some(counts) = counts.filter(|counts| !counts.is_empty()) {
                let weight = 1.0 / counts.len() as f64;
                weights += weight;
                sum += weight * f64::from(counts.iter().sum::<u32>());
                ways += 1;
            }
        }
        if ways > 1 {
            let truth = f64::from(lattice.count(place));
            errors.cells += 1;
            errors.single += (f64::from(*number) - truth).powi(2);
            errors.mean += (sum / weights - truth).powi(2);
        }
    }
}
