//! Making a release: checks, counting, noise, rules, intervals, once.

use rayon::prelude::*;
use samenloop_schema::{BelowFloor, DisclosurePolicy, Draws};
use zeroize::Zeroizing;

use crate::counting::{Partition, count};
use crate::frame::Frame;
use crate::interval::with_intervals;
use crate::joint::{JointNoise, TooManyLooks};
use crate::lattice::Lattice;
use crate::noise::NoiseKey;
use crate::people::{Registration, Registrations};
use crate::ptable::{NoiseError, NoiseShape, PerturbationTable};
use crate::quality::derived;
use crate::release::Release;
use crate::rules::{Exact, Level, Protection};
use crate::size::LatticeSize;

/// Why nothing is released. No text tells anything about the data beyond the rule.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The policy protects less than the floor.
    #[error(transparent)]
    Policy(#[from] BelowFloor),
    /// The policy's noise does not exist.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// No noise hides what the questions ask.
    #[error(transparent)]
    Looks(#[from] TooManyLooks),
    /// The frame is not one of a round.
    #[error("the round's description is not consistent: {0}")]
    Frame(&'static str),
    /// The inputs do not belong together.
    #[error("the linkage does not belong to the submissions: {0}")]
    Input(&'static str),
    /// Too many cells; known before anything is counted.
    #[error(
        "the questions of this round have {cells} cells together, its policy allows {most}; {advice}"
    )]
    TooManyCells {
        /// Of the lattice.
        cells: u64,
        /// The policy's number.
        most: u64,
        /// What could be left out.
        advice: String,
    },
    /// Too few parties contributed.
    #[error(
        "nothing is released: a release needs records of at least {needed} parties; that is the \
         floor that protects the clients of the others"
    )]
    TooFewParties {
        /// The manifest's number.
        needed: usize,
    },
    /// Too few people.
    #[error(
        "nothing is released: a release needs at least {needed} different people; among fewer, a \
         count soon points at someone"
    )]
    TooFewPeople {
        /// The policy's number.
        needed: u32,
    },
}

/// Counts every question of the closed lattice on one partition and protects every number.
///
/// `clusters` is the released partition, a label per registration, below the number of registrations,
/// and `draws` those of the posterior: the linkage's clusters, beside which they were drawn, or any one
/// of the draws. The noise key ends with this call. The result depends neither on the order of the
/// registrations nor on the labels.
pub fn materialise(
    policy: &DisclosurePolicy,
    frame: Frame,
    registrations: &[Registration],
    clusters: &[u32],
    draws: &Draws,
    key: NoiseKey,
) -> Result<Release, Refusal> {
    policy.check_floor()?;
    if let Some(rule) = frame.broken_rule() {
        return Err(Refusal::Frame(rule));
    }
    check_inputs(&frame, registrations, clusters, draws)?;
    let joint = JointNoise::of(policy, &frame)?;
    let own_table = PerturbationTable::new(&NoiseShape::new(
        policy.max_noise,
        policy.variance,
        policy.no_small,
    ))?;
    let joint_table = PerturbationTable::new(&joint.shape(policy))?;
    let (size, most) = (LatticeSize::of(policy, &frame), policy.max_cells);
    if size.cells > most {
        let advice = size.advice();
        return Err(Refusal::TooManyCells { cells: size.cells, most, advice });
    }
    let mut contributed = vec![false; frame.parties.len()];
    registrations.iter().for_each(|row| contributed[usize::from(row.party)] = true);
    if contributed.iter().filter(|has| **has).count() < frame.min_parties {
        return Err(Refusal::TooFewParties { needed: frame.min_parties });
    }

    let lattice = Lattice::new(policy, &frame);
    let record_keys: Zeroizing<Vec<u64>> =
        Zeroizing::new(registrations.par_iter().map(|row| key.record(&row.digest)).collect());
    let mut rows = Registrations::new(registrations, &record_keys, &frame);
    let grouped = rows.group(clusters);
    let released = Partition { labels: clusters, grouped: &grouped };
    if !frame.scope.linkage.is_empty() {
        let births: Vec<_> = registrations.iter().map(|row| row.quality.births).collect();
        rows.derived = derived(clusters, draws, &births);
    }
    let unique = grouped.people().count();
    if unique < policy.min_unique as usize {
        return Err(Refusal::TooFewPeople { needed: policy.min_unique });
    }
    let (counts, keys) = count(&lattice, &rows, &grouped);
    let protection = Protection {
        key: &key,
        own: Level { table: &own_table, threshold: policy.threshold },
        joint: Level { table: &joint_table, threshold: joint.threshold },
        round_to: frame.scope.round_to,
    };
    let shown = protection.shown(&lattice, &Exact { counts: &counts, keys: &keys });
    let numbers = with_intervals(&lattice, &rows, &released, &shown, draws);
    Ok(Release::new(frame, policy.clone(), joint, lattice, numbers))
}

fn check_inputs(
    frame: &Frame,
    registrations: &[Registration],
    clusters: &[u32],
    draws: &Draws,
) -> Result<(), Refusal> {
    let rows = registrations.len();
    if u32::try_from(rows).is_err() {
        return Err(Refusal::Input("there are more registrations than can be indexed"));
    }
    if clusters.len() != rows || clusters.iter().any(|label| *label as usize >= rows) {
        return Err(Refusal::Input("a partition needs one label below the count per registration"));
    }
    if !draws.fits(clusters) {
        return Err(Refusal::Input("a draw needs each registration in one cluster"));
    }
    let listed =
        |row: &Registration| {
            row.codes.len() == frame.dimensions.len()
                && row.codes.iter().zip(&frame.dimensions).all(|(code, list)| {
                    code.is_none_or(|code| usize::from(code) < list.codes.len())
                })
        };
    if !registrations.iter().all(|row| usize::from(row.party) < frame.parties.len()) {
        return Err(Refusal::Input("a registration is of a party outside the manifest"));
    }
    if !registrations.iter().all(listed) {
        return Err(Refusal::Input("a registration has a code outside the code lists"));
    }
    Ok(())
}
