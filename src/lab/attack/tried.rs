//! `samenloop-lab schemes`: everything that was tried, quality beside attack success.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use samenloop_encode::{Encoder, LinkageKey, RoundKeys};
use samenloop_partner::mapping::Mapping;
use samenloop_partner::survey::{Silent, survey};
use samenloop_partner::table::{self, Table};
use samenloop_schema::{LinkageSchema, Record};

use super::{Arms, Attacked, Extent, Field, Outcome, quality, scheme};

/// What the command takes.
#[derive(Debug, Args)]
pub struct Flags {
    /// Registrations on which quality is measured; give one for each file.
    #[arg(long, required = true, value_name = "FILE.csv")]
    source: Vec<PathBuf>,
    /// Header of the column that tells who is who; it is never encoded.
    #[arg(long, value_name = "COLUMN")]
    truth: String,
    /// Measure quality on the records of about so many people.
    #[arg(long, value_name = "N", default_value_t = 2600)]
    people: usize,
    /// Only schemes whose name holds this.
    #[arg(long, value_name = "WORD", default_value = "")]
    only: String,
    /// Measure quality and speed only.
    #[arg(long)]
    no_attacks: bool,
    /// Attack so many targets among twice as many people, without A4 by 5,000 pairs; otherwise all that
    /// the gates need in full, which takes hours.
    #[arg(long, value_name = "N", conflicts_with = "no_attacks")]
    targets: Option<usize>,
}

/// Registrations with their truth.
struct Sample {
    schema: LinkageSchema,
    files: Vec<(PathBuf, Table)>,
    truth: String,
    keep: u64,
}

impl Sample {
    fn read(flags: &Flags) -> anyhow::Result<Self> {
        let files = flags
            .source
            .iter()
            .map(|path| Ok((path.clone(), table::read(path)?)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let tables: Vec<Table> =
            flags.source.iter().map(|path| table::read(path)).collect::<Result<_, _>>()?;
        let draft = samenloop_partner::draft::draft_schema(&tables, "schemes", &[&flags.truth])?;
        let mut people = std::collections::HashSet::new();
        for (path, table) in &files {
            let at = column(path, table, &flags.truth)?;
            people.extend(table.rows.iter().map(|row| number(&row.values()[at])));
        }
        let keep = u64::MAX / people.len().max(1) as u64;
        let keep = keep.saturating_mul(flags.people as u64);
        let keep = if people.len() <= flags.people { u64::MAX } else { keep };
        Ok(Self { schema: draft.schema, files, truth: flags.truth.clone(), keep })
    }

    /// Records of the sampled people and who they are.
    fn records(&self, schema: &LinkageSchema) -> anyhow::Result<(Vec<Record>, Vec<u64>)> {
        let keys = RoundKeys::derive(&LinkageKey::from_hex(KEY)?, schema);
        let (mut records, mut people) = (vec![], vec![]);
        for (path, table) in &self.files {
            let at = column(path, table, &self.truth)?;
            let of: HashMap<u64, u64> =
                table.rows.iter().map(|row| (row.line, number(&row.values()[at]))).collect();
            let found = survey(path, schema, &keys, false, &Silent)?;
            for (record, line) in found.records.into_iter().zip(found.lines) {
                if of[&line] <= self.keep {
                    records.push(record);
                    people.push(of[&line]);
                }
            }
        }
        Ok((records, people))
    }

    /// Records a second of one thread: rows of the first file to records, reading not counted.
    fn speed(&self, schema: &LinkageSchema) -> anyhow::Result<f64> {
        let keys = RoundKeys::derive(&LinkageKey::from_hex(KEY)?, schema);
        let encoder = Encoder::new(schema, &keys)?;
        let (_, table) = self.files.first().context("there is no file")?;
        let mapping = Mapping::new(schema, &table.headers)?;
        let persons: Vec<_> = table.rows.iter().map(|row| mapping.person(row).0).collect();
        let mut least = f64::INFINITY;
        for _ in 0..3 {
            let begin = Instant::now();
            for person in &persons {
                std::hint::black_box(encoder.encode(person));
            }
            least = least.min(begin.elapsed().as_secs_f64());
        }
        Ok(persons.len() as f64 / least.max(1e-9))
    }
}

/// Public, so that nothing encoded with it is a pseudonym.
const KEY: &str = "736368656d65732074686174207765726520747269656420696e20746865206c";

fn column(path: &Path, table: &Table, name: &str) -> anyhow::Result<usize> {
    let at = table.headers.iter().position(|header| header == name);
    at.with_context(|| format!("{}: no column \"{name}\"", path.display()))
}

/// A person as a number that is spread evenly.
fn number(truth: &str) -> u64 {
    let digest = samenloop_schema::Digest::of(truth.as_bytes());
    u64::from_le_bytes(std::array::from_fn(|at| digest.0[at]))
}

fn worst(
    attacked: &Attacked,
    attack: &str,
    keys: bool,
    pick: impl Fn(f64, usize) -> bool,
    share: fn(&Outcome) -> f64,
) -> String {
    let of = attacked.outcomes.iter().filter(|o| {
        let whole = o.view == "all" || o.view == "match keys";
        o.attack == attack && pick(o.overlap, o.known_pairs) && (keys || !whole)
    });
    let most = of.map(share).fold(f64::NAN, f64::max);
    percent(most)
}

fn percent(share: f64) -> String {
    if share.is_nan() { "–".to_owned() } else { format!("{:.1}", 100.0 * share) }
}

/// Prints a row of a Markdown table for each scheme, with and without its match keys.
pub fn run(flags: Flags) -> anyhow::Result<()> {
    let sample = Sample::read(&flags)?;
    let extent = flags.targets.map_or_else(Extent::full, Extent::gates);
    let field = if flags.no_attacks { None } else { Some(Field::new(extent)?) };
    let mut out = std::io::stdout();
    writeln!(
        out,
        "| scheme | match keys | best F1 | bytes | records/s | A2 1.0 | A2 0.5 | A3 200 | A4 500 | A4 5000 | A6 |\n\
         |---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    // The schema of the attacks is drafted from other files, so its schemes are made anew and paired
    // by name.
    let attacked_schemes = match &field {
        Some(field) => scheme::tried(&field.base)?,
        None => vec![],
    };
    let mut guessed = false;
    for scheme in scheme::tried(&sample.schema)? {
        if !scheme.name.contains(&flags.only) {
            continue;
        }
        let (records, people) = sample.records(&scheme.schema)?;
        let f1 = quality::best_f1(&scheme.schema, &records, &people);
        let speed = sample.speed(&scheme.schema)?;
        let mut bare = scheme.schema.clone();
        bare.match_keys.clear();
        let twin = attacked_schemes.iter().find(|twin| twin.name == scheme.name);
        let attacked = match (&field, twin) {
            (Some(field), Some(twin)) => Some(field.attack(twin, Arms::Gates)?),
            _ => None,
        };
        // The same of every scheme.
        if let (false, Some(attacked)) = (guessed, &attacked) {
            let row = cells(attacked, true, by_guess).join(" | ");
            writeln!(out, "| a guess by the codes alone | – | – | – | – | {row} |")?;
            guessed = true;
        }
        for keys in [true, false] {
            let there = if keys {
                !scheme.schema.match_keys.is_empty()
            } else {
                !bare.encodings.is_empty()
            };
            if !there {
                continue;
            }
            let schema = if keys { &scheme.schema } else { &bare };
            let cells = attacked
                .as_ref()
                .map_or(vec!["–".to_owned(); 6], |found| cells(found, keys, |o| o.upper95));
            writeln!(
                out,
                "| {} | {} | {:.3} | {} | {:.0} | {} |",
                scheme.name,
                if keys { scheme.schema.match_keys.len().to_string() } else { "none".to_owned() },
                f1[usize::from(!keys)],
                schema.shape().row_len(),
                if keys { speed } else { sample.speed(schema)? },
                cells.join(" | ")
            )?;
        }
        out.flush()?;
    }
    Ok(())
}

/// What a guess gets right, where it was reckoned.
fn by_guess(outcome: &Outcome) -> f64 {
    if outcome.chance > 0.0 { outcome.chance } else { f64::NAN }
}

/// Upper 95 % bounds, or what else `share` takes of an outcome, in percent: the worst of all views.
fn cells(attacked: &Attacked, keys: bool, share: fn(&Outcome) -> f64) -> Vec<String> {
    let of = |attack: &str, pick: &dyn Fn(f64, usize) -> bool| {
        worst(attacked, attack, keys, pick, share)
    };
    let book = attacked.outcomes.iter().find(|o| {
        o.attack == "A6 codebook, attributes" && (o.view == if keys { "all" } else { "encodings" })
    });
    vec![
        of("A2 graph", &|overlap, _| overlap == 1.0),
        of("A2 graph", &|overlap, _| overlap == 0.5),
        of("A3 fingerprint", &|_, known| known == 200),
        of("A4 learner", &|_, known| known == 500),
        of("A4 learner", &|_, known| known == 5000),
        percent(book.map_or(f64::NAN, share)),
    ]
}
