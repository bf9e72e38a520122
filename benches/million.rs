//! Linking many records from stored encodings to tables, stage by stage.
//!
//! `million prepare DIR` encodes the files that `samenloop-lab synth` wrote there; `million link DIR`
//! reads the stored rows back, links them and materialises a release. Two steps, so that the time
//! and the memory of the second are those of a service, which never encodes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context as _, bail};
use rayon::prelude::*;
use samenloop_disclose::{
    DimensionList, Frame, NoiseKey, RecordQuality, Registration, Scope, frozen_partition,
    materialise, quality,
};
use samenloop_encode::{LinkageKey, RoundKeys};
use samenloop_link::{Options, Progress, Search, Source, contradictory_births, link};
use samenloop_partner::draft::draft_schema;
use samenloop_partner::survey::{Silent, survey};
use samenloop_partner::table;
use samenloop_schema::{DisclosurePolicy, LinkageSchema, PartyId, Record, drop_common_keys};

const SOURCES: [&str; 6] = ["ggd", "ggz", "opvang", "wmo", "politie", "corporatie"];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["prepare", dir] => prepare(Path::new(dir)),
        ["link", dir] => run(Path::new(dir), Search::Auto),
        ["link", dir, "exhaustive"] => run(Path::new(dir), Search::Exhaustive),
        ["link", dir, "blocked"] => run(Path::new(dir), Search::Blocked),
        _ => bail!("million prepare DIR | million link DIR [exhaustive|blocked]"),
    }
}

fn files(dir: &Path) -> Vec<(PathBuf, PathBuf)> {
    let file = |source: &&str, end: &str| dir.join(format!("{source}.{end}"));
    let both = SOURCES.iter().map(|source| (file(source, "csv"), file(source, "rows")));
    both.filter(|(csv, _)| csv.exists()).collect()
}

fn prepare(dir: &Path) -> anyhow::Result<()> {
    // The headers and contents of a part are enough to draft from.
    let mut tables = vec![];
    for (csv, _) in files(dir) {
        let text = fs::read_to_string(&csv)?;
        let part = dir.join("part.csv");
        fs::write(&part, text.lines().take(20_000).collect::<Vec<_>>().join("\n"))?;
        tables.push(table::read(&part)?);
    }
    let schema = draft_schema(&tables, "million", &["person_id"])?.schema;
    fs::write(dir.join("schema.toml"), schema.to_toml())?;
    let key = LinkageKey::from_hex(&"0123456789abcdef".repeat(4))?;
    let keys = RoundKeys::derive(&key, &schema);
    let shape = schema.shape();
    for (csv, rows) in files(dir) {
        let survey = survey(&csv, &schema, &keys, false, &Silent)?;
        let mut bytes = vec![];
        survey.records.iter().for_each(|record| shape.write_row(record, &mut bytes));
        fs::write(&rows, bytes)?;
        let truth = truth(&csv, &survey.lines)?;
        fs::write(rows.with_extension("truth"), truth.join("\n"))?;
        println!("{}: {} records", csv.display(), survey.records.len());
    }
    Ok(())
}

/// Who is who, per line of the file (from 1; the header is line 1).
fn truth(csv: &Path, lines: &[u64]) -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(csv)?;
    let rows: Vec<&str> = text.lines().collect();
    let place = rows[0].split(',').position(|header| header == "person_id");
    let place = place.context("no column person_id")?;
    let person = |line: &u64| rows[*line as usize - 1].split(',').nth(place).map(str::to_owned);
    lines.iter().map(|line| person(line).context("a row without person_id")).collect()
}

/// Seconds on the clock and of all processors since a beginning.
struct Lap(Instant, f64);

impl Lap {
    fn begin() -> Self {
        Self(Instant::now(), processor_seconds())
    }

    fn so_far(&self) -> [f64; 2] {
        [self.0.elapsed().as_secs_f64(), processor_seconds() - self.1]
    }
}

/// Processor time of this process; 0 where the system does not tell.
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    // utime and stime are fields 14 and 15, in hundredths; two stand before the closing bracket.
    after
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// Notes when each twentieth of a run is reached.
struct Watch(Lap, Mutex<Vec<(u32, [f64; 2])>>);

impl Progress for Watch {
    fn permille(&self, done: u32) {
        let mut seen = self.1.lock().unwrap_or_else(|broken| broken.into_inner());
        if seen.last().is_none_or(|(last, _)| done >= last + 50 || done == 1000) {
            eprintln!("{done:4} permille at {:.2?}", self.0.so_far());
            seen.push((done, self.0.so_far()));
        }
    }

    fn cancelled(&self) -> bool {
        false
    }
}

fn run(dir: &Path, search: Search) -> anyhow::Result<()> {
    let schema = LinkageSchema::from_toml(&fs::read_to_string(dir.join("schema.toml"))?)?;
    let shape = schema.shape();
    let begin = Lap::begin();
    let read = |(_, rows): (PathBuf, PathBuf)| -> anyhow::Result<Vec<Record>> {
        let bytes = fs::read(rows)?;
        let rows = bytes.par_chunks(shape.row_len()).map(|row| shape.read_row(row));
        let mut records = rows.collect::<Result<Vec<Record>, _>>()?;
        drop_common_keys(&mut records, schema.max_key_multiplicity);
        Ok(records)
    };
    let records: Vec<Vec<Record>> =
        files(dir).into_par_iter().map(read).collect::<Result<_, _>>()?;
    let load = begin.so_far();
    let sources: Vec<Source<'_>> =
        records.iter().map(|records| Source { may_hold_duplicates: true, records }).collect();
    let linking = Lap::begin();
    let watch = Watch(Lap::begin(), Mutex::default());
    let linkage = link(&schema, &sources, &Options { search, ..Options::default() }, &watch)?;
    let linked = linking.so_far();
    let tables = Lap::begin();
    let draws = linkage.posterior.draws();
    let information = |row: &Record| {
        let encodings = row.encodings.iter().map(Option::is_some);
        quality::information(encodings, row.match_keys.iter().flatten().count())
    };
    let mut registrations: Vec<Registration> = (0..)
        .zip(&records)
        .collect::<Vec<(u16, &Vec<Record>)>>()
        .into_par_iter()
        .flat_map(|(party, rows)| rows.par_iter().map(move |row| (party, row)))
        .map(|(party, row)| Registration {
            party,
            digest: shape.digest(row),
            codes: row.codes.clone(),
            start: row.start,
            end: row.end,
            quality: RecordQuality { information: Some(information(row)), births: None },
        })
        .collect();
    let lists = schema
        .dimensions
        .iter()
        .map(|dimension| DimensionList { name: dimension.name.clone(), codes: dimension.codes() });
    let encodings: Vec<String> = schema.encodings.iter().map(|own| own.name.clone()).collect();
    let parties = SOURCES.iter().take(files(dir).len()).map(|name| name.parse::<PartyId>());
    let frame = Frame {
        parties: parties.collect::<Result<_, _>>()?,
        dimensions: lists.collect(),
        purpose: "measuring".to_owned(),
        min_parties: 3,
        two_party: false,
        scope: Scope { linkage: quality::lists(&encodings), ..Scope::default() },
    };
    let frozen = frozen_partition(&frame, &registrations, &linkage.clusters, draws)
        .map_or_else(|| linkage.clusters.clone(), |draw| draws.partition(&linkage.clusters, draw));
    let all: Vec<&Record> = records.iter().flatten().collect();
    let births = contradictory_births(&schema, &all, &frozen);
    registrations.iter_mut().zip(births).for_each(|(row, births)| row.quality.births = births);
    let release = materialise(
        &DisclosurePolicy::default(),
        frame,
        &registrations,
        &frozen,
        draws,
        NoiseKey::new([7; 32]),
    );
    let told =
        release.map_or_else(|refusal| refusal.to_string(), |release| release.digest().to_string());
    let tables = tables.so_far();
    let whole = begin.so_far();
    let n = linkage.clusters.len();
    println!(
        "records {n}   candidates {}   people {:.0}",
        linkage.candidates,
        linkage.posterior.unique().mean
    );
    println!(
        "seconds [clock, processors] {whole:.2?}: load {load:.2?}, link {linked:.2?}, tables {tables:.2?}   release {told:.60}"
    );
    println!("link by permille: {:.2?}", watch.1.into_inner().unwrap_or_default());
    println!("estimated share of pairs missed: {:?}", linkage.missed);
    println!("peak {} MiB", peak_kib() >> 10);
    pairs(dir, &linkage.clusters)
}

/// Recall and precision of the clusters' pairs.
fn pairs(dir: &Path, clusters: &[u32]) -> anyhow::Result<()> {
    let mut people = std::collections::HashMap::new();
    let mut both = vec![];
    for (_, rows) in files(dir) {
        for person in fs::read_to_string(rows.with_extension("truth"))?.lines() {
            let next = people.len() as u32;
            both.push(*people.entry(person.to_owned()).or_insert(next));
        }
    }
    let count = |mut labels: Vec<(u32, u32)>| -> u64 {
        labels.sort_unstable();
        labels.chunk_by(|a, b| a == b).map(|same| (same.len() * (same.len() - 1) / 2) as u64).sum()
    };
    let zip = both.iter().zip(clusters);
    let right = count(zip.clone().map(|(person, cluster)| (*person, *cluster)).collect());
    let truth = count(both.iter().map(|person| (*person, 0)).collect());
    let linked = count(clusters.iter().map(|cluster| (*cluster, 0)).collect());
    println!(
        "pairs true {truth}   linked {linked}   right {right}   precision {:.4}   recall {:.4}",
        right as f64 / linked as f64,
        right as f64 / truth as f64
    );
    Ok(())
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}
