//! Which numbers are shown: threshold and insider rule.
//!
//! **Threshold.** A perturbed count under the threshold is withheld, zero like any other small count.
//! *Why the perturbed count:* a rule on the true count would tell, next to the noise, on which side of
//! the threshold the truth lies. *Not protected:* that a cell is withheld tells that its true count is
//! under threshold + D.
//!
//! **Insider rule.** An organisation knows its own clients. If (nearly) all of them are also known to
//! another one, an overlap as large as the organisation itself tells it so about each of them. The
//! overlap AB is shown only if n_AB, n_A − n_AB and n_B − n_AB are each at least the threshold after
//! perturbation; the differences are sets with noise of their own, never shown. What would give the
//! same away is withheld with it: every order of AB; a pattern that holds both A and B while A or B
//! has hardly any client outside the other; a pattern that is (nearly) all of one of its sources; a
//! number of sources, from two up, that holds nearly everyone or the very people of a withheld cell.
//! *Not protected:* where only two sources have clients, unique and per-source counts give the overlap
//! up to the noise of three numbers (standard deviation √(3V)), and so whether it is nearly all.
//! Withholding them would tell the same with certainty.

use std::collections::HashSet;

use crate::lattice::{Axis, Lattice, Measure, Split};
use crate::noise::NoiseKey;
use crate::ptable::PerturbationTable;

/// Counts and cell keys on the released partition, by cell. Nothing here has been protected.
pub(crate) struct Exact<'a> {
    pub counts: &'a [u32],
    pub keys: &'a [u64],
}

/// How exact counts become shown ones.
pub(crate) struct Protection<'a> {
    pub table: &'a PerturbationTable,
    pub key: &'a NoiseKey,
    pub threshold: u32,
}

impl Protection<'_> {
    /// The shown count per cell; none is withheld.
    pub fn shown(&self, lattice: &Lattice, exact: &Exact<'_>) -> Vec<Option<u32>> {
        let noisy = |count: &u32, key: &u64| {
            let count = self.key.perturb(self.table, *count, *key);
            (count >= self.threshold).then_some(count)
        };
        let mut shown: Vec<_> =
            exact.counts.iter().zip(exact.keys).map(|(count, key)| noisy(count, key)).collect();
        let axes = Measure::ALL.map(|measure| lattice.axis(measure));
        for split in &lattice.splits {
            for stratum in 0..split.strata {
                self.insider_rule(lattice, &axes, split, stratum, exact, &mut shown);
            }
        }
        shown
    }

    /// Whether enough of the people of one cell are outside another that lies within it.
    fn enough_beyond(&self, exact: &Exact<'_>, whole: usize, part: usize) -> bool {
        let count = exact.counts[whole] - exact.counts[part];
        let key = exact.keys[whole].wrapping_sub(exact.keys[part]);
        self.key.perturb(self.table, count, key) >= self.threshold
    }

    fn insider_rule(
        &self,
        lattice: &Lattice,
        axes: &[Vec<Axis>; 6],
        split: &Split,
        stratum: usize,
        exact: &Exact<'_>,
        shown: &mut [Option<u32>],
    ) {
        let source = |a: u16| lattice.cell(split, Measure::Sources, a.into(), stratum);
        let parties = lattice.parties as u16;
        let mut close = HashSet::new();
        let mut withheld_sets = HashSet::new();
        for pair in &axes[Measure::Overlap as usize] {
            let (a, b) = (pair.sources[0], pair.sources[1]);
            let overlap = lattice.overlap(split, a, b, stratum);
            if ![a, b].iter().all(|own| self.enough_beyond(exact, source(*own), overlap)) {
                close.insert((a, b));
                shown[overlap] = None;
                withheld_sets.insert(exact.keys[overlap]);
            }
        }
        for (place, sequence) in axes[Measure::Sequence as usize].iter().enumerate() {
            let overlap = lattice.overlap(split, sequence.sources[0], sequence.sources[1], stratum);
            if shown[overlap].is_none() {
                shown[lattice.cell(split, Measure::Sequence, place, stratum)] = None;
            }
        }
        for (place, pattern) in axes[Measure::Patterns as usize].iter().enumerate() {
            let sources = &pattern.sources;
            let cell = lattice.cell(split, Measure::Patterns, place, stratum);
            let pairs = || {
                (0..sources.len())
                    .flat_map(|i| (i + 1..sources.len()).map(move |j| (sources[i], sources[j])))
            };
            let told = pairs().any(|pair| close.contains(&pair))
                || !sources.iter().all(|own| self.enough_beyond(exact, source(*own), cell));
            if sources.len() > 1 && told {
                shown[cell] = None;
                withheld_sets.insert(exact.keys[cell]);
            }
        }
        let everyone = lattice.cell(split, Measure::Unique, 0, stratum);
        for count in 2..=parties {
            let cell = lattice.cell(split, Measure::Stacking, usize::from(count) - 1, stratum);
            let same = withheld_sets.contains(&exact.keys[cell]);
            if same || !self.enough_beyond(exact, everyone, cell) {
                shown[cell] = None;
            }
        }
    }
}
