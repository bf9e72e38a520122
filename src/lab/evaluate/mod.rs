//! How well the shipped encodings and the linkage do on registrations whose truth is known.
//!
//! The very same code as in a real round: the partner's reading and encoding, the service's linking.

mod believed;
mod calibration;
mod clusterings;
pub(crate) mod command;
mod counts;
mod quality;
mod report;
mod thresholds;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use samenloop_disclose::{
    Frame, RecordQuality, Registration, Scope, frozen_partition, linkage_offsets,
};
use samenloop_encode::{LinkageKey, RoundKeys};
use samenloop_link::{Linkage, Options, Progress, Source, link};
use samenloop_partner::draft::draft_schema;
use samenloop_partner::survey::{self, Survey, survey};
use samenloop_partner::table::{self, Table};
use samenloop_schema::{Digest, LinkageSchema};
use serde::Serialize;

pub use believed::Believed;
use believed::{believed, sure, together};
pub use calibration::{Bin, Calibration};
pub use clusterings::Clustering;
use counts::{Counts, Registry, Sequence};
pub use quality::{Clients, Quality, Told};
pub use report::table as render;
pub use thresholds::{Scores, Threshold};

/// The key of every evaluation. It is public, so nothing encoded with it is a pseudonym; partners'
/// commands have no way to it.
const EVALUATION_KEY: &str = "73616d656e6c6f6f70206576616c756174696f6e206b65792c207075626c6963";

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct Job {
    /// Name and CSV file of each source.
    pub sources: Vec<(String, PathBuf)>,
    /// Header of the column that tells who is who. It is never encoded.
    pub truth: String,
    /// A linkage schema; without one it is drafted from the files.
    pub schema: Option<PathBuf>,
    /// Posterior draws; none for as many as the service takes.
    pub draws: Option<u32>,
    /// Whether to compare other ways of clustering.
    pub compare: bool,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Rows of all sources.
    pub records: u64,
    /// Rows that hold too little for anyone to link; a partner is told of them and they are not
    /// submitted. Each counts as a cluster of its own here.
    pub unlinkable: u64,
    /// Names of the sources.
    pub sources: Vec<String>,
    /// People in all sources together.
    pub unique: Unique,
    /// People known to each source, by its name, and to each two, by theirs with a `+`.
    pub sources_and_overlaps: BTreeMap<String, Interval>,
    /// The numbers of the one partition on which a release would count every table, beside their
    /// means over the posterior's draws.
    pub frozen: Frozen,
    /// Whether pairs are of one person as often as is said of them.
    pub calibration: Calibration,
    /// Pairs of rows of one person.
    pub pairs: Pairs,
    /// Share of the pairs of one person that no block holds, as the linkage estimates; 0 where every pair
    /// was looked at.
    pub missed: f64,
    /// What a threshold would do, over submitted records.
    pub thresholds: Vec<Threshold>,
    /// Other ways of clustering the same weighed pairs, if asked for; the shipped one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clusterings: Vec<Clustering>,
    /// What the round's quality report would say, exactly.
    pub quality: Quality,
    /// The same over submitted records as the linkage itself believes, without the truth.
    pub believed: Believed,
    /// People by the number of sources that know them.
    pub sources_per_person: BTreeMap<String, Compared>,
    /// People by the exact set of sources that know them.
    pub patterns: BTreeMap<String, Compared>,
    /// Per pair of sources, people of both by the order in which they came.
    pub sequence: Vec<Sequence>,
    /// Wall-clock seconds per stage.
    pub seconds: BTreeMap<&'static str, f64>,
    /// Most memory of the process, bytes; 0 where the system does not tell.
    pub peak_bytes: u64,
}

/// The number of people, true and estimated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Unique {
    /// By the truth column.
    #[serde(rename = "true")]
    pub truth: u64,
    /// Expected number under linkage uncertainty.
    pub estimate: f64,
    /// Low end of its 95 % interval.
    pub low: f64,
    /// High end of its 95 % interval.
    pub high: f64,
}

/// How far the totals of the frozen partition are from their means over the draws, in people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Frozen {
    /// Unique people on it.
    pub unique: f64,
    /// Mean of the unique people of the draws.
    pub expected: f64,
    /// Largest absolute difference of a number of sources per person.
    pub most_by_sources: f64,
    /// The same for the clusters that link each record where it most likely belongs.
    pub most_by_sources_of_clusters: f64,
}

/// How the clusters' pairs compare with the true ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pairs {
    /// Pairs of rows with the same truth.
    #[serde(rename = "true")]
    pub truth: u64,
    /// Pairs of rows in one cluster.
    pub linked: u64,
    /// Share of the linked pairs that are true.
    pub precision: f64,
    /// Share of the true pairs that are linked.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
}

/// A number of people, true and expected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Compared {
    /// By the truth column.
    #[serde(rename = "true")]
    pub truth: u64,
    /// Mean over the posterior's draws.
    pub estimated: f64,
}

/// A number of people with its interval from linkage uncertainty, as a release would have it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// By the truth column.
    #[serde(rename = "true")]
    pub truth: u64,
    /// On the frozen partition.
    pub count: f64,
    /// Low end.
    pub low: f64,
    /// High end.
    pub high: f64,
}

impl Interval {
    /// Whether the truth lies in it.
    #[must_use]
    pub fn covers(&self) -> bool {
        (self.low..=self.high).contains(&(self.truth as f64))
    }
}

/// Rows in order of source and file, each with its cluster.
pub type Clusters = Vec<Vec<u32>>;

struct Loaded {
    survey: Survey,
    registry: Registry,
    /// Per submitted record, its row in the file.
    rows: Vec<usize>,
}

fn load(job: &Job) -> anyhow::Result<(LinkageSchema, Vec<Table>)> {
    ensure!(!job.sources.is_empty(), "name at least one source: --source NAME=FILE.csv");
    let tables = job
        .sources
        .iter()
        .map(|(_, path)| Ok(table::read(path)?))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let schema = match &job.schema {
        Some(path) => samenloop_partner::read_schema(path)?,
        None => draft_schema(&tables, "evaluation", &[&job.truth])?.schema,
    };
    Ok((schema, tables))
}

fn encode(job: &Job, schema: &LinkageSchema, tables: &[Table]) -> anyhow::Result<Vec<Loaded>> {
    let key = LinkageKey::from_hex(EVALUATION_KEY)?;
    let keys = RoundKeys::derive(&key, schema);
    let sources = job.sources.iter().zip(tables);
    sources
        .map(|((name, path), table)| {
            if let Some(bad) = table.bad_rows.first() {
                bail!("{}: {bad}", path.display());
            }
            let survey = survey(path, schema, &keys, false, &survey::Silent)?;
            let truth = table.headers.iter().position(|header| *header == job.truth);
            let truth = truth
                .with_context(|| format!("{}: no column \"{}\"", path.display(), job.truth))?;
            let row_of: BTreeMap<u64, usize> =
                table.rows.iter().enumerate().map(|(row, at)| (at.line, row)).collect();
            let rows: Vec<usize> = survey.lines.iter().map(|line| row_of[line]).collect();
            let registry = Registry::new(name, schema, table, truth)?;
            Ok(Loaded { survey, registry, rows })
        })
        .collect()
}

/// Encodes, links, and compares with the truth.
pub fn evaluate(job: &Job, progress: &dyn Progress) -> anyhow::Result<(Evaluation, Clusters)> {
    let mut seconds = BTreeMap::new();
    let mut begin = Instant::now();
    let mut lap = |stage| {
        seconds.insert(stage, begin.elapsed().as_secs_f64());
        begin = Instant::now();
    };
    let (schema, tables) = load(job)?;
    lap("read");
    let loaded = encode(job, &schema, &tables)?;
    drop(tables);
    lap("encode");
    let sources: Vec<Source<'_>> = loaded
        .iter()
        .map(|source| Source { may_hold_duplicates: true, records: &source.survey.records })
        .collect();
    let shipped = Options::default();
    let draws = job.draws.unwrap_or(shipped.draws);
    let options = Options { draws, weights: job.compare, ..shipped };
    let linkage = link(&schema, &sources, &options, progress)?;
    lap("link");

    let registries: Vec<&Registry> = loaded.iter().map(|source| &source.registry).collect();
    let whole = |clusters: &[u32]| widen(&loaded, clusters);
    let clusters = whole(&linkage.clusters);
    let truth = Counts::of(&registries, &counts::truth(&registries));
    let mut expected = Counts::default();
    let mut known = vec![];
    let draws = linkage.posterior.draws().number();
    for draw in 0..draws {
        let labels = linkage.posterior.draws().partition(&linkage.clusters, draw);
        let own = Counts::of(&registries, &whole(&labels));
        known.push(own.sources_and_overlaps());
        expected.add(&own, draws);
    }
    let frozen = frozen(job, &loaded, &linkage)?;
    let partition = |draw| linkage.posterior.draws().partition(&linkage.clusters, draw);
    let labels = frozen.map_or_else(|| linkage.clusters.clone(), partition);
    let chosen = Counts::of(&registries, &whole(&labels));
    let linked = Counts::of(&registries, &clusters);
    let frozen = Frozen {
        unique: chosen.people,
        expected: expected.people,
        most_by_sources: chosen.most_by_sources(&expected),
        most_by_sources_of_clusters: linked.most_by_sources(&expected),
    };
    let submitted: usize = loaded.iter().map(|source| source.rows.len()).sum();
    let records: usize = registries.iter().map(|registry| registry.rows()).sum();
    let unlinkable = (records - submitted) as u64;
    let estimate = linkage.posterior.unique();
    let pairs = counts::pairs(&registries, &clusters);
    let people: Vec<u32> = submitted_truth(&loaded, &counts::truth(&registries));
    let shares = together(linkage.posterior.draws());
    let sure = sure(&linkage.clusters, linkage.posterior.draws());
    let believed = believed(&linkage.clusters, &shares, sure.len());
    let one = |(a, b): (u32, u32)| people[a as usize] == people[b as usize];
    let thresholds = thresholds::thresholds(&shares, sure.into_iter(), &people);
    let quality = quality::quality(
        &schema,
        &loaded.iter().flat_map(|source| &source.survey.records).collect::<Vec<_>>(),
        &labels,
        linkage.posterior.draws(),
        &people,
    );
    let clusterings = match job.compare {
        true => clusterings::compare(&linkage, &registries, whole),
        false => vec![],
    };
    let calibration = Calibration::new(shares.into_iter().map(|(pair, p)| (p, one(pair))));
    lap("count");
    let evaluation = Evaluation {
        records: records as u64,
        unlinkable,
        sources: job.sources.iter().map(|(name, _)| name.clone()).collect(),
        unique: Unique {
            truth: truth.people as u64,
            estimate: estimate.mean + unlinkable as f64,
            low: estimate.low + unlinkable as f64,
            high: estimate.high + unlinkable as f64,
        },
        sources_and_overlaps: intervals(&truth, &chosen, &known),
        frozen,
        calibration,
        pairs,
        missed: linkage.missed,
        thresholds,
        clusterings,
        quality,
        believed,
        sources_per_person: Counts::compare(&truth.stacking, &expected.stacking),
        patterns: Counts::compare(&truth.patterns, &expected.patterns),
        sequence: if schema.contact.is_some() { expected.sequences(job) } else { vec![] },
        seconds,
        peak_bytes: peak_bytes(),
    };
    Ok((evaluation, clusters))
}

/// The people that each source knows, and each two of them, as a release would tell them before noise.
fn intervals(
    truth: &Counts,
    chosen: &Counts,
    draws: &[BTreeMap<String, f64>],
) -> BTreeMap<String, Interval> {
    let (truth, chosen) = (truth.sources_and_overlaps(), chosen.sources_and_overlaps());
    let of = |counts: &BTreeMap<String, f64>, name: &String| counts.get(name).copied();
    let interval = |(name, truth): (String, f64)| {
        let count = of(&chosen, &name).unwrap_or(0.0);
        let difference = |draw| of(draw, &name).unwrap_or(0.0) as i32 - count as i32;
        let mut differences: Vec<i32> = draws.iter().map(difference).collect();
        let (below, above) = linkage_offsets(&mut differences, count as u32);
        let [low, high] = [count - f64::from(below), count + f64::from(above)];
        (name, Interval { truth: truth as u64, count, low, high })
    };
    truth.into_iter().map(interval).collect()
}

/// The draw on which a release of these sources would count; none is the clustering itself.
fn frozen(job: &Job, loaded: &[Loaded], linkage: &Linkage) -> anyhow::Result<Option<u32>> {
    let id = |place: usize| format!("source-{place}").parse();
    let frame = Frame {
        parties: (0..job.sources.len()).map(id).collect::<Result<_, _>>()?,
        dimensions: vec![],
        purpose: String::new(),
        min_parties: 2,
        two_party: true,
        scope: Scope::default(),
    };
    // Totals hang on who knows whom: neither codes, months nor digests matter.
    let rows = loaded.iter().zip(0..).flat_map(|(source, party)| {
        source.survey.records.iter().map(move |_| Registration {
            party,
            codes: vec![],
            start: None,
            end: None,
            digest: Digest::of(b""),
            quality: RecordQuality::default(),
        })
    });
    let rows: Vec<Registration> = rows.collect();
    Ok(frozen_partition(&frame, &rows, &linkage.clusters, linkage.posterior.draws()))
}

/// The true person of each submitted record, in the order in which they were linked.
fn submitted_truth(loaded: &[Loaded], truth: &Clusters) -> Vec<u32> {
    let sources = loaded.iter().zip(truth);
    sources.flat_map(|(source, people)| source.rows.iter().map(|row| people[*row])).collect()
}

/// Clusters per source and row of the file; rows that were not submitted are alone.
fn widen(loaded: &[Loaded], clusters: &[u32]) -> Clusters {
    let mut alone = clusters.iter().max().map_or(0, |last| last + 1);
    let mut next = clusters.iter();
    let sources = loaded.iter().map(|source| {
        let mut rows = vec![u32::MAX; source.registry.rows()];
        for (row, cluster) in source.rows.iter().zip(next.by_ref()) {
            rows[*row] = *cluster;
        }
        for row in rows.iter_mut().filter(|row| **row == u32::MAX) {
            *row = alone;
            alone += 1;
        }
        rows
    });
    sources.collect()
}

/// Writes `source,row,cluster` for every row, rows counted from 0 in file order.
pub fn write_clusters(path: &Path, job: &Job, clusters: &Clusters) -> anyhow::Result<()> {
    let mut file =
        csv::Writer::from_path(path).with_context(|| format!("cannot write {}", path.display()))?;
    file.write_record(["source", "row", "cluster"])?;
    for ((name, _), rows) in job.sources.iter().zip(clusters) {
        for (row, cluster) in rows.iter().enumerate() {
            file.write_record([name, &row.to_string(), &cluster.to_string()])?;
        }
    }
    Ok(file.flush()?)
}

fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.map_or(0, |kib| kib * 1024)
}
