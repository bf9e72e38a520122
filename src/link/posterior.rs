//! How else the records could be clustered, and what that means for the number of people.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use samenloop_schema::Draws;

use crate::cluster::Graph;
use crate::partitions::{Explorer, Moments};
use crate::population::Population;
use crate::run::{LinkError, Progress};
use crate::unseen::Unseen;

/// The most that a pair speaks against being one person, as log-odds, and what a pair without an edge
/// says. A badly written record resembles the other records of its person hardly more than strangers';
/// what it resembles decides.
const AGAINST: f64 = -2.0;

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
        unseen: Unseen,
        draws: u32,
        progress: &dyn Progress,
    ) -> Result<Self, LinkError> {
        let components = graph.components();
        let mut sizes = vec![0_u32; clusters.len()];
        clusters.iter().for_each(|cluster| sizes[*cluster as usize] += 1);
        let seed = u64::from_le_bytes(population.digest.0[8..16].try_into().unwrap_or_default());
        let done = AtomicU64::new(0);
        let places: Vec<usize> = (0..components.len()).collect();
        let explored: Vec<(Vec<Moments>, Draws)> = places
            .par_chunks(TOGETHER)
            .map_init(Explorer::default, |explorer, places| {
                if progress.cancelled() {
                    return Err(LinkError::Cancelled);
                }
                let mut found = Draws::new(draws);
                let explore = |place: &usize| {
                    let component = components.records(*place);
                    explorer.enter(graph, component, AGAINST);
                    let start = component.iter().map(|record| clusters[*record as usize]);
                    explorer.explore(start, draws, seed ^ *place as u64);
                    explorer.list(|members, mask| {
                        let of = |member: &u32| component[*member as usize];
                        let cluster = clusters[of(&members[0]) as usize];
                        let own = sizes[cluster as usize] as usize == members.len()
                            && members.iter().all(|m| clusters[of(m) as usize] == cluster);
                        if !(own && mask == found.every()) {
                            let global = |member| population.global[of(member) as usize];
                            found.push(members.iter().map(global), mask);
                        }
                    });
                    explorer.moments()
                };
                let moments: Vec<Moments> = places.iter().map(explore).collect();
                let done =
                    places.len() as u64 + done.fetch_add(places.len() as u64, Ordering::Relaxed);
                progress.permille(920 + (done * 79 / components.len() as u64) as u32);
                Ok((moments, found))
            })
            .collect::<Result<_, _>>()?;
        let alone = (population.len() - components.records.len()) as f64;
        let moments = || explored.iter().flat_map(|(moments, _)| moments);
        let people = alone + moments().map(|part| part.mean).sum::<f64>();
        // Every join that nothing tells of makes one person of two.
        let mean = people - unseen.mean;
        let variance = unseen.variance + moments().map(|part| part.variance.max(0.0)).sum::<f64>();
        let half = 1.96 * variance.sqrt();

        let mut all = Draws::new(draws);
        let mut uncertain = vec![false; clusters.len()];
        components.records.iter().for_each(|record| uncertain[*record as usize] = true);
        for (record, cluster) in clusters.iter().enumerate().filter(|(at, _)| !uncertain[*at]) {
            // What held it to its cluster was cut.
            if sizes[*cluster as usize] > 1 && draws > 0 {
                all.push([population.global[record]], &all.every());
            }
        }
        explored.into_iter().for_each(|(_, found)| all.append(found));
        Ok(Self { estimate: Estimate { mean, low: mean - half, high: mean + half }, draws: all })
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
