//! The files of a data directory: which are there, and what stands in their bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use samenloop_wire::store;
use serde::Serialize;

use super::OpenError;
use crate::finding::{Finding, Place};
use crate::scan::{Coding, Kind, Markers, Suspects, suspects};

/// A file of the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileSeen {
    /// Its path in the data directory.
    pub name: String,
    /// Its length.
    pub bytes: u64,
}

/// Bytes that are read at once.
const PART: usize = 8 << 20;

/// Scans every file below the data directory. The database's bytes are searched for markers only,
/// deleted pages included; any other file for personal data too, where dates do not count in logs.
pub(super) fn scan(
    data_dir: &Path,
    markers: &Markers,
    hits: &mut BTreeMap<Coding, u64>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<FileSeen>, OpenError> {
    let mut seen = vec![];
    let mut open = vec![data_dir.to_owned()];
    while let Some(directory) = open.pop() {
        let unreadable = |reason| OpenError::Read { path: directory.clone(), reason };
        for child in std::fs::read_dir(&directory).map_err(unreadable)? {
            let child = child.map_err(unreadable)?;
            let path = child.path();
            let name = path.strip_prefix(data_dir).unwrap_or(&path).display().to_string();
            let place = Place::File { name: name.clone() };
            let kind = child.file_type().map_err(unreadable)?;
            let log = name.ends_with(".log");
            if name != store::FILE && !log {
                let rule = "a data directory has the database, logs and nothing else";
                findings.push(Finding::new(place.clone(), rule, ""));
            }
            if kind.is_dir() {
                open.push(path);
                continue;
            }
            if !kind.is_file() {
                continue;
            }
            let (bytes, found, mut suspected) = scan_file(&path, markers, name != store::FILE)
                .map_err(|reason| OpenError::Read { path: path.clone(), reason })?;
            if log {
                (suspected.dates, suspected.texts) = (0, 0);
            }
            report(&place, &found, suspected.seen(), findings);
            for (coding, count) in found {
                *hits.entry(coding).or_default() += count;
            }
            seen.push(FileSeen { name, bytes });
        }
    }
    seen.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(seen)
}

/// Findings of a scan, one per coding and kind.
pub(super) fn report(
    place: &Place,
    hits: &BTreeMap<Coding, u64>,
    suspected: impl Iterator<Item = (Kind, u64)>,
    findings: &mut Vec<Finding>,
) {
    for (coding, count) in hits {
        let evidence = format!("{count} times as {coding:?}");
        findings.push(Finding::new(place.clone(), "no known identity stands anywhere", evidence));
    }
    for (kind, count) in suspected {
        let what = match kind {
            Kind::CitizenServiceNumber => "citizen service numbers",
            Kind::BankAccount => "bank accounts",
            Kind::Email => "e-mail addresses",
            Kind::Postcode => "postcodes",
            Kind::Date => "dates",
            Kind::Text => "stretches of text",
        };
        let evidence = format!("{count} {what}");
        findings.push(Finding::new(place.clone(), "nothing looks like personal data", evidence));
    }
}

type Scan = (u64, BTreeMap<Coding, u64>, Suspects);

/// Reads a file in parts that overlap by the longest form of a marker.
fn scan_file(path: &Path, markers: &Markers, personal: bool) -> std::io::Result<Scan> {
    let mut file = File::open(path)?;
    let overlap = markers.longest().saturating_sub(1);
    let mut part = Vec::with_capacity(PART + overlap);
    let (mut len, mut hits, mut suspected) = (0, BTreeMap::new(), Suspects::default());
    loop {
        let kept = part.len();
        (&mut file).take(PART as u64).read_to_end(&mut part)?;
        let fresh = &part[kept..];
        if fresh.is_empty() {
            return Ok((len, hits, suspected));
        }
        len += fresh.len() as u64;
        // What ends in the overlap was counted with the part before.
        for hit in markers.find(&part).iter().filter(|hit| hit.offset + hit.len > kept) {
            *hits.entry(hit.coding).or_default() += 1;
        }
        if personal {
            suspected.add(&suspects(fresh));
        }
        part.drain(..part.len().saturating_sub(overlap));
    }
}
