//! How else the records could be clustered, and what that means for the number of people.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use samenloop_schema::Draws;

use crate::cluster::Graph;
use crate::imputed::{impute, normal};
use crate::members::Members;
use crate::partitions::{Explorer, Further};
use crate::population::Population;
use crate::run::{LinkError, Progress};
use crate::unseen::Unseen;

/// What the pairs of a cluster say beyond the strongest that hold it together. A badly written record
/// resembles the other records of its person hardly more than strangers', so that they speak little
/// against it; chosen on synthetic rounds, so that records are together in as many draws as they are of
/// one person (`docs/linkage-model.md`).
const FURTHER: Further = Further { share: 0.4, least: -2.0 };

/// Standard deviation of a doubt about the odds of a join as such, which all joins of a draw share: they
/// are learnt from one round and wrong together.
const DOUBT: f64 = 1.0;

/// Components that one thread explores at a time.
const TOGETHER: usize = 64;

/// A number of people with its 95 % interval from linkage uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Expected number.
    pub mean: f64,
    /// Low end of the interval.
    pub low: f64,
    /// High end of the interval.
    pub high: f64,
}

/// The posterior over partitions, component by component.
#[derive(Debug)]
pub struct Posterior {
    estimate: Estimate,
    draws: Draws,
}

impl Posterior {
    pub(crate) fn new(
        population: &Population,
        graph: &Graph,
        clusters: &[u32],
        members: &Members,
        unseen: &[Unseen],
        draws: u32,
        progress: &dyn Progress,
    ) -> Result<Self, LinkError> {
        let components = graph.components();
        let size = |cluster: u32| members.cluster(cluster).len();
        let seed = u64::from_le_bytes(population.digest.0[8..16].try_into().unwrap_or_default());
        let mut state = seed;
        let odds: Vec<f64> = (0..draws).map(|_| (DOUBT * normal(&mut state)).exp()).collect();
        let done = AtomicU64::new(0);
        let places: Vec<usize> = (0..components.len()).collect();
        let explored: Vec<Draws> = places
            .par_chunks(TOGETHER)
            .map_init(Explorer::default, |explorer, places| {
                if progress.cancelled() {
                    return Err(LinkError::Cancelled);
                }
                let mut found = Draws::new(draws);
                for place in places {
                    let component = components.records(*place);
                    explorer.enter(graph, component, FURTHER);
                    let start = component.iter().map(|record| clusters[*record as usize]);
                    explorer.explore(start, &odds, seed ^ *place as u64);
                    explorer.list(|together, mask| {
                        let of = |member: &u32| component[*member as usize];
                        let cluster = clusters[of(&together[0]) as usize];
                        let own = size(cluster) == together.len()
                            && together.iter().all(|m| clusters[of(m) as usize] == cluster);
                        if !(own && mask == found.every()) {
                            let global = |member| population.global[of(member) as usize];
                            found.push(together.iter().map(global), mask);
                        }
                    });
                }
                let done =
                    places.len() as u64 + done.fetch_add(places.len() as u64, Ordering::Relaxed);
                progress.permille(920 + (done * 79 / components.len() as u64) as u32);
                Ok(found)
            })
            .collect::<Result<_, _>>()?;
        let mut all = Draws::new(draws);
        let mut uncertain = vec![false; clusters.len()];
        components.records.iter().for_each(|record| uncertain[*record as usize] = true);
        for (record, cluster) in clusters.iter().enumerate().filter(|(at, _)| !uncertain[*at]) {
            // What held it to its cluster was cut.
            if size(*cluster) > 1 && draws > 0 {
                all.push([population.global[record]], &all.every());
            }
        }
        explored.into_iter().for_each(|found| all.append(found));
        let mut global = vec![0; clusters.len()];
        clusters.iter().zip(&population.global).for_each(|(c, at)| global[*at as usize] = *c);
        let all = impute(population, graph, members, unseen, &all, !seed);
        Ok(Self { estimate: estimate(&global, &all), draws: all })
    }

    /// Unique people in all sources together.
    #[must_use]
    pub fn unique(&self) -> Estimate {
        self.estimate
    }

    /// Partitions drawn from the posterior, beside the linkage's clusters.
    #[must_use]
    pub const fn draws(&self) -> &Draws {
        &self.draws
    }
}

/// Mean number of people over the draws, and 1.96 of their standard deviations around it.
fn estimate(clusters: &[u32], draws: &Draws) -> Estimate {
    let mut people = vec![0.0_f64; draws.number() as usize];
    let listed = draws.lists(clusters.len());
    for (_, mask) in draws.clusters() {
        for (word, bits) in mask.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                people[word * 64 + bits.trailing_zeros() as usize] += 1.0;
                bits &= bits - 1;
            }
        }
    }
    let count = clusters.iter().max().map_or(0, |last| *last as usize + 1);
    let mut same = vec![false; count];
    for (record, cluster) in clusters.iter().enumerate() {
        same[*cluster as usize] |= !listed[record];
    }
    let same = same.iter().filter(|same| **same).count() as f64;
    let number = people.len().max(1) as f64;
    let mean = people.iter().sum::<f64>() / number;
    let variance = people.iter().map(|people| (people - mean).powi(2)).sum::<f64>() / number;
    let half = 1.96 * variance.sqrt();
    Estimate { mean: same + mean, low: same + mean - half, high: same + mean + half }
}
