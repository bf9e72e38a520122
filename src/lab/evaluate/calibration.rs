//! Whether pairs that are said to be of one person with a certain probability are so as often.

use serde::Serialize;

/// Pairs between these probabilities are neither sure to be of one person nor sure not to be.
const DOUBTFUL: (f64, f64) = (0.05, 0.95);

const BINS: usize = 10;

/// How the probabilities of doubtful pairs compare with the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Pairs with a probability between 0.05 and 0.95.
    pub doubtful: u64,
    /// Mean distance of expected and true share over the bins, weighted by their pairs.
    pub error: f64,
    /// The doubtful pairs in ascending order of their probability, in ten parts of equal number.
    pub curve: Vec<Bin>,
    /// The doubtful pairs themselves, to be put together with those of other rounds.
    #[serde(skip)]
    pub pairs: Vec<(f64, bool)>,
}

/// Some pairs of about the same probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Pairs.
    pub pairs: u64,
    /// Their mean probability to be of one person.
    pub expected: f64,
    /// The share of them that is.
    #[serde(rename = "true")]
    pub truth: f64,
}

impl Calibration {
    /// From pairs with their probability and whether they are of one person.
    pub(crate) fn new(pairs: impl Iterator<Item = (f64, bool)>) -> Self {
        let mut doubtful: Vec<(f64, bool)> =
            pairs.filter(|(p, _)| DOUBTFUL.0 < *p && *p < DOUBTFUL.1).collect();
        doubtful.sort_by(|a, b| a.0.total_cmp(&b.0));
        let curve: Vec<Bin> = (0..BINS)
            .map(|bin| &doubtful[bin * doubtful.len() / BINS..(bin + 1) * doubtful.len() / BINS])
            .filter(|part| !part.is_empty())
            .map(|part| Bin {
                pairs: part.len() as u64,
                expected: part.iter().map(|(p, _)| p).sum::<f64>() / part.len() as f64,
                truth: part.iter().filter(|(_, one)| *one).count() as f64 / part.len() as f64,
            })
            .collect();
        let off = |bin: &Bin| bin.pairs as f64 * (bin.expected - bin.truth).abs();
        let error = curve.iter().map(off).sum::<f64>() / (doubtful.len() as f64).max(1.0);
        Self { doubtful: doubtful.len() as u64, error, curve, pairs: doubtful }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubtful_pairs_are_held_against_the_truth_and_sure_ones_are_not() {
        let even = (0..100).map(|pair| (0.5, pair % 2 == 0));
        let calibration = Calibration::new(even.chain([(0.99, false), (0.01, true)]));
        assert_eq!((calibration.doubtful, calibration.curve.len()), (100, BINS));
        assert!(calibration.error < 1e-9, "{calibration:?}");
        let boasting = (0..100).map(|pair| (0.88, pair % 2 == 0));
        assert!((Calibration::new(boasting).error - 0.38).abs() < 1e-6);
        assert_eq!(Calibration::new([].into_iter()).error, 0.0);
    }
}
