//! Registrations of people who do not exist, as dirty as those of a Dutch region.
//!
//! Everything follows from a seed: the same seed gives the same bytes, and a larger population begins
//! with the people of a smaller one. Nothing is kept but one person at a time.

pub(crate) mod command;
mod names;
mod noise;
mod person;
mod profile;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use rayon::prelude::*;
use serde::Serialize;

use names::Names;
use person::{seeded, someone};
use profile::SOURCES;

/// Headers of the files.
pub const HEADERS: [&str; 14] = [
    "record_id",
    "person_id",
    "voornaam",
    "tussenvoegsel",
    "achternaam",
    "geboortedatum",
    "geslacht",
    "geboorteplaats",
    "postcode",
    "gemeente",
    "bsn",
    "doelgroep",
    "start",
    "einde",
];

/// A population to make.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Different people, each known to one source at least; at most 2^32.
    pub people: u64,
    /// Whatever is drawn follows from it.
    pub seed: u64,
    /// How many of the six sources, from `ggd` on.
    pub sources: usize,
    /// How often errors are made, in multiples of the rates of `regio`.
    pub noise: f64,
}

/// A person as one source has it; an empty value is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Given names, nickname or initial.
    pub given: String,
    /// Tussenvoegsel.
    pub prefix: String,
    /// Surname.
    pub surname: String,
    /// Birth date as year-month-day.
    pub birth: String,
    /// `M` or `V`.
    pub sex: &'static str,
    /// Place of birth.
    pub birthplace: String,
    /// Postcode, or its four digits.
    pub postcode: String,
    /// Code of the municipality (CBS).
    pub municipality: &'static str,
    /// National number; passes the elfproef unless mistyped.
    pub bsn: String,
    /// Target group.
    pub group: &'static str,
    /// First month of the contact.
    pub start: String,
    /// Last month of the contact.
    pub end: String,
}

impl Row {
    /// The values in the order of [`HEADERS`], without the two identifiers before them.
    #[must_use]
    pub fn values(&self) -> [&str; 12] {
        [
            &self.given,
            &self.prefix,
            &self.surname,
            &self.birth,
            self.sex,
            &self.birthplace,
            &self.postcode,
            self.municipality,
            &self.bsn,
            self.group,
            &self.start,
            &self.end,
        ]
    }
}

/// What is true of the files together; the form of the truth that comes with `regio`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// People by the exact set of sources that know them.
    pub patterns: BTreeMap<String, u64>,
    /// Records of all sources.
    pub records: u64,
    /// Records per source.
    pub records_per_source: BTreeMap<String, u64>,
    /// People by the number of sources that know them.
    pub sources_per_person: BTreeMap<usize, u64>,
    /// Different people.
    pub unique_people: u64,
    /// Different people per source.
    pub unique_per_source: BTreeMap<String, u64>,
}

/// A seeded population, ready to be read source by source.
pub struct Population {
    plan: Plan,
    names: Names,
}

impl Population {
    /// Prepares a population; nothing is drawn yet.
    pub fn new(plan: Plan) -> anyhow::Result<Self> {
        ensure!(plan.people > 0, "a population needs at least one person");
        ensure!(plan.people <= 1 << 32, "at most 4,294,967,296 people can be told apart");
        ensure!(
            (1..=SOURCES.len()).contains(&plan.sources),
            "there are {} sources to choose from; ask for 1 to {0}",
            SOURCES.len()
        );
        ensure!((0.0..=3.0).contains(&plan.noise), "errors come 0 to 3 times as often as in regio");
        Ok(Self { plan, names: Names::new() })
    }

    /// Names of the sources.
    pub fn sources(&self) -> impl Iterator<Item = &'static str> {
        SOURCES.iter().take(self.plan.sources).map(|profile| profile.name)
    }

    /// The rows of a source, each with the number of its person, in an order of the source's own.
    pub fn rows(&self, source: usize) -> impl Iterator<Item = (u64, Row)> + '_ {
        let Plan { people, seed, sources, noise } = self.plan;
        let profile = SOURCES[source].noisier(noise);
        let order = Order::new(people, seed, source as u64);
        order.flat_map(move |number| {
            let person = someone(&self.names, seed, number, sources);
            let known = person.sources >> source & 1 == 1;
            let mut rng = seeded(seed, 2 + source as u64, number);
            let count = if known { times(profile.again, &mut rng) } else { 0 };
            let rows: Vec<Row> = (0..count)
                .map(|_| noise::record(&self.names, &profile, &person, &mut rng))
                .collect();
            rows.into_iter().map(move |row| (number, row))
        })
    }

    /// Writes a file for each source and `truth.json`.
    pub fn write(&self, dir: &Path) -> anyhow::Result<Truth> {
        std::fs::create_dir_all(dir)
            .with_context(|| format!("cannot make the directory {}", dir.display()))?;
        let names: Vec<&str> = self.sources().collect();
        let records: Vec<u64> = (0..names.len())
            .into_par_iter()
            .map(|source| self.write_source(source, &dir.join(format!("{}.csv", names[source]))))
            .collect::<anyhow::Result<_>>()?;
        let truth = self.truth(&names, &records);
        let path = dir.join("truth.json");
        let text = serde_json::to_string_pretty(&truth)? + "\n";
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(truth)
    }

    fn write_source(&self, source: usize, path: &Path) -> anyhow::Result<u64> {
        let name = SOURCES[source].name;
        let mut file = csv::WriterBuilder::new()
            .buffer_capacity(1 << 20)
            .from_path(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        file.write_record(HEADERS)?;
        let mut records = 0;
        for (person, row) in self.rows(source) {
            file.write_field(format!("{name}-{records:07}"))?;
            file.write_field(format!("p{person:07}"))?;
            file.write_record(row.values())?;
            records += 1;
        }
        file.flush().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(records)
    }

    /// Counts from the people, not from the files.
    fn truth(&self, names: &[&str], records: &[u64]) -> Truth {
        let Plan { people, seed, sources, .. } = self.plan;
        let mut by_set = [0_u64; 1 << SOURCES.len()];
        let sets = (0..people)
            .into_par_iter()
            .fold(
                || vec![0_u64; by_set.len()],
                |mut sets, number| {
                    sets[usize::from(someone(&self.names, seed, number, sources).sources)] += 1;
                    sets
                },
            )
            .collect::<Vec<_>>();
        for part in sets {
            by_set.iter_mut().zip(part).for_each(|(sum, more)| *sum += more);
        }
        let mut truth = Truth { unique_people: people, ..Truth::default() };
        for (name, records) in names.iter().zip(records) {
            truth.records += records;
            truth.records_per_source.insert((*name).to_owned(), *records);
            truth.unique_per_source.insert((*name).to_owned(), 0);
        }
        for (set, count) in by_set.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            let mut known: Vec<&str> = (0..names.len())
                .filter(|place| set >> place & 1 == 1)
                .map(|at| names[at])
                .collect();
            known.sort_unstable();
            *truth.sources_per_person.entry(known.len()).or_default() += count;
            for name in &known {
                *truth.unique_per_source.entry((*name).to_owned()).or_default() += count;
            }
            truth.patterns.insert(known.join("+"), count);
        }
        truth
    }
}

/// Records of a person in a source that knows them.
fn times([second, third]: [f64; 2], rng: &mut impl rand::Rng) -> usize {
    use rand::RngExt as _;
    if !rng.random_bool(second) {
        1
    } else if !rng.random_bool(third) {
        2
    } else {
        3
    }
}

/// All numbers below `len`, each once, in an order that a seed and a source choose: steps of a
/// length without a divisor in common with `len`.
struct Order {
    at: u64,
    step: u64,
    len: u64,
    left: u64,
}

impl Order {
    fn new(len: u64, seed: u64, source: u64) -> Self {
        use rand::RngExt as _;
        let mut rng = seeded(seed, 100, source);
        let step = loop {
            let step = rng.random_range(1..=len);
            if common_divisor(step, len) == 1 {
                break step;
            }
        };
        Self { at: rng.random_range(0..len), step, len, left: len }
    }
}

impl Iterator for Order {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        self.at = (self.at + self.step) % self.len;
        Some(self.at)
    }
}

fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// All rows of a population per source, each with the number of its person.
pub fn generate(plan: Plan) -> anyhow::Result<Vec<Vec<(u64, Row)>>> {
    let population = Population::new(plan)?;
    Ok((0..plan.sources).into_par_iter().map(|source| population.rows(source).collect()).collect())
}

#[cfg(test)]
mod tests;
