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
//! same away is withheld with it: every order and every flow of AB; a pattern that holds both A and B
//! while A or B has hardly any client outside the other; a pattern that is (nearly) all of one of its
//! sources; a number of sources that holds nearly everyone, or from two up the very people of a
//! withheld cell. The same goes for source types, and for hardly anyone as for nearly all: the clients
//! whom one source alone knows are withheld where they are nearly all of its clients, and so is
//! everyone known to one source where they are nearly all that source's. Whoever came back is withheld
//! where that is nearly everyone, of all sources or of one, because it would be told of each of them.
//!
//! **One source's strata.** Where hardly anyone of a code is unknown to one source, only what each
//! source alone tells is shown of that code, and that is split by the source's own codes. First
//! contacts by period, and who came back, of all sources together, are shown where enough people in
//! them are unknown to each source. *Why:* such
//! people are as good as that source's own, which knows them. A partner that invents clients beside
//! one real person, under a code of its choice, would know every number there but for that person, and
//! equal sets have equal numbers: one look would tell whether anyone else knows the person (with these
//! rules its answers are right half of the time, without them always; `tests/disclosure`). *Not
//! protected:* against a partner that knows for certain of as many clients as the threshold that
//! another source has them too, and gives them the same codes.
//!
//! *Not protected by the insider rule:* where only two sources have clients, unique and per-source
//! counts give the overlap up to the noise of three numbers (standard deviation √(3V)), and so whether
//! it is nearly all. Withholding them would tell the same with certainty.

use std::collections::HashSet;

use crate::lattice::{Axis, Lattice, Split};
use crate::measure::{Family, Measure, Return};
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
    /// Shown counts are rounded to the nearest multiple of this.
    pub round_to: u32,
}

impl Protection<'_> {
    /// The shown count per cell; none is withheld.
    pub fn shown(&self, lattice: &Lattice, exact: &Exact<'_>) -> Vec<Option<u32>> {
        let noisy = |count: &u32, key: &u64| {
            let count = self.key.perturb(self.table, *count, *key);
            (count >= self.threshold).then_some(count)
        };
        let each = exact.counts.iter().zip(exact.keys).take(lattice.cells);
        let mut shown: Vec<_> = each.map(|(count, key)| noisy(count, key)).collect();
        let families = [Family::SOURCES, Family::TYPES];
        let families = families.map(|family| Axes::new(lattice, family));
        for split in &lattice.splits {
            for stratum in 0..split.strata {
                if split.of_linkage {
                    // Only clients of each source, and of all together, are split by such a list.
                    if self.is_one_source_s(lattice, split, stratum, exact) {
                        Self::withhold_what_is_joint(lattice, split, stratum, &mut shown);
                    }
                    continue;
                }
                for axes in families.iter().filter(|axes| !axes.overlap.is_empty()) {
                    self.insider_rule(lattice, axes, split, stratum, exact, &mut shown);
                }
                self.came_back_rule(lattice, split, stratum, exact, &mut shown);
                self.shared_months_rule(lattice, split, stratum, exact, &mut shown);
                if !split.dimensions.is_empty()
                    && self.is_one_source_s(lattice, split, stratum, exact)
                {
                    Self::withhold_what_is_joint(lattice, split, stratum, &mut shown);
                }
            }
        }
        shown.iter_mut().flatten().for_each(|count| *count = self.rounded(*count));
        shown
    }

    /// To the nearest multiple; the threshold has been applied before.
    const fn rounded(&self, count: u32) -> u32 {
        (count + self.round_to / 2) / self.round_to * self.round_to
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
        axes: &Axes,
        split: &Split,
        stratum: usize,
        exact: &Exact<'_>,
        shown: &mut [Option<u32>],
    ) {
        let family = &axes.family;
        let each = |a: u16| lattice.known(split, family, a, stratum);
        let mut close = HashSet::new();
        let mut withheld_sets = HashSet::new();
        for pair in &axes.overlap {
            let units = &pair.units;
            let overlap = lattice.overlap(split, family, units, stratum);
            if !units.iter().all(|own| self.enough_beyond(exact, each(*own), overlap)) {
                close.insert((units[0], units[1]));
                shown[overlap] = None;
                withheld_sets.insert(exact.keys[overlap]);
            }
        }
        for (measure, axis) in [(family.sequence, &axes.sequence), (family.flows, &axes.flows)] {
            if split.begins[measure as usize].is_none() {
                continue;
            }
            for (place, cell) in axis.iter().enumerate() {
                if shown[lattice.overlap(split, family, &cell.units, stratum)].is_none() {
                    shown[lattice.cell(split, measure, place, stratum)] = None;
                }
            }
        }
        for (place, pattern) in axes.patterns.iter().enumerate() {
            let units = &pattern.units;
            let cell = lattice.cell(split, family.patterns, place, stratum);
            let pairs = || {
                (0..units.len())
                    .flat_map(|i| (i + 1..units.len()).map(move |j| (units[i], units[j])))
            };
            let told = pairs().any(|pair| close.contains(&pair))
                || !units.iter().all(|own| self.enough_beyond(exact, each(*own), cell));
            if told {
                shown[cell] = None;
                withheld_sets.insert(exact.keys[cell]);
            }
        }
        let everyone = lattice.cell(split, Measure::Unique, 0, stratum);
        for place in 0..lattice.extent.units(family.stacking) {
            let cell = lattice.cell(split, family.stacking, place, stratum);
            let same = place > 0 && withheld_sets.contains(&exact.keys[cell]);
            if same || !self.enough_beyond(exact, everyone, cell) {
                shown[cell] = None;
            }
        }
        // People whom one source alone knows are that source's, if hardly anyone else is among them.
        let alone = lattice.cell(split, family.stacking, 0, stratum);
        let single = axes.patterns.iter().enumerate().filter(|(_, axis)| axis.units.len() == 1);
        let own = |(place, _)| lattice.cell(split, family.patterns, place, stratum);
        if !single.map(own).all(|own| self.enough_beyond(exact, alone, own)) {
            shown[alone] = None;
        }
    }

    /// Whether hardly anyone in a stratum is unknown to one source.
    fn is_one_source_s(
        &self,
        lattice: &Lattice,
        split: &Split,
        stratum: usize,
        exact: &Exact<'_>,
    ) -> bool {
        let everyone = lattice.cell(split, Measure::Unique, 0, stratum);
        (0..lattice.extent.parties as u16).any(|source| {
            let own = lattice.known(split, &Family::SOURCES, source, stratum);
            !self.enough_beyond(exact, everyone, own)
        })
    }

    /// Withholds everything of a stratum but what each source alone tells.
    fn withhold_what_is_joint(
        lattice: &Lattice,
        split: &Split,
        stratum: usize,
        shown: &mut [Option<u32>],
    ) {
        for measure in Measure::ALL {
            let Some(begin) = split.begins[measure as usize] else { continue };
            for (place, axis) in lattice.axis(measure).iter().enumerate() {
                let own = matches!(measure, Measure::Sources | Measure::SourceTypes)
                    || (measure == Measure::Recidivism && !axis.units.is_empty());
                if !own {
                    shown[begin + place * split.strata + stratum] = None;
                }
            }
        }
    }

    /// Months that hardly anyone but one source's clients fill are that source's.
    fn shared_months_rule(
        &self,
        lattice: &Lattice,
        split: &Split,
        stratum: usize,
        exact: &Exact<'_>,
        shown: &mut [Option<u32>],
    ) {
        for measure in Measure::SHARED_MONTHS {
            for place in 0..lattice.extent.shared_places(measure) {
                let cell = |source| lattice.shared(split, measure, place, source, stratum);
                let Some(begin) = split.begins[measure as usize] else { continue };
                let whole = begin + place * split.strata + stratum;
                if shown[whole].is_none() {
                    continue;
                }
                let mut owned = (0..lattice.extent.parties as u16).filter_map(cell);
                if !owned.all(|own| self.enough_beyond(exact, whole, own)) {
                    shown[whole] = None;
                }
            }
        }
    }

    fn came_back_rule(
        &self,
        lattice: &Lattice,
        split: &Split,
        stratum: usize,
        exact: &Exact<'_>,
        shown: &mut [Option<u32>],
    ) {
        for who in 0..=lattice.extent.parties {
            let whole = match who.checked_sub(1) {
                None => lattice.cell(split, Measure::Unique, 0, stratum),
                Some(source) => lattice.cell(split, Measure::Sources, source, stratum),
            };
            let place = who * Return::ALL.len() + Return::CameBack as usize;
            let cell = lattice.cell(split, Measure::Recidivism, place, stratum);
            if !self.enough_beyond(exact, whole, cell) {
                shown[cell] = None;
            }
        }
    }
}

/// The axes over which the insider rule goes, for sources or for source types.
struct Axes {
    family: Family,
    overlap: Vec<Axis>,
    sequence: Vec<Axis>,
    flows: Vec<Axis>,
    patterns: Vec<Axis>,
}

impl Axes {
    fn new(lattice: &Lattice, family: Family) -> Self {
        let [overlap, sequence, flows, patterns] =
            [family.overlap, family.sequence, family.flows, family.patterns]
                .map(|measure| lattice.axis(measure));
        Self { family, overlap, sequence, flows, patterns }
    }
}
