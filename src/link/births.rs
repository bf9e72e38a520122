//! Clients whose records contradict each other about the birth date: a sign of a wrong link that needs
//! no truth.

use rayon::prelude::*;
use samenloop_schema::{Clk, Encoding, FieldKind, LinkageSchema, Record};

use crate::compare::Comparison;
use crate::members::Members;

/// Two encodings of a birth date below this level are no more alike than strangers'. Of the clients of
/// `regio` with such a pair, 22 % are several people, and 1.6 % of the others
/// (`docs/linkage-model.md`).
const CONTRADICTS: u8 = 1;

/// Records of a client that are compared with each other; further ones with the first only.
const COMPARED: usize = 40;

/// Whether an encoding is of a birth date more than of everything else in it.
fn of_birth(schema: &LinkageSchema, encoding: &Encoding) -> bool {
    let weight = |birth: bool| -> u32 {
        let kind = |name: &str| schema.field(name).map(|field| field.kind);
        let features = encoding.features.iter();
        let own = features.filter(|f| (kind(&f.field) == Some(FieldKind::BirthDate)) == birth);
        own.map(|feature| feature.hashes).sum()
    };
    weight(true) > weight(false)
}

/// Per record whether the records of its cluster contradict each other about the birth date; none where
/// fewer than two of them have an encoding of it, or the schema has none. One label per record.
#[must_use]
pub fn contradictory_births(
    schema: &LinkageSchema,
    records: &[&Record],
    clusters: &[u32],
) -> Vec<Option<bool>> {
    let comparison = Comparison::new(schema);
    let places: Vec<usize> = (0..comparison.encodings())
        .filter(|place| of_birth(schema, &schema.encodings[*place]))
        .collect();
    let told = |members: &[u32]| -> Option<bool> {
        let mut told = None;
        for place in &places {
            let own = |record: &u32| records[*record as usize].encodings[*place].as_ref();
            let all: Vec<&Clk> = members.iter().filter_map(own).collect();
            for (at, a) in all.iter().enumerate().take(COMPARED) {
                for b in &all[at + 1..] {
                    let distance = comparison.kernel().distance(a.words(), b.words());
                    let level = comparison.level(*place, distance, a.ones() + b.ones());
                    told = Some(told.unwrap_or(false) || level < CONTRADICTS);
                }
            }
        }
        told
    };
    let members = Members::of(clusters);
    let found: Vec<Option<bool>> = members.par_iter().map(told).collect();
    clusters.iter().map(|cluster| found[*cluster as usize]).collect()
}
