//! How else the records could be clustered, and what that means for the number of people.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::cluster::{Graph, number_from};
use crate::partitions::{Partitions, Weights, explore};
use crate::population::Population;
use crate::run::{LinkError, Progress};
use crate::unseen::Unseen;

/// The most that a pair speaks against being one person, as log-odds, and what a pair without an edge
/// says. A badly written record resembles the other records of its person hardly more than strangers';
/// what it resembles decides.
const AGAINST: f64 = -2.0;

/// Draws and components that are put together at a time.
const DRAWS: usize = 16;
const COMPONENTS: usize = 512;

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
    /// Per draw, the labels of the records of uncertain components, in the order of `members`.
    draws: Vec<Vec<u32>>,
    /// Global index of those records.
    members: Vec<u32>,
    records: usize,
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
        let done = AtomicU64::new(0);
        let explored: Vec<Partitions> = components
            .par_iter()
            .enumerate()
            .map(|(place, component)| {
                if progress.cancelled() {
                    return Err(LinkError::Cancelled);
                }
                let place_of = |record: &u32| component.binary_search(record).ok();
                let rows = component.iter().map(|record| {
                    let row = graph.neighbours[*record as usize].iter();
                    row.filter_map(|(other, weight)| {
                        Some((place_of(other)? as u32, weight.max(AGAINST)))
                    })
                    .collect()
                });
                let exclusive = component.iter().map(|record| graph.exclusive(*record));
                let weights = Weights::new(rows.collect(), AGAINST, exclusive.collect());
                let start: Vec<u32> =
                    component.iter().map(|record| clusters[*record as usize]).collect();
                let seed =
                    u64::from_le_bytes(population.digest.0[8..16].try_into().unwrap_or_default());
                let explored = explore(&weights, &start, draws, seed ^ place as u64);
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                progress.permille(920 + (done * 79 / components.len() as u64) as u32);
                Ok(explored)
            })
            .collect::<Result<_, _>>()?;
        let members: Vec<u32> =
            components.iter().flatten().map(|record| population.global[*record as usize]).collect();
        let alone = (population.len() - members.len()) as f64;
        let people = alone + explored.iter().map(|part| part.mean).sum::<f64>();
        // Every join that nothing tells of makes one person of two.
        let mean = people - unseen.mean;
        let variance =
            unseen.variance + explored.iter().map(|part| part.variance.max(0.0)).sum::<f64>();
        let half = 1.96 * variance.sqrt();
        let parts: Vec<(&Partitions, usize)> =
            explored.iter().zip(components.iter().map(Vec::len)).collect();
        let numbers: Vec<usize> = (0..draws as usize).collect();
        // Some draws of some components at a time, so that what a component holds is read once.
        let draws = numbers.par_chunks(DRAWS).flat_map_iter(|draws| {
            let mut drawn: Vec<(u32, Vec<u32>)> =
                draws.iter().map(|_| (0, Vec::with_capacity(members.len()))).collect();
            for parts in parts.chunks(COMPONENTS) {
                for (draw, (next, labels)) in draws.iter().zip(&mut drawn) {
                    for (part, size) in parts {
                        *next = number_from(*next, &part.draws[draw * size..][..*size], labels);
                    }
                }
            }
            drawn.into_iter().map(|(_, labels)| labels)
        });
        let draws = draws.collect();
        Ok(Self {
            estimate: Estimate { mean, low: mean - half, high: mean + half },
            draws,
            members,
            records: population.len(),
        })
    }

    /// Unique people in all sources together.
    #[must_use]
    pub fn unique(&self) -> Estimate {
        self.estimate
    }

    /// Number of draws.
    #[must_use]
    pub fn draws(&self) -> u32 {
        self.draws.len() as u32
    }

    /// Clusters of one draw in global order, numbered from 0; draws beyond the last begin anew.
    #[must_use]
    pub fn draw(&self, draw: u32) -> Vec<u32> {
        let Some(labels) = self.draws.get(draw as usize % self.draws.len().max(1)) else {
            return (0..self.records as u32).collect();
        };
        let mut clusters = vec![u32::MAX; self.records];
        let mut next = 0;
        for (record, label) in self.members.iter().zip(labels) {
            clusters[*record as usize] = *label;
            next = next.max(label + 1);
        }
        for cluster in clusters.iter_mut().filter(|cluster| **cluster == u32::MAX) {
            *cluster = next;
            next += 1;
        }
        clusters
    }
}
