//! Which numbers are shown: threshold and insider rule.
//!
//! **Threshold.** A perturbed count under the threshold is withheld, zero like any other small count.
//! *Why the perturbed count:* a rule on the true count would tell, next to the noise, on which side of
//! the threshold the truth lies. *Not protected:* that a cell is withheld tells that its true count is
//! under threshold + D. Joint numbers have a threshold and a D of their own ([`crate::joint`]).
//!
//! **The rules look at noise only.** Whether a number is shown is a number itself: a partner can invent
//! so many clients that one person more tips a rule. So the rules compare the perturbed numbers of the
//! lattice, shown or not, and tell nothing that these do not. Where a rule needs to know how many people
//! a source does not know, that number has joint noise of its own; no link of that source's clients
//! moves it.
//!
//! **Insider rule.** An organisation knows its own clients. If (nearly) all of them are also known to
//! another one, an overlap as large as the organisation itself tells it so about each of them. The
//! overlap AB is shown only if n_AB, n_A − n_AB and n_B − n_AB are each at least the threshold, all of
//! them perturbed; n_A and n_B by each one's own codes, which is what it knows. What would give the
//! same away is withheld with it: every order and every flow of AB; a pattern that holds both A and B
//! while A or B has hardly any client outside the other; a pattern that is (nearly) all of one of its
//! sources; a number of sources that holds nearly everyone, or from two up as good as the people of a
//! withheld cell. The same goes for source types, and for hardly anyone as for nearly all: the clients
//! whom one source alone knows are withheld where they are nearly all of its clients, and so are
//! all who are known to so many sources where they are nearly all of one pattern. Whoever came back is
//! withheld where that is nearly everyone, of all sources or of one, because it would be told of each of
//! them.
//!
//! **One source's strata.** Where hardly anyone of a code is unknown to one source, only what each
//! source alone tells is shown of that code, and that is split by the source's own codes. First
//! contacts by period, and who came back, of all sources together, are shown where enough people in
//! them are unknown to each source; so is who is in care by period and code. *Why:* such
//! people are as good as that source's own, which knows them. A partner that invents clients beside
//! one real person, under a code of its choice, would know every number there but for that person.
//! *Not protected by this rule:* against a partner that knows for certain of as many clients as the
//! threshold that another source has them too, and gives them the same codes. Against it stands the
//! noise of joint numbers.
//!
//! *Not protected by the insider rule:* where only two sources have clients, unique and per-source
//! counts give the overlap up to the noise of three numbers, and so whether it is nearly all.
//! Withholding them would tell the same with certainty.

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

/// How much noise a kind of number has, and from where on it is shown.
pub(crate) struct Level<'a> {
    pub table: &'a PerturbationTable,
    pub threshold: u32,
}

/// How exact counts become shown ones.
pub(crate) struct Protection<'a> {
    pub key: &'a NoiseKey,
    /// Of what one source alone tells.
    pub own: Level<'a>,
    /// Of everything else.
    pub joint: Level<'a>,
    /// Shown counts are rounded to the nearest multiple of this.
    pub round_to: u32,
}

/// The perturbed numbers of the lattice, before any is withheld, and from where on each is enough.
struct Noisy {
    counts: Vec<u32>,
    thresholds: Vec<u32>,
}

impl Noisy {
    fn is_enough(&self, cell: usize) -> bool {
        self.counts[cell] >= self.thresholds[cell]
    }

    /// Whether one number is as much larger than another as the larger of their thresholds.
    fn enough_beyond(&self, whole: usize, part: usize) -> bool {
        let threshold = self.thresholds[whole].max(self.thresholds[part]);
        self.counts[whole] >= self.counts[part] + threshold
    }
}

impl Protection<'_> {
    /// The shown count per cell; none is withheld.
    pub fn shown(&self, lattice: &Lattice, exact: &Exact<'_>) -> Vec<Option<u32>> {
        let places = lattice.joint_places();
        let noisy = self.noisy(&places, exact);
        let shown = |cell: usize| noisy.is_enough(cell).then_some(noisy.counts[cell]);
        let mut shown: Vec<_> = (0..lattice.cells).map(shown).collect();
        let families = [Family::SOURCES, Family::TYPES];
        let families = families.map(|family| Axes::new(lattice, family));
        for split in &lattice.splits {
            for stratum in 0..split.strata {
                if split.of_linkage {
                    // Only clients of each source, and of all together, are split by such a list.
                    if self.is_one_source_s(lattice, split, stratum, exact) {
                        withhold_what_is_joint(lattice, split, stratum, &places, &mut shown);
                    }
                    continue;
                }
                for axes in families.iter().filter(|axes| !axes.overlap.is_empty()) {
                    insider_rule(lattice, axes, split, stratum, &noisy, &mut shown);
                }
                came_back_rule(lattice, split, stratum, &noisy, &mut shown);
                self.shared_months_rule(lattice, split, stratum, exact, &mut shown);
                if !split.dimensions.is_empty()
                    && self.is_one_source_s(lattice, split, stratum, exact)
                {
                    withhold_what_is_joint(lattice, split, stratum, &places, &mut shown);
                }
            }
        }
        shown.iter_mut().flatten().for_each(|count| *count = self.rounded(*count));
        shown
    }

    fn noisy(&self, places: &[Option<u64>], exact: &Exact<'_>) -> Noisy {
        let cells = exact.counts.iter().zip(exact.keys).zip(places);
        let count = |((count, key), place): ((&u32, &u64), &Option<u64>)| match place {
            None => self.key.perturb(self.own.table, *count, *key),
            Some(place) => self.key.perturb_at(self.joint.table, *count, *key, *place),
        };
        let threshold = |place: &Option<u64>| match place {
            None => self.own.threshold,
            Some(_) => self.joint.threshold,
        };
        Noisy {
            counts: cells.map(count).collect(),
            thresholds: places.iter().map(threshold).collect(),
        }
    }

    /// To the nearest multiple; the threshold has been applied before.
    const fn rounded(&self, count: u32) -> u32 {
        (count + self.round_to / 2) / self.round_to * self.round_to
    }

    /// Whether enough of the people of one cell are outside a counted one that lies within it.
    fn enough_others(&self, exact: &Exact<'_>, whole: usize, part: usize) -> bool {
        let count = exact.counts[whole] - exact.counts[part];
        let key = exact.keys[whole].wrapping_sub(exact.keys[part]);
        self.key.perturb_at(self.joint.table, count, key, part as u64) >= self.joint.threshold
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
            let own = lattice.known(split, source, stratum);
            !self.enough_others(exact, everyone, own)
        })
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
            // In the whole round hardly anyone can be all who are in care.
            if measure == Measure::InCare && split.dimensions.is_empty() {
                continue;
            }
            for place in 0..lattice.extent.shared_places(measure) {
                let cell = |source| lattice.shared(split, measure, place, source, stratum);
                let Some(begin) = split.begins[measure as usize] else { continue };
                let whole = begin + place * split.strata + stratum;
                if shown[whole].is_none() {
                    continue;
                }
                let mut owned = (0..lattice.extent.parties as u16).filter_map(cell);
                if !owned.all(|own| self.enough_others(exact, whole, own)) {
                    shown[whole] = None;
                }
            }
        }
    }
}

fn insider_rule(
    lattice: &Lattice,
    axes: &Axes,
    split: &Split,
    stratum: usize,
    noisy: &Noisy,
    shown: &mut [Option<u32>],
) {
    let family = &axes.family;
    let each = |a: &u16| lattice.cell(split, family.each, usize::from(*a), stratum);
    let mut close = HashSet::new();
    let mut withheld = vec![];
    for pair in &axes.overlap {
        let units = &pair.units;
        let overlap = lattice.overlap(split, family, units, stratum);
        if !units.iter().all(|own| noisy.enough_beyond(each(own), overlap)) {
            close.insert((units[0], units[1]));
            shown[overlap] = None;
            withheld.push(overlap);
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
    let stacked = |units: usize| lattice.cell(split, family.stacking, units - 1, stratum);
    for (place, pattern) in axes.patterns.iter().enumerate() {
        let units = &pattern.units;
        let cell = lattice.cell(split, family.patterns, place, stratum);
        let pairs = || {
            (0..units.len()).flat_map(|i| (i + 1..units.len()).map(move |j| (units[i], units[j])))
        };
        let told = pairs().any(|pair| close.contains(&pair))
            || !units.iter().all(|own| noisy.enough_beyond(each(own), cell));
        if told {
            shown[cell] = None;
            withheld.push(cell);
        }
        // As many sources know nearly nobody else: they would be as good as told by this pattern.
        if units.len() < lattice.extent.units(family.stacking)
            && !noisy.enough_beyond(stacked(units.len()), cell)
        {
            shown[stacked(units.len())] = None;
        }
    }
    withheld.retain(|cell| noisy.is_enough(*cell));
    let everyone = lattice.cell(split, Measure::Unique, 0, stratum);
    for units in 1..=lattice.extent.units(family.stacking) {
        let cell = stacked(units);
        let alike =
            |told: &usize| !noisy.enough_beyond(cell, *told) && !noisy.enough_beyond(*told, cell);
        let same = units > 1 && withheld.iter().any(alike);
        if same || !noisy.enough_beyond(everyone, cell) {
            shown[cell] = None;
        }
    }
}

/// Withholds everything of a stratum but what each source alone tells.
fn withhold_what_is_joint(
    lattice: &Lattice,
    split: &Split,
    stratum: usize,
    places: &[Option<u64>],
    shown: &mut [Option<u32>],
) {
    for measure in Measure::ALL {
        let Some(begin) = split.begins[measure as usize] else { continue };
        let len = lattice.extent.axis_len(measure, split.dimensions.len()).unwrap_or(0);
        for cell in (0..len).map(|place| begin + place * split.strata + stratum) {
            if places[cell].is_some() {
                shown[cell] = None;
            }
        }
    }
}

fn came_back_rule(
    lattice: &Lattice,
    split: &Split,
    stratum: usize,
    noisy: &Noisy,
    shown: &mut [Option<u32>],
) {
    for who in 0..=lattice.extent.parties {
        let whole = match who.checked_sub(1) {
            None => lattice.cell(split, Measure::Unique, 0, stratum),
            Some(source) => lattice.cell(split, Measure::Sources, source, stratum),
        };
        let place = who * Return::ALL.len() + Return::CameBack as usize;
        let cell = lattice.cell(split, Measure::Recidivism, place, stratum);
        if !noisy.enough_beyond(whole, cell) {
            shown[cell] = None;
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
