//! How well the encodings withstand someone who has the submitted records and a population list.
//!
//! The attacker knows the schema and every parameter but not the linkage key. `docs/encoding-attacks.md` says
//! what each attack does, what came out, and what none of them covers.

pub(crate) mod command;
mod equality;
mod fingerprint;
mod graph;
mod learner;
mod outcome;
mod people;
mod probe;
mod quality;
mod registers;
mod report;
mod scheme;
pub(crate) mod tried;
mod views;

use anyhow::ensure;
use samenloop_schema::{LinkageSchema, Record};
use serde::Serialize;

use crate::synth::{Plan, Row};
use graph::Matrix;
use learner::Tokens;
pub use outcome::{Outcome, wilson};
use people::{Side as Encoder, encode};
use registers::Registers;
pub use scheme::Scheme;
use views::{Side, View, candidates, chance};

/// How much is attacked.
#[derive(Debug, Clone)]
pub struct Extent {
    /// Records in the file for A2 where the list is the file itself.
    pub graph: usize,
    /// People on the attacker's list.
    pub list: usize,
    /// Records attacked with known pairs, the first of the list.
    pub targets: usize,
    /// Known pairs for A3.
    pub fingerprints: Vec<usize>,
    /// Known pairs for A4.
    pub lessons: Vec<usize>,
    /// Shares of the list that stand in the file for A2.
    pub overlaps: Vec<f64>,
    /// People of the registrations for A6.
    pub registered: u64,
    /// People of the registrations that are linked, for A5 and F1.
    pub linked: u64,
    /// People known for A6.
    pub codebook: usize,
    /// People whose membership is probed in A5.
    pub probes: usize,
    /// Whatever is drawn follows from it.
    pub seed: u64,
}

impl Extent {
    /// For the figures in the documents; minutes.
    #[must_use]
    pub fn full() -> Self {
        Self {
            graph: 3500,
            list: 7000,
            targets: 1500,
            fingerprints: vec![50, 200, 1000],
            lessons: vec![100, 500, 5000],
            overlaps: vec![1.0, 0.5, 0.3, 0.1],
            registered: 7000,
            linked: 2500,
            codebook: 500,
            probes: 1000,
            seed: 1,
        }
    }

    /// For a test: seconds. Its rates are too coarse for a gate.
    #[must_use]
    pub fn small() -> Self {
        Self {
            graph: 300,
            list: 600,
            targets: 200,
            fingerprints: vec![100],
            lessons: vec![300],
            overlaps: vec![1.0],
            registered: 600,
            linked: 300,
            codebook: 100,
            probes: 60,
            seed: 1,
        }
    }

    /// What the gates need but A4 with 5,000 pairs, on so many targets among twice as many people: with
    /// no hit the upper bound is 3.8 / targets.
    #[must_use]
    pub fn gates(targets: usize) -> Self {
        Self {
            graph: targets,
            list: 2 * targets,
            targets,
            fingerprints: vec![200],
            lessons: vec![500],
            overlaps: vec![1.0, 0.5],
            registered: 2 * targets as u64,
            linked: 300,
            ..Self::full()
        }
    }

    fn known(&self) -> usize {
        self.fingerprints.iter().chain(&self.lessons).copied().max().unwrap_or(0)
    }
}

/// Linkage quality of a scheme on the registrations that were attacked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// As in the attacks.
    pub scheme: String,
    /// Pairwise F1 of the clusters.
    pub f1: f64,
    /// Bytes of a record.
    pub bytes: usize,
}

/// A promise about the attacks and whether it held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gate {
    /// In words.
    pub rule: String,
    /// Whether it held.
    pub holds: bool,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Every attack on every scheme.
    pub attacks: Vec<Outcome>,
    /// How well each scheme links the same people.
    pub linkage: Vec<Quality>,
    /// Of the default, the others of whom each encoding and match key told something in A6.
    pub codebook: Vec<(String, usize)>,
    /// That controls broke and that the default did not.
    pub gates: Vec<Gate>,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Which attacks are made on a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arms {
    /// All.
    All,
    /// A2, A3 with 200 pairs, A4 with 500 and 5,000 and A6: what the gates need.
    Gates,
}

/// People and their schema, ready to be attacked under any encoding of their fields.
pub(crate) struct Field {
    pub extent: Extent,
    rows: Vec<Row>,
    pub base: LinkageSchema,
}

/// The outcomes on one scheme.
pub(crate) struct Attacked {
    pub outcomes: Vec<Outcome>,
    pub quality: Quality,
    pub codebook: Vec<(String, usize)>,
}

struct Arena<'a> {
    schema: &'a LinkageSchema,
    extent: &'a Extent,
    records: Vec<Option<Record>>,
    partner: Side,
    attacker: Side,
    list: Vec<usize>,
    known: Vec<usize>,
}

impl Field {
    pub(crate) fn new(extent: Extent) -> anyhow::Result<Self> {
        ensure!(extent.targets <= extent.list && extent.graph <= extent.list, "too short a list");
        let rows = people::people(extent.list + extent.known(), extent.seed)?;
        let base = people::draft(&rows)?;
        Ok(Self { extent, rows, base })
    }

    fn arena<'a>(&'a self, schema: &'a LinkageSchema) -> anyhow::Result<Arena<'a>> {
        let records = encode(self.rows.iter(), schema, Encoder::Partner)?;
        let listed = encode(self.rows.iter(), schema, Encoder::Attacker)?;
        Ok(Arena {
            schema,
            extent: &self.extent,
            partner: Side::new(schema, &records),
            attacker: Side::new(schema, &listed),
            records,
            list: (0..self.extent.list).collect(),
            known: (self.extent.list..self.rows.len()).collect(),
        })
    }

    /// Makes the attacks on one scheme.
    pub(crate) fn attack(&self, scheme: &Scheme, arms: Arms) -> anyhow::Result<Attacked> {
        let schema = &scheme.schema;
        let arena = self.arena(schema)?;
        let mut outcomes = vec![];
        if arms == Arms::All {
            outcomes.extend(arena.blind_and_leaked(&self.rows)?);
            outcomes.extend(arena.frequencies(&self.rows)?);
        }
        outcomes.extend(arena.graphs(arms));
        outcomes.extend(arena.with_known_pairs(&self.rows, arms)?);
        let plan = Plan {
            people: self.extent.registered,
            seed: self.extent.seed + 1,
            sources: 6,
            noise: 1.0,
        };
        let registers = Registers::new(plan, schema)?;
        let book = equality::codebook(schema, &registers, self.extent.codebook);
        let known = self.extent.codebook;
        for (view, hits) in [("encodings", book.by_encodings), ("all", book.disclosed)] {
            let told = Outcome::new("A6 codebook, attributes", view, book.others, hits);
            outcomes.push(told.known(known));
        }
        let linked = Registers::new(Plan { people: self.extent.linked, ..plan }, schema)?;
        if arms == Arms::All {
            let people = Outcome::new("A6 codebook, people", "all", book.unseen, book.recognised);
            outcomes.push(people.known(known));
            outcomes.extend(probe::crafted(schema, &linked)?);
        }
        for outcome in &mut outcomes {
            outcome.scheme.clone_from(&scheme.name);
        }
        let f1 = linked.f1(schema)?;
        let quality = Quality { scheme: scheme.name.clone(), f1, bytes: schema.shape().row_len() };
        Ok(Attacked { outcomes, quality, codebook: book.by_place })
    }
}

impl Arena<'_> {
    /// A0: a blind guess among those whose codes fit, and matching with the partners' own key.
    fn blind_and_leaked(&self, rows: &[Row]) -> anyhow::Result<Vec<Outcome>> {
        let targets = &self.list[..self.extent.targets];
        let candidates = candidates(&self.partner, &self.attacker, targets, &self.list);
        let right = candidates.iter().enumerate().filter(|(place, of)| {
            // A guess by the record's place says nothing of who it is.
            let guess = of.get((place * 7919 + 13) % of.len().max(1));
            guess.is_some_and(|person| *person as usize == *place)
        });
        let rate = chance(&candidates);
        let blind = Outcome::new("A0 blind guess", "codes alone", targets.len(), right.count());
        let leaked = encode(rows.iter(), self.schema, Encoder::Leaked)?;
        let same = |at: &&usize| match (&self.records[**at], &leaked[**at]) {
            (Some(a), Some(b)) => a.encodings == b.encodings && a.match_keys == b.match_keys,
            (a, b) => a.is_none() && b.is_none(),
        };
        let found = targets.iter().filter(same).count();
        let leaked = Outcome::new("A0 leaked key", "all", targets.len(), found);
        Ok(vec![blind.by_chance(rate), leaked.by_chance(rate)])
    }

    /// A1 on every encoding and match key of the whole list.
    fn frequencies(&self, rows: &[Row]) -> anyhow::Result<Vec<Outcome>> {
        let listed = encode(rows.iter(), self.schema, Encoder::Attacker)?;
        let side = |records: &[Option<Record>]| {
            equality::places(self.schema, &records[..self.extent.list])
        };
        let codes: Vec<Vec<Option<u16>>> =
            self.list.iter().map(|at| self.attacker.codes(*at).to_vec()).collect();
        let pairs = side(&self.records).into_iter().zip(side(&listed));
        let outcomes = pairs.map(|((name, theirs), (_, own))| {
            let (targets, hits) = equality::frequency(&theirs, &own, &codes);
            Outcome::new("A1 frequency", &name, targets, hits)
        });
        Ok(outcomes.collect())
    }

    fn graphs(&self, arms: Arms) -> Vec<Outcome> {
        let mut outcomes = vec![];
        for overlap in &self.extent.overlaps {
            if arms == Arms::Gates && *overlap < 0.5 {
                continue;
            }
            let count = (self.extent.list as f64 * overlap).round() as usize;
            let count = count.min(self.extent.graph);
            let listed = (count as f64 / overlap).round() as usize;
            let (records, list) = (&self.list[..count], &self.list[..listed]);
            let candidates = candidates(&self.partner, &self.attacker, records, list);
            let rate = chance(&candidates);
            let matrices = |side: &Side, people: &[usize]| -> Vec<Matrix> {
                let parts = View::All.parts(self.schema);
                let mut all: Vec<Matrix> =
                    parts.into_iter().map(|view| Matrix::new(side, view, people)).collect();
                if all.len() > 1 {
                    all.push(Matrix::together(&all));
                }
                all
            };
            let (theirs, own) = (matrices(&self.partner, records), matrices(&self.attacker, list));
            for (view, (theirs, own)) in
                View::of(self.schema).into_iter().zip(theirs.iter().zip(&own))
            {
                let hits = graph::graph(theirs, own, &candidates);
                let name = view.name(self.schema);
                let mut outcome = Outcome::new("A2 graph", &name, count, hits).by_chance(rate);
                outcome.overlap = *overlap;
                outcomes.push(outcome);
            }
        }
        outcomes
    }

    fn with_known_pairs(&self, rows: &[Row], arms: Arms) -> anyhow::Result<Vec<Outcome>> {
        let targets = &self.list[..self.extent.targets];
        let candidates = candidates(&self.partner, &self.attacker, targets, &self.list);
        let rate = chance(&candidates);
        let among = (&self.list[..], &candidates[..]);
        let mut outcomes = vec![];
        let print = |parts: &[View], pairs: usize| {
            let known = &self.known[..pairs];
            fingerprint::fingerprint(&self.partner, &self.attacker, parts, known, targets, among)
        };
        let mut add = |attack, view: View, pairs, fits: &[Vec<f32>]| {
            let hits = fingerprint::hits(fits, &candidates);
            let outcome = Outcome::new(attack, &view.name(self.schema), targets.len(), hits);
            outcomes.push(outcome.known(pairs).by_chance(rate));
        };
        for pairs in &self.extent.fingerprints {
            if arms == Arms::Gates && *pairs != 200 {
                continue;
            }
            for view in View::of(self.schema) {
                add("A3 fingerprint", view, *pairs, &print(&view.parts(self.schema), *pairs));
            }
        }
        if self.schema.encodings.is_empty() {
            return Ok(outcomes);
        }
        let token_schema = learner::token_schema(self.schema);
        let tokens = encode(rows.iter(), &token_schema, Encoder::Attacker)?;
        let tokens = Tokens::new(self.schema.encodings.len(), &tokens);
        for pairs in &self.extent.lessons {
            if arms == Arms::Gates && *pairs < 500 {
                continue;
            }
            let known = &self.known[..*pairs];
            // Match keys are equal or not: what is known of them is in their fingerprint.
            let keys = !self.schema.match_keys.is_empty();
            let mut all: Vec<Vec<f32>> = candidates.iter().map(|of| vec![0.0; of.len()]).collect();
            if keys {
                let scale = (*pairs as f32).sqrt();
                all = print(&[View::Keys], *pairs);
                all.iter_mut().flatten().for_each(|fit| *fit *= scale);
            }
            for (place, encoding) in self.schema.encodings.iter().enumerate() {
                let shape = (place, encoding.bits);
                let fits = learner::learn(&self.partner, &tokens, shape, known, targets, among);
                for (sum, fit) in all.iter_mut().flatten().zip(fits.iter().flatten()) {
                    *sum += fit;
                }
                add("A4 learner", View::Encoding(place), *pairs, &fits);
            }
            if keys || self.schema.encodings.len() > 1 {
                add("A4 learner", View::All, *pairs, &all);
            }
        }
        Ok(outcomes)
    }
}

/// Attacks the default and the controls.
pub fn attack(extent: Extent, told: &dyn Fn(&str)) -> anyhow::Result<Report> {
    let begin = std::time::Instant::now();
    let field = Field::new(extent)?;
    let base = &field.base;
    let scheme = |name: &str, schema| Scheme { name: name.to_owned(), schema };
    let default = scheme("default", base.clone());
    let controls = [
        scheme("plain CLK", scheme::record_level(base, 1, 1024)?),
        scheme("diffused t = 2", scheme::record_level(base, 2, 2048)?),
        scheme("birth date and sex", scheme::birth_and_sex(base)?),
        scheme("given-name match key", scheme::given_name_key(base)?),
    ];
    let mut report = Report {
        attacks: probe::membership(&field.extent)?,
        linkage: vec![],
        codebook: vec![],
        gates: vec![],
        seconds: 0.0,
    };
    for scheme in std::iter::once(&default).chain(&controls) {
        told(&scheme.name);
        let attacked = field.attack(scheme, Arms::All)?;
        report.attacks.extend(attacked.outcomes);
        report.linkage.push(attacked.quality);
        if scheme.name == default.name {
            report.codebook = attacked.codebook;
        }
    }
    report.gates = report::gates(&report.attacks);
    report.seconds = begin.elapsed().as_secs_f64();
    Ok(report)
}

#[cfg(test)]
mod tests;
