//! What the commands print.

use std::fmt::Write as _;

use crate::finding::Finding;
use crate::inspect::{Inspection, Pages};
use crate::verify::{Verification, Watched};

pub(super) fn seen(watched: &Watched) -> String {
    let mut text = format!("ledger      {}\n", watched.ledger);
    text += &match watched.grown_from {
        Some(size) => format!("history     {} entries, extends the {size} before\n", watched.size),
        None => format!("history     {} entries, the first checkpoint seen\n", watched.size),
    };
    text += match (&watched.cosigned, watched.handed_over) {
        (Some(_), true) => "cosigned    and handed over for the round\n",
        (Some(_), false) => "cosigned    for other readers; name a --round to hand it over\n",
        (None, _) => "cosigned    NO\n",
    };
    list(&mut text, &watched.findings);
    text
}

fn list(text: &mut String, findings: &[Finding]) {
    for finding in findings {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "FINDING {finding}");
    }
}

pub(super) fn verified(verification: &Verification) -> String {
    let mut text = format!("ledger      {}\n", verification.ledger);
    if let Some(head) = &verification.checkpoint {
        text += &format!("checkpoint  {} entries, root {}\n", head.size, head.root);
        text += &format!("entries     {} read, each hashed to its leaf\n", verification.entries);
        text += &format!(
            "proofs      {} inclusion proofs of the service checked\n",
            verification.inclusion_proofs
        );
        text += &match verification.consistent_from {
            Some(size) => format!("history     extends the {size} entries seen before\n"),
            None => "history     no earlier checkpoint to compare with\n".to_owned(),
        };
        if verification.compared > 0 {
            text += &format!("readers     {} others were shown it too\n", verification.compared);
        }
        for (round, state) in &verification.rounds {
            text += &format!("round       {round} is {state}\n");
            if let Some(count) = verification.cosignatures.get(round) {
                text += &format!("cosigned    by {count} witnesses before its release\n");
            }
        }
    }
    list(&mut text, &verification.findings);
    text += &conclusion(verification.findings.len(), verification.passed());
    text
}

fn conclusion(findings: usize, passed: bool) -> String {
    match (findings, passed) {
        (0, true) => "nothing was found\n".to_owned(),
        (0, false) => "the control was not found: this inspection proves nothing\n".to_owned(),
        (count, _) => format!("{count} findings\n"),
    }
}

pub(super) fn inspected(inspection: &Inspection) -> String {
    let bytes = &inspection.bytes;
    let mut text = format!("data directory  {}\n", inspection.data_dir.display());
    for file in &inspection.files {
        text += &format!("file            {}, {} bytes\n", file.name, file.bytes);
    }
    for table in &inspection.tables {
        text += &format!(
            "table           {}: {} rows, {} bytes\n",
            table.name, table.rows, table.bytes
        );
    }
    text += &format!(
        "explained       {} bytes: {} keys, {} typed metadata, {} public files, {} ciphertext, \
         {} released tables\n",
        bytes.explained(),
        bytes.keys,
        bytes.metadata,
        bytes.public_files,
        bytes.ciphertext,
        bytes.released
    );
    text += &format!("unexplained     {} bytes\n", bytes.unexplained);
    let Pages { stored, structure, unused, superseded } = inspection.pages;
    text += &format!(
        "database        {stored} bytes of tables, {structure} of their structure, {unused} unused, \
         {superseded} free or superseded (searched)\n"
    );
    text += &format!("ledger          {} entries hash to their leaf\n", inspection.entries);
    match &inspection.unsealed {
        None => text += "rows            sealed\n",
        Some(rows) => {
            text += &format!(
                "rows            {} in {} batches of {} submissions match the ledger and the schema\n",
                rows.rows, rows.batches, rows.submissions
            );
            for encoding in &rows.encodings {
                text += &format!(
                    "encoding        {}: {:.1} % of bits set, {} bits constant\n",
                    encoding.name,
                    100.0 * encoding.density,
                    encoding.constant_bits
                );
            }
        }
    }
    let hits: u64 = inspection.hits.values().sum();
    text += &format!("identities      {} searched for, {hits} places\n", inspection.markers);
    let control =
        if inspection.control_found { "planted and found" } else { "planted and NOT FOUND" };
    text += &format!("control         {control}\n");
    list(&mut text, &inspection.findings);
    text += &conclusion(inspection.findings.len(), inspection.passed());
    text
}
