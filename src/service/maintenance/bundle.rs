//! The ledger file that an auditor keeps (`docs/ledger.md`), as far as a restore needs it.

use std::path::Path;

use data_encoding::HEXLOWER;
use samenloop_ledger::{Checkpoint, Entry, Tree, VerifyingKey};
use samenloop_schema::Digest;
use serde::Deserialize;

use super::MaintenanceError;
use crate::file_error::FileError;

#[derive(Deserialize)]
struct Heading {
    format: String,
    checkpoint: String,
}

#[derive(Deserialize)]
struct Line {
    index: u64,
    leaf: Digest,
    salt: String,
    body: String,
}

/// An entry with the salt of its leaf.
pub(super) struct Salted {
    pub(super) leaf: Digest,
    pub(super) salt: [u8; 16],
    pub(super) entry: Entry,
}

/// Reads a ledger file whose checkpoint this service signed.
pub(super) fn read(path: &Path, key: &VerifyingKey) -> Result<Vec<Salted>, MaintenanceError> {
    let text = std::fs::read_to_string(path).map_err(FileError::of("read", path))?;
    let fault = |line, fault| MaintenanceError::Bundle { line, fault };
    let mut lines = (1..).zip(text.lines());
    let heading = lines.next().and_then(|(_, line)| serde_json::from_str::<Heading>(line).ok());
    let heading = heading.filter(|heading| heading.format == "samenloop-ledger/1");
    let heading = heading.ok_or(fault(1, "it is no ledger file of samenloop-audit"))?;
    let checkpoint = Checkpoint::open(&heading.checkpoint, key)
        .map_err(|_| fault(1, "its checkpoint is not signed by this service's ledger key"))?;
    let mut entries = vec![];
    for (number, line) in lines {
        let line: Line = serde_json::from_str(line).map_err(|_| fault(number, "it is no entry"))?;
        if line.index != entries.len() as u64 {
            return Err(fault(number, "its entry does not follow the one before"));
        }
        let bytes = |text: &str| HEXLOWER.decode(text.as_bytes()).ok();
        let salt = bytes(&line.salt).and_then(|salt| salt.try_into().ok());
        let entry = bytes(&line.body).and_then(|body| Entry::from_bytes(&body).ok());
        let (salt, entry) = salt
            .zip(entry)
            .ok_or(fault(number, "its body cannot be read: fetch the ledger as an auditor"))?;
        if samenloop_ledger::leaf(&salt, &entry.to_bytes()) != line.leaf {
            return Err(fault(number, "its body does not hash to its leaf"));
        }
        entries.push(Salted { leaf: line.leaf, salt, entry });
    }
    let tree = Tree::from_leaves(entries.iter().map(|salted| salted.leaf));
    if (tree.size(), tree.root()) != (checkpoint.size, checkpoint.root) {
        return Err(fault(1, "its checkpoint is not that of its entries"));
    }
    Ok(entries)
}
