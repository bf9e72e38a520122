//! The files of a data directory: which are there, and what stands in their bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

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

/// A search through files, which finds what it finds into one report.
pub(super) struct Search<'a> {
    pub(super) markers: &'a Markers,
    /// Kinds that are in the public files, and so in the database, anyway.
    pub(super) public: &'a BTreeSet<Kind>,
    pub(super) hits: &'a mut BTreeMap<Coding, u64>,
    pub(super) findings: &'a mut Vec<Finding>,
}

/// What a file is, which decides what may stand in it.
#[derive(Clone, Copy, PartialEq)]
enum FileKind {
    /// Ciphertext, metadata and public files, superseded pages included: chance writes something that
    /// looks like personal data now and then.
    Database,
    /// Times and words.
    Log,
    /// Words, as any program's memory has them.
    Elsewhere,
    /// Nothing.
    Stray,
}

impl Search<'_> {
    /// Searches every file below the data directory, which holds the database, logs and nothing else.
    pub(super) fn data_dir(&mut self, data_dir: &Path) -> Result<Vec<FileSeen>, OpenError> {
        let mut seen = vec![];
        for path in below(data_dir)? {
            let name = path.strip_prefix(data_dir).unwrap_or(&path).display().to_string();
            let kind = match name.as_str() {
                store::FILE => FileKind::Database,
                _ if name.ends_with(".log") => FileKind::Log,
                _ => FileKind::Stray,
            };
            if kind == FileKind::Stray {
                let rule = "a data directory has the database, logs and nothing else";
                self.findings.push(Finding::new(Place::File { name: name.clone() }, rule, ""));
            }
            seen.extend(self.file(&path, name, kind)?);
        }
        Ok(seen)
    }

    /// Searches a file, or every file below a directory, that lies somewhere else.
    pub(super) fn elsewhere(&mut self, path: &Path) -> Result<Vec<FileSeen>, OpenError> {
        let paths = if path.is_dir() { below(path)? } else { vec![path.to_owned()] };
        let mut seen = vec![];
        for path in paths {
            let kind = match path.extension().is_some_and(|ending| ending == "log") {
                true => FileKind::Log,
                false => FileKind::Elsewhere,
            };
            seen.extend(self.file(&path, path.display().to_string(), kind)?);
        }
        Ok(seen)
    }

    /// Searches a file and its name; none if it is a link or a device.
    fn file(
        &mut self,
        path: &Path,
        name: String,
        kind: FileKind,
    ) -> Result<Option<FileSeen>, OpenError> {
        let unreadable = |reason| OpenError::Read { path: path.to_owned(), reason };
        if !std::fs::symlink_metadata(path).map_err(unreadable)?.is_file() {
            return Ok(None);
        }
        let (bytes, mut found, mut suspected) =
            scan_file(path, self.markers).map_err(unreadable)?;
        for hit in self.markers.find(name.as_bytes()) {
            *found.entry(hit.coding).or_default() += 1;
        }
        if kind != FileKind::Stray {
            suspected.texts = 0;
        }
        if kind == FileKind::Log {
            suspected.dates = 0;
        }
        // A name with a marker in it would be told by the report itself.
        let named = self.markers.find(name.as_bytes()).is_empty();
        let told = if named { name } else { "(a file whose name holds an identity)".to_owned() };
        let place = Place::File { name: told.clone() };
        if kind == FileKind::Database {
            let odd =
                suspected.beyond_chance(bytes).filter(|(kind, _)| !self.public.contains(kind));
            report(&place, &found, odd, self.findings);
        } else {
            report(&place, &found, suspected.seen(), self.findings);
        }
        for (coding, count) in found {
            *self.hits.entry(coding).or_default() += count;
        }
        Ok(Some(FileSeen { name: told, bytes }))
    }
}

/// Everything below a directory that is no directory, sorted.
fn below(directory: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let (mut found, mut open) = (vec![], vec![directory.to_owned()]);
    while let Some(directory) = open.pop() {
        let unreadable = |reason| OpenError::Read { path: directory.clone(), reason };
        for child in std::fs::read_dir(&directory).map_err(unreadable)? {
            let child = child.map_err(unreadable)?;
            let is_dir = child.file_type().map_err(unreadable)?.is_dir();
            if is_dir { &mut open } else { &mut found }.push(child.path());
        }
    }
    found.sort();
    Ok(found)
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
fn scan_file(path: &Path, markers: &Markers) -> std::io::Result<Scan> {
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
        suspected.add(&suspects(fresh));
        part.drain(..part.len().saturating_sub(overlap));
    }
}
