//! A ledger as one text file, for checking without a connection.
//!
//! The first line is `{"format":"samenloop-ledger/1","checkpoint":"…"}`, every further line one
//! entry: `{"index":0,"leaf":"…","salt":"…","body":"…"}` in hexadecimal. A line is accepted only as
//! it would be written, so that no byte of the file is without meaning.

use data_encoding::HEXLOWER;
use samenloop_ledger::Entry;
use samenloop_schema::Digest;
use samenloop_wire::v1::LedgerEntry;
use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Place};

const FORMAT: &str = "samenloop-ledger/1";

/// A checkpoint and all entries under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The signed note.
    pub checkpoint: String,
    /// From index 0 on.
    pub entries: Vec<BundledEntry>,
}

/// An entry as the service served it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundledEntry {
    /// Its index.
    pub index: u64,
    /// The leaf's data.
    pub leaf: Digest,
    /// The salt; none if the service withheld the body.
    pub salt: Option<[u8; 16]>,
    /// The canonical bytes; none if the service withheld them.
    pub body: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heading<'a> {
    format: &'a str,
    checkpoint: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    index: u64,
    leaf: Digest,
    salt: String,
    body: String,
}

const READABLE: &str = "a line of the bundle is one that this program would write";

impl BundledEntry {
    /// The entry's kind, where the body can be read.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        Entry::from_bytes(self.body.as_ref()?).ok().map(|entry| entry.kind())
    }

    pub(crate) fn place(&self) -> Place {
        Place::Entry { index: self.index, kind: self.kind() }
    }

    /// From the wire, where absent bytes are no bytes.
    pub(crate) fn from_wire(served: &LedgerEntry, expected: u64) -> Result<Self, Finding> {
        let place = Place::Entry { index: expected, kind: None };
        let wrong = |evidence: &str| {
            Finding::new(place.clone(), "entries are served in order and whole", evidence)
        };
        if served.index != expected {
            return Err(wrong(&format!("index {} came instead", served.index)));
        }
        Ok(Self {
            index: served.index,
            leaf: Digest::from_slice(&served.leaf).ok_or_else(|| wrong("its leaf is no hash"))?,
            salt: match served.salt.len() {
                0 => None,
                _ => Some(served.salt[..].try_into().map_err(|_| wrong("its salt is no salt"))?),
            },
            body: (!served.body.is_empty()).then(|| served.body.to_vec()),
        })
    }

    fn to_line(&self) -> String {
        let hex = |bytes: Option<&[u8]>| bytes.map_or(String::new(), |b| HEXLOWER.encode(b));
        json(&Line {
            index: self.index,
            leaf: self.leaf,
            salt: hex(self.salt.as_ref().map(|salt| &salt[..])),
            body: hex(self.body.as_deref()),
        })
    }

    fn from_line(text: &str) -> Option<Self> {
        let line: Line = serde_json::from_str(text).ok()?;
        let unhex = |text: &str| HEXLOWER.decode(text.as_bytes()).ok();
        let salt = unhex(&line.salt)?;
        let body = unhex(&line.body)?;
        let entry = Self {
            index: line.index,
            leaf: line.leaf,
            salt: if salt.is_empty() { None } else { Some(salt.try_into().ok()?) },
            body: (!body.is_empty()).then_some(body),
        };
        (entry.to_line() == text).then_some(entry)
    }
}

/// None of the types here can fail to serialise: they have text keys and no maps.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl Bundle {
    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let heading = json(&Heading { format: FORMAT, checkpoint: self.checkpoint.clone() });
        let lines = self.entries.iter().map(BundledEntry::to_line);
        std::iter::once(heading).chain(lines).map(|line| line + "\n").collect()
    }

    /// Reads a file. A line that cannot be read is a finding that names its entry; the rest is read
    /// nevertheless.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Vec<Finding>> {
        let ended = bytes.strip_suffix(b"\n");
        let mut lines = ended.unwrap_or(bytes).split(|byte| *byte == b'\n').enumerate();
        let mut findings = vec![];
        let mut checkpoint = String::new();
        let heading = lines.next().and_then(|(_, line)| std::str::from_utf8(line).ok());
        match heading.and_then(|text| Some((text, serde_json::from_str::<Heading<'_>>(text).ok()?)))
        {
            Some((text, heading)) if heading.format == FORMAT && json(&heading) == text => {
                checkpoint = heading.checkpoint;
            }
            _ => findings.push(Finding::new(Place::Checkpoint, READABLE, "line 1")),
        }
        let mut entries = vec![];
        for (number, line) in lines {
            let index = number as u64 - 1;
            match std::str::from_utf8(line).ok().and_then(BundledEntry::from_line) {
                Some(entry) if entry.index == index => entries.push(entry),
                found => {
                    let kind = found.and_then(|entry| entry.kind());
                    let evidence = format!("line {}", number + 1);
                    findings.push(Finding::new(Place::Entry { index, kind }, READABLE, evidence));
                }
            }
        }
        if ended.is_none() {
            let place = entries.last().map_or(Place::Checkpoint, BundledEntry::place);
            findings.push(Finding::new(place, READABLE, "the last line does not end"));
        }
        if findings.is_empty() { Ok(Self { checkpoint, entries }) } else { Err(findings) }
    }
}
