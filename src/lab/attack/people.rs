//! The people attacked, as their partner wrote them down and as the attacker knows them.
//!
//! The attacker is the worst that a population list can make: it has each person exactly as the
//! partner wrote them, with the codes that such a list can hold. Target group and months it does not
//! know.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Context as _;
use samenloop_encode::{LinkageKey, RoundKeys};
use samenloop_partner::survey::{Silent, survey};
use samenloop_partner::table;
use samenloop_schema::{LinkageSchema, Record};

use crate::synth::{HEADERS, Plan, Population, Row};

/// Public keys: the partners' and the attacker's own. Nothing encoded here is a pseudonym.
const PARTNER: &str = "61747461636b206861726e6573732c20746865207061727472657273206b6579";
const ATTACKER: &str = "61747461636b206861726e6573732c206f74686572206b657920616c746f6765";

/// Columns that no population list has.
const UNKNOWN: [&str; 3] = ["doelgroep", "start", "einde"];

/// One row for each of `count` people of the source of social support, drawn from a seed.
pub(super) fn people(count: usize, seed: u64) -> anyhow::Result<Vec<Row>> {
    // About half of all people are known to that source.
    let population =
        Population::new(Plan { people: count as u64 * 5 / 2, seed, sources: 6, noise: 1.0 })?;
    let mut seen = HashSet::new();
    let wmo = population.sources().position(|name| name == "wmo").unwrap_or(0);
    let first = population.rows(wmo).filter(|(person, _)| seen.insert(*person));
    Ok(first.take(count).map(|(_, row)| row).collect())
}

fn write<'a>(
    path: &Path,
    rows: impl Iterator<Item = &'a Row>,
    hidden: &[&str],
) -> anyhow::Result<()> {
    let mut file = csv::Writer::from_path(path)?;
    file.write_record(&HEADERS[2..])?;
    for row in rows {
        let shown =
            |(name, value): (&&str, &'a str)| if hidden.contains(name) { "" } else { value };
        file.write_record(HEADERS[2..].iter().zip(row.values()).map(|(n, v)| shown((n, v))))?;
    }
    Ok(file.flush()?)
}

/// Who encodes, and from what.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    /// The partner, from its own file.
    Partner,
    /// The attacker with a key of its own, from a population list.
    Attacker,
    /// The attacker with the partners' key.
    Leaked,
}

/// Records of rows as a partner's program makes them, in the order of the rows; none where too little
/// is known of somebody to be submitted.
pub(super) fn encode<'a>(
    rows: impl ExactSizeIterator<Item = &'a Row>,
    schema: &LinkageSchema,
    side: Side,
) -> anyhow::Result<Vec<Option<Record>>> {
    let dir = tempfile::tempdir().context("no directory for temporary files")?;
    let path = dir.path().join("people.csv");
    let mut records = vec![None; rows.len()];
    let (key, hidden) = match side {
        Side::Partner => (PARTNER, &[][..]),
        Side::Attacker => (ATTACKER, &UNKNOWN[..]),
        Side::Leaked => (PARTNER, &UNKNOWN[..]),
    };
    write(&path, rows, hidden)?;
    let keys = RoundKeys::derive(&LinkageKey::from_hex(key)?, schema);
    let found = survey(&path, schema, &keys, false, &Silent)?;
    for (record, line) in found.records.into_iter().zip(found.lines) {
        // A header stands on the first line, and no value has a line break.
        records[line as usize - 2] = Some(record);
    }
    Ok(records)
}

/// A schema drafted from a file of rows, as a partner would.
pub(super) fn draft(rows: &[Row]) -> anyhow::Result<LinkageSchema> {
    let dir = tempfile::tempdir().context("no directory for temporary files")?;
    let path = dir.path().join("people.csv");
    write(&path, rows.iter(), &[])?;
    let tables = [table::read(&path)?];
    Ok(samenloop_partner::draft::draft_schema(&tables, "attack", &[])?.schema)
}
