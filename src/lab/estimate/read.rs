//! Reads capture histories in the forms in which studies publish them.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use samenloop_disclose::estimate::{Histories, Met, Register};

/// What a file holds.
#[derive(Debug)]
pub enum Study {
    /// A column of 0 and 1 for each list and a count; or a person a row, without a count.
    Lists {
        /// Headers of the list columns.
        names: Vec<String>,
        /// The counts.
        histories: Histories,
    },
    /// How often one source met people, covariates, and a count.
    Register {
        /// Headers of the covariates.
        names: Vec<String>,
        /// The counts.
        register: Register,
    },
}

/// Headers of a first column that says how often people were met.
const TIMES: [&str; 5] = ["nbcap", "capture", "captures", "times", "met"];
/// Headers of a last column that counts people.
const COUNT: [&str; 5] = ["count", "freq", "frequency", "n", "people"];

/// Reads a file.
pub fn study(path: &Path) -> anyhow::Result<Study> {
    read(path).with_context(|| format!("cannot estimate from {}", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Study> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path)?;
    let mut names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let named = |name: Option<&String>, known: &[&str]| {
        name.is_some_and(|name| known.contains(&name.to_lowercase().as_str()))
    };
    let counted = named(names.last(), &COUNT);
    let times = named(names.first(), &TIMES);
    if counted {
        names.pop();
    }
    ensure!(
        times || names.len() >= 2,
        "it needs a column of 0 and 1 for each of two lists or more and a last column \"count\", or a \
         first column \"nbcap\" that says how often people were met"
    );
    let mut rows = vec![];
    for (place, record) in reader.records().enumerate() {
        let record = record?;
        let line = place + 2;
        let count = match record.get(names.len()) {
            Some(text) if counted => {
                text.parse().with_context(|| format!("line {line}: the count is no number"))?
            }
            _ => 1.0,
        };
        let cells: Vec<String> = record.iter().take(names.len()).map(str::to_owned).collect();
        rows.push((line, cells, count));
    }
    if times {
        let register = register(&rows)?;
        return Ok(Study::Register { names: names.split_off(1), register });
    }
    let mut cells = vec![];
    for (line, row, count) in rows {
        let mut set = 0;
        for (list, mark) in row.iter().enumerate() {
            match mark.as_str() {
                "1" => set |= 1 << list,
                "0" => {}
                _ => bail!("line {line}: column \"{}\" must be 0 or 1", names[list]),
            }
        }
        ensure!(
            set != 0,
            "line {line}: nobody can be counted who is on no list; leave the row out"
        );
        cells.push((set, count));
    }
    let histories = Histories::new(names.len(), cells)?;
    Ok(Study::Lists { names, histories })
}

fn register(rows: &[(usize, Vec<String>, f64)]) -> anyhow::Result<Register> {
    let mut known: Vec<Vec<&String>> = vec![];
    let mut met = vec![];
    for (line, row, count) in rows {
        let times = row[0].parse::<u32>();
        let times = times.with_context(|| format!("line {line}: the first column is no number"))?;
        ensure!(times > 0, "line {line}: nobody can be counted who was never met");
        known.resize(row.len() - 1, vec![]);
        let levels = row[1..].iter().zip(&mut known).map(|(name, names)| {
            names.iter().position(|own| *own == name).unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            })
        });
        met.push(Met { times, levels: levels.collect(), count: *count });
    }
    Ok(Register::new(met)?)
}
