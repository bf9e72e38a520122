//! The linkage from records to clusters.

use rayon::prelude::*;
use samenloop_schema::{Digest, LinkageSchema, Record, RowRule};

use crate::candidates::{self, blocks};
use crate::cluster;
use crate::compare::Comparison;
use crate::members::Members;
use crate::model::{self, Model};
use crate::patterns::Patterns;
use crate::population::Population;
use crate::posterior::Posterior;
use crate::unseen;

/// One party's submission.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Whether one person may have several records in it.
    pub may_hold_duplicates: bool,
    /// Its records.
    pub records: &'a [Record],
}

/// Told how far the work is, and asked whether to stop. Called from several threads.
pub trait Progress: Sync {
    /// Thousandths of the work that are done.
    fn permille(&self, done: u32);
    /// Whether to stop.
    fn cancelled(&self) -> bool;
}

/// Progress that nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn permille(&self, _done: u32) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// How to link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Partitions drawn from the posterior.
    pub draws: u32,
    /// Which pairs are looked at.
    pub search: Search,
    /// Whether to keep the weight of every candidate pair.
    pub weights: bool,
}

/// Which pairs of records are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Search {
    /// Every pair up to [`EXHAUSTIVE`] records or without match keys, blocks beyond.
    #[default]
    Auto,
    /// Every pair.
    Exhaustive,
    /// Pairs that share a match key.
    Blocked,
}

/// Records up to which every pair is looked at.
pub const EXHAUSTIVE: usize = 200_000;

impl Default for Options {
    fn default() -> Self {
        Self { draws: 100, search: Search::Auto, weights: false }
    }
}

/// Why records could not be linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Someone asked to stop.
    #[error("the run was cancelled")]
    Cancelled,
    /// More than an index can count.
    #[error("{records} records of {sources} sources are more than one run can link")]
    TooMany {
        /// Records in all sources.
        records: usize,
        /// Sources.
        sources: usize,
    },
    /// A record that the schema does not allow.
    #[error("source {source_place}, row {row}: {rule}")]
    Record {
        /// Place of the source, from 0.
        source_place: usize,
        /// Row of the source, from 0.
        row: usize,
        /// The rule that it breaks.
        rule: RowRule,
    },
}

/// Which records are of one person, and how sure that is.
#[derive(Debug)]
pub struct Linkage {
    /// Cluster of each record in global order (sources in the given order, rows in theirs), numbered
    /// from 0 in canonical order.
    pub clusters: Vec<u32>,
    /// How else the records could be clustered.
    pub posterior: Posterior,
    /// Identity of the partition: equal for equal sets of equal records, whatever their order.
    pub partition_digest: Digest,
    /// What the run learnt; derived from several parties and not for the eyes of any.
    pub model: Model,
    /// Candidate pairs in global order and their log-odds, where [`Options::weights`] asks for them.
    pub weights: Vec<(u32, u32, f32)>,
    /// Candidate pairs that were weighed.
    pub candidates: u64,
    /// Share of the pairs of one person that no block holds, estimated from how the blocks overlap;
    /// 0 where every pair was looked at. Derived from several parties, as the model is; a coordinator is told
    /// whole percents.
    pub missed: f64,
}

/// Links the records of all sources, within and between them.
///
/// Deterministic: the same registrations give the same clusters whatever the order of sources, rows
/// or threads.
pub fn link(
    schema: &LinkageSchema,
    sources: &[Source<'_>],
    options: &Options,
    progress: &dyn Progress,
) -> Result<Linkage, LinkError> {
    let population = Population::new(schema, sources)?;
    progress.permille(20);
    let comparison = Comparison::new(schema);
    let blocked = match options.search {
        Search::Auto => population.len() > EXHAUSTIVE && !population.keys.is_empty(),
        Search::Exhaustive => false,
        Search::Blocked => true,
    };
    let candidates = candidates::find(&comparison, &population, blocked, progress)?;
    let patterns = Patterns::new(&comparison, &population, &candidates);
    progress.permille(830);
    let model = model::learn(schema, &comparison, &population, &candidates, &patterns);
    progress.permille(850);
    let edges = model::weigh(&model, &candidates, &patterns);
    let missed = if blocked { blocks::missed(&population, &edges) } else { 0.0 };
    let mut weights = vec![];
    if options.weights {
        let global = |record: u32| population.global[record as usize];
        weights.extend(edges.iter().map(|(a, b, w)| (global(*a), global(*b), *w as f32)));
    }
    let graph = cluster::Graph::new(&population, &edges);
    drop(edges);
    let canonical = graph.clusters(|a, b| model.pair_weight(&comparison, &population, a, b));
    progress.permille(920);
    let members = Members::of(&canonical);
    let unseen = unseen::joins(&comparison, &population, &members);
    if progress.cancelled() {
        return Err(LinkError::Cancelled);
    }
    let posterior = Posterior::new(
        &population,
        &graph,
        &canonical,
        &members,
        &unseen,
        options.draws,
        progress,
    )?;
    let mut clusters = vec![0; population.len()];
    for (canonical, cluster) in population.global.iter().zip(&canonical) {
        clusters[*canonical as usize] = *cluster;
    }
    progress.permille(1000);
    Ok(Linkage {
        clusters,
        posterior,
        partition_digest: partition_digest(&population, &canonical),
        model,
        weights,
        candidates: candidates.len() as u64,
        missed,
    })
}

fn partition_digest(population: &Population, clusters: &[u32]) -> Digest {
    let mut order: Vec<(u32, u32)> = clusters.iter().copied().zip(0..).collect();
    order.par_sort_unstable();
    let members: Vec<&[(u32, u32)]> = order.chunk_by(|a, b| a.0 == b.0).collect();
    let digest = |members: &&[(u32, u32)]| {
        // Records are in the order of their digests.
        let of =
            |(_, record): &(u32, u32)| population.digests[*record as usize].as_bytes() as &[u8];
        let parts: Vec<&[u8]> = members.iter().map(of).collect();
        Digest::of_parts("samenloop/v1/link/cluster", &parts)
    };
    let mut digests: Vec<Digest> = members.par_iter().map(digest).collect();
    digests.par_sort_unstable();
    let parts: Vec<&[u8]> = digests.iter().map(|digest| digest.as_bytes()).collect();
    Digest::of_parts("samenloop/v1/link/partition", &parts)
}
