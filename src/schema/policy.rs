//! The disclosure policy of a round and the floor that no configuration can go below.

use serde::{Deserialize, Serialize};

/// How numbers leave: cell-key noise, threshold, and what a question may ask.
///
/// The parameters are public; only the noise key of a release is secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DisclosurePolicy {
    /// Largest absolute noise (D), in people.
    pub max_noise: u32,
    /// Variance of the noise (V), in people squared.
    pub variance: f64,
    /// Perturbed counts from 1 up to and including this never occur (js).
    pub no_small: u32,
    /// Perturbed counts under this are suppressed.
    pub threshold: u32,
    /// Most dimensions that one question may combine.
    pub max_dimensions: usize,
    /// Most cells of the whole lattice.
    pub max_cells: u64,
    /// Unique people without whom nothing is released.
    pub min_unique: u32,
}

impl Default for DisclosurePolicy {
    fn default() -> Self {
        Self {
            max_noise: 5,
            variance: 3.0,
            no_small: 2,
            threshold: 10,
            max_dimensions: 1,
            max_cells: 1_000_000,
            min_unique: 100,
        }
    }
}

/// A policy that protects less than the floor.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("policy.{key} = {found} protects less than the floor: it must be {bound}")]
pub struct BelowFloor {
    /// The key.
    pub key: &'static str,
    /// In the manifest.
    pub found: f64,
    /// What would be right.
    pub bound: &'static str,
}

impl DisclosurePolicy {
    /// Refuses a policy that protects less than the shipped one.
    pub fn check_floor(&self) -> Result<(), BelowFloor> {
        let rules = [
            ("max_noise", f64::from(self.max_noise), self.max_noise >= 5, "5 or more"),
            ("variance", self.variance, self.variance >= 3.0, "3 or more"),
            ("no_small", f64::from(self.no_small), self.no_small >= 2, "2 or more"),
            ("threshold", f64::from(self.threshold), self.threshold >= 10, "10 or more"),
            ("max_dimensions", self.max_dimensions as f64, self.max_dimensions <= 3, "3 or less"),
            (
                "max_cells",
                self.max_cells as f64,
                self.max_cells <= 10_000_000,
                "10,000,000 or less",
            ),
            ("min_unique", f64::from(self.min_unique), self.min_unique >= 100, "100 or more"),
        ];
        match rules.into_iter().find(|(_, _, holds, _)| !holds) {
            Some((key, found, _, bound)) => Err(BelowFloor { key, found, bound }),
            None => Ok(()),
        }
    }
}
