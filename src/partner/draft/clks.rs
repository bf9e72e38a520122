//! A schema for partners that have CLKs already.

use std::path::Path;

use samenloop_schema::{Encoding, LinkageSchema};

use super::{Column, Draft, DraftError, Guess, Use, contact, dimensions, fields, judge};
use crate::clk_file;
use crate::table::Table;

/// Filter bits XORed into each submitted bit, as in the shipped encodings.
const DIFFUSION: u32 = 10;

/// Drafts a schema that takes CLKs of the length that a file has. Match keys with the fields that they
/// need, contact and code lists are drafted from the tables, if there are any.
pub fn draft_clk_schema(
    clks: &Path,
    tables: &[Table],
    round: &str,
    exclude: &[&str],
) -> Result<Draft, DraftError> {
    let mut bits = None;
    let count = clk_file::each::<DraftError>(clks, None, |clk| {
        bits.get_or_insert(clk.len() as u32 * 64);
        Ok(())
    })?;
    let wrong = |rule| DraftError::ClkLength { path: clks.to_owned(), rule };
    let bits = bits.ok_or_else(|| wrong("there is no CLK in it".to_owned()))?;
    if !bits.is_power_of_two() {
        return Err(wrong(format!(
            "its CLKs have {bits} bits, and only CLKs whose length is a power of two can be diffused"
        )));
    }
    clk_file::each::<DraftError>(clks, Some(bits), |_| Ok(()))?;
    let mut columns: Vec<Column<'_>> =
        tables.iter().flat_map(|table| judge(table, exclude)).collect();
    let fields = fields(&columns);
    let mut remarks = vec![format!(
        "clk: {count} CLKs of {bits} bits were found. All partners must have made theirs with the same \
         schema, secret and release of clkhash: nothing here can tell whether they have, and CLKs that were \
         made in different ways link nobody"
    )];
    let contact = contact(&columns, &mut remarks);
    let dimensions = dimensions(&mut columns, &mut remarks);
    let encoding = Encoding {
        name: "clk".to_owned(),
        bits: (2 * bits).min(1 << 16),
        filter_bits: bits,
        diffusion: DIFFUSION,
        clks: true,
        features: vec![],
    };
    let alone = |contact, dimensions| LinkageSchema {
        version: LinkageSchema::VERSION,
        round: round.to_owned(),
        max_key_multiplicity: 5,
        fields: vec![],
        given_names: None,
        contact,
        encodings: vec![encoding.clone()],
        match_keys: vec![],
        dimensions,
    };
    let defaults = LinkageSchema::with_defaults(round, fields, contact.clone(), dimensions.clone());
    let schema = match defaults {
        Ok(mut schema) if !schema.match_keys.is_empty() => {
            schema.encodings = vec![encoding.clone()];
            let needed = |name: &str| {
                let mut parts = schema.match_keys.iter().flat_map(|key| &key.parts);
                parts.any(|part| part.field == name)
            };
            let fields = std::mem::take(&mut schema.fields);
            schema.fields = fields.into_iter().filter(|field| needed(&field.name)).collect();
            schema
        }
        _ => {
            remarks.push(
                "clk: no match key can be made, for want of names and birth dates beside the CLKs. How \
                 people are counted rests on several comparisons; on a single one hardly anybody is linked"
                    .to_owned(),
            );
            alone(contact, dimensions)
        }
    };
    schema.check()?;
    let guess = |column: &Column<'_>| match column.guess() {
        Guess { used: Use::Field(name), file, column, why } if schema.field(&name).is_none() => {
            Guess {
                file,
                column,
                used: Use::LeftOut,
                why: format!("{why}, but no match key needs it, and the CLK has it or not"),
            }
        }
        guess => guess,
    };
    let guesses = columns.iter().map(guess).collect();
    Ok(Draft { schema, guesses, remarks })
}
