//! How much noise a number carries that is made of more than one source's knowledge.
//!
//! A number is *joint* unless one source alone tells it (`sources`, and who came back to one source):
//! what two sources know together decides it, and so it tells each of them something about the other.
//!
//! **Claim.** Whoever knows everyone in every number but for one person, and compares all numbers that
//! may hold its own clients alone, is right at most 60 times in 100 about whether another source knows
//! that person. *Why:* the noise of a joint number is keyed by its place in the lattice besides its set,
//! so that two places with equal sets have unrelated numbers: were they equal, they would prove that the
//! sets are equal, whatever the variance. What remains is n looks, each of which one person moves by 1.
//! Of two normal distributions a distance of 1 apart, seen n times with variance V, the likelier is the
//! true one with probability Φ(√n / (2√V)); V = 4 n makes that Φ(1/4) = 0.599. Small counts have less
//! room for noise, since none is negative; under 2.5 standard deviations they tell more and are withheld.
//! `no_count_is_told_by_all_looks_together` computes it for every count, `tests/disclosure` attacks it.
//!
//! *Not protected:* against whoever also knows all clients of the other sources, for whom more numbers
//! are looks (`docs/attacks.md` has the figure), nor where the round's partners agree on less noise.

use samenloop_schema::DisclosurePolicy;

use crate::frame::Frame;
use crate::lattice::{Extent, Lattice, combinations};
use crate::measure::{Family, Measure};
use crate::ptable::{MAX_NOISE, NoiseShape};

/// Variance of the noise for each look, in people squared.
const VARIANCE_PER_LOOK: u32 = 4;
/// Standard deviations that the noise reaches at most.
const REACH: f64 = 3.5;
/// Standard deviations under which a joint number is withheld.
const SHOWN_FROM: f64 = 2.5;

/// The noise of the joint numbers of a release, in people; public like the policy.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct JointNoise {
    /// Joint numbers that one person's link moves and whose people may all be one source's clients.
    pub looks: u32,
    /// Largest absolute noise.
    pub max_noise: u32,
    /// Its variance, in people squared.
    pub variance: f64,
    /// Perturbed counts under this are withheld.
    pub threshold: u32,
}

/// A lattice that asks for one person's link so often that no noise hides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the questions of this round look at what one client's sources share {looks} times, and noise hides \
     at most {most} looks: allow fewer policy.max_dimensions, ask fewer dimensions and roll-ups, or agree \
     on a questions.joint_variance"
)]
pub struct TooManyLooks {
    looks: u32,
    most: u32,
}

impl JointNoise {
    /// From what the round asks: the variance is [`VARIANCE_PER_LOOK`] for each look, or
    /// `questions.joint_variance` where the round's partners agreed on one, and never under the policy's.
    ///
    /// Refuses a lattice of more looks than a perturbation table can hide.
    pub fn of(policy: &DisclosurePolicy, frame: &Frame) -> Result<Self, TooManyLooks> {
        let looks = looks(policy, frame);
        let agreed = frame.scope.joint_variance;
        let variance = f64::from(agreed.unwrap_or(looks.saturating_mul(VARIANCE_PER_LOOK)));
        if variance <= policy.variance {
            let DisclosurePolicy { max_noise, variance, threshold, .. } = *policy;
            return Ok(Self { looks, max_noise, variance, threshold });
        }
        let reach = |deviations: f64| (deviations * variance.sqrt()).ceil() as u32;
        let max_noise = reach(REACH).max(policy.max_noise);
        if max_noise > MAX_NOISE {
            let deviation = f64::from(MAX_NOISE) / REACH;
            let most = (deviation * deviation / f64::from(VARIANCE_PER_LOOK)) as u32;
            return Err(TooManyLooks { looks, most });
        }
        let threshold = reach(SHOWN_FROM).max(policy.threshold);
        Ok(Self { looks, max_noise, variance, threshold })
    }

    pub(crate) fn shape(&self, policy: &DisclosurePolicy) -> NoiseShape {
        NoiseShape::new(self.max_noise, self.variance, policy.no_small)
    }
}

/// The looks of a lattice: joint numbers that one link moves by 1 and whose people may all be clients of
/// the one source that looks, over every set of code lists.
///
/// Someone whom a source knows alone is in its pattern of one; once another source knows the person, in
/// the pattern, the overlap, an order and the flows of the two instead; where there are no patterns, in
/// another number of sources. Every other joint number (unique people, numbers of sources, trends, who
/// came back to any source) is shown only where it holds enough people whom the looking source does not
/// know, and is no look: their number is not known to it.
fn looks(policy: &DisclosurePolicy, frame: &Frame) -> u32 {
    let extent = Extent::new(frame);
    let of = |family: &Family, dimensions: usize| -> u32 {
        let offered = |measure| u32::from(extent.axis_len(measure, dimensions).is_some());
        // Of two sources the overlap is their pattern, and has its number.
        let overlap = if extent.units(family.overlap) == 2 { 0 } else { offered(family.overlap) };
        // A move lies in a month, a quarter and a year.
        // The one that is left and the one that is entered, of patterns or else of numbers of sources.
        let known = 2 * offered(family.stacking);
        known + overlap + offered(family.sequence) + 3 * offered(family.flows)
    };
    let splits = combinations(frame, policy.max_dimensions);
    // What tells how good the linkage is splits no number that is a look.
    let of_linkage = |list: &usize| frame.of_linkage(*list).is_some();
    let splits = splits.iter().filter(|dimensions| !dimensions.iter().any(of_linkage));
    let each = splits.map(|dimensions| {
        of(&Family::SOURCES, dimensions.len()) + of(&Family::TYPES, dimensions.len())
    });
    each.fold(0, u32::saturating_add)
}

impl Lattice {
    /// Per cell of the questions the place by which its noise is keyed; none where one source alone tells
    /// the number. Cells that hold the same people by definition, those whom all of a family's units
    /// know, share one place and so one number.
    pub fn joint_places(&self) -> Vec<Option<u64>> {
        let mut places = vec![None; self.cells];
        for measure in Measure::ALL {
            let family = if measure.by_type() { Family::TYPES } else { Family::SOURCES };
            let units = self.extent.units(measure);
            let axis = self.axis(measure);
            for split in &self.splits {
                let Some(begin) = split.begins[measure as usize] else { continue };
                for (place, at) in axis.iter().enumerate() {
                    if measure.is_one_source_s(&at.units) {
                        continue;
                    }
                    let all = [family.patterns, family.overlap].contains(&measure)
                        && at.units.len() == units;
                    for stratum in 0..split.strata {
                        let own = begin + place * split.strata + stratum;
                        let shared = || self.cell(split, family.stacking, units - 1, stratum);
                        places[own] = Some(if all { shared() } else { own } as u64);
                    }
                }
            }
        }
        places
    }
}

#[cfg(test)]
#[path = "joint_tests.rs"]
mod tests;
