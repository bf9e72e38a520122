//! A schema for partners that have CLKs already.

use std::path::Path;

use samenloop_schema::{Encoding, LinkageSchema};

use super::{Column, Draft, DraftError, Guess, Use, contact, dimensions, judge};
use crate::clk_file;
use crate::table::Table;

/// Filter bits XORed into each submitted bit, as in the shipped encodings.
const DIFFUSION: u32 = 10;

/// Drafts a schema that takes CLKs of the length that a file has. Contact and code lists are drafted
/// from the tables, if there are any; their other columns are left out.
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
    let schema = LinkageSchema {
        version: LinkageSchema::VERSION,
        round: round.to_owned(),
        max_key_multiplicity: 5,
        fields: vec![],
        contact,
        encodings: vec![encoding],
        match_keys: vec![],
        dimensions,
    };
    schema.check()?;
    let guess = |column: &Column<'_>| match column.guess() {
        Guess { used: Use::Field(_), file, column, why } => Guess {
            file,
            column,
            used: Use::LeftOut,
            why: format!("{why}, but what is known of a person is in the CLK"),
        },
        guess => guess,
    };
    Ok(Draft { schema, guesses: columns.iter().map(guess).collect(), remarks })
}
