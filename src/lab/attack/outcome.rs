//! What an attack achieved, with its uncertainty.

use serde::Serialize;

/// One attack on one scheme.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Its number and what it does: `A2 graph`.
    pub attack: &'static str,
    /// `default` or the name of a control.
    pub scheme: String,
    /// What of a record was attacked: an encoding by name, `match keys`, `all`, `codes alone`.
    pub view: String,
    /// Share of the attacker's list that stands in the file (A2); 1 where it does not vary.
    pub overlap: f64,
    /// Pairs of person and pseudonym that the attacker knows beforehand.
    pub known_pairs: usize,
    /// Records or people that were attacked.
    pub targets: usize,
    /// Of these, recognised (or an attribute of theirs disclosed).
    pub hits: usize,
    /// `hits` / `targets`.
    pub rate: f64,
    /// Lower end of Wilson's 95 % interval of the rate.
    pub lower95: f64,
    /// Upper end of Wilson's 95 % interval of the rate.
    pub upper95: f64,
    /// The rate that the same guessing has with codes alone, without any encoding or match key.
    pub chance: f64,
}

impl Outcome {
    pub(super) fn new(attack: &'static str, view: &str, targets: usize, hits: usize) -> Self {
        let (lower95, upper95) = wilson(hits, targets);
        Self {
            attack,
            scheme: String::new(),
            view: view.to_owned(),
            overlap: 1.0,
            known_pairs: 0,
            targets,
            hits,
            rate: if targets == 0 { 0.0 } else { hits as f64 / targets as f64 },
            lower95,
            upper95,
            chance: 0.0,
        }
    }

    pub(super) fn known(mut self, pairs: usize) -> Self {
        self.known_pairs = pairs;
        self
    }

    pub(super) fn by_chance(mut self, rate: f64) -> Self {
        self.chance = rate;
        self
    }
}

/// Wilson's interval at 95 % (JASA 22, 1927).
#[must_use]
pub fn wilson(hits: usize, targets: usize) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    if targets == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (targets as f64, hits as f64 / targets as f64);
    let centre = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of R's `binom.wilson` (package binom 1.1).
    #[test]
    fn intervals_are_wilsons() {
        for (hits, targets, low, high) in [
            (0, 300, 0.0, 0.012_643),
            (10, 1000, 0.005_442, 0.018_309),
            (5, 10, 0.236_593, 0.763_407),
        ] {
            let (lower, upper) = wilson(hits, targets);
            assert!((lower - low).abs() < 1e-5, "{hits}/{targets}: {lower}");
            assert!((upper - high).abs() < 1e-5, "{hits}/{targets}: {upper}");
        }
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }
}
