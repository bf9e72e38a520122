//! A malicious partner, who submits what it likes to learn whether one person is known elsewhere.
//!
//! It invents clients, so that it knows everyone who is counted beside its target, chooses their codes
//! and months and the target's, and compares the two worlds (the target is known to nobody else, or to
//! one other source) by the likelihood of every number whose people are all its own.

use std::collections::{BTreeMap, BTreeSet};

use samenloop_disclose::{Measure, NoiseShape, PerturbationTable, RecordQuality, Registration};
use samenloop_schema::{Digest, Month};

use crate::round::{Client, Place, Round, answers};

/// What the partner gives out about its target and its invented clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// A code that nobody else uses.
    UnusedCode,
    /// The target's true codes, which are in common use.
    TrueCode,
    /// Another code in common use than the target's own.
    WrongCode,
    /// The true codes and no month, where everyone else's months are known.
    NoMonths,
    /// The true codes, and clients of whom it knows that the other source has them too.
    Decoys,
}

impl Trick {
    pub const ALL: [Self; 5] =
        [Self::UnusedCode, Self::TrueCode, Self::WrongCode, Self::NoMonths, Self::Decoys];
}

/// Invented clients beside the target, per dimension.
const INVENTED: u64 = 15;
/// Clients that are known to be known elsewhere.
const DECOYS: u64 = 15;

/// The round of honest sources in which the last party is the malicious one, in both worlds.
pub struct Scene {
    worlds: [Round; 2],
    /// Clients from this place on are the partner's.
    own: u32,
}

fn registration(party: u16, codes: Vec<Option<u16>>, from: u16, serial: u64) -> Registration {
    Registration {
        party,
        codes,
        start: Month::of(2020, from.into()).ok(),
        end: Month::of(2020, (from + 1).into()).ok(),
        digest: Digest::of(&[b"partner".as_slice(), &serial.to_le_bytes()].concat()),
        quality: RecordQuality::default(),
    }
}

impl Scene {
    pub fn new(honest: &Round, trick: Trick) -> Self {
        let mut round = honest.clone();
        let malicious = round.frame.parties.len() as u16;
        round.frame.parties.push("vreemd".parse().expect("a party id"));
        // A code of each list that nobody has.
        let unused: Vec<u16> = round
            .frame
            .dimensions
            .iter_mut()
            .map(|list| {
                list.codes.push("zelden".to_owned());
                list.codes.len() as u16 - 1
            })
            .collect();
        let dimensions = unused.len();
        let truth: Vec<Option<u16>> = vec![Some(0); dimensions];
        let common: Vec<Option<u16>> = vec![Some(1); dimensions];
        let claimed = match trick {
            Trick::UnusedCode => unused.iter().copied().map(Some).collect(),
            Trick::TrueCode | Trick::NoMonths | Trick::Decoys => truth.clone(),
            Trick::WrongCode => common.clone(),
        };
        if trick == Trick::NoMonths {
            round.clients.retain(|client| client.rows.iter().any(|row| row.start.is_some()));
        }
        let own = round.clients.len() as u32;
        let mut serial = 0;
        let mut add = |round: &mut Round, codes: &[(u16, Vec<Option<u16>>)]| {
            let rows = codes.iter().map(|(party, codes)| {
                serial += 1;
                let row = registration(*party, codes.clone(), 1 + party * 3, serial);
                let without = trick == Trick::NoMonths && *party == malicious;
                if without { Registration { start: None, end: None, ..row } } else { row }
            });
            round.clients.push(Client { rows: rows.collect() });
        };
        for dimension in 0..dimensions {
            // In this dimension they stand beside the target, in the others elsewhere.
            let mut codes: Vec<Option<u16>> = vec![None; dimensions];
            codes[dimension] = claimed[dimension];
            if trick == Trick::Decoys {
                // The same clients alone under another code: their number shows their noise.
                let other = (dimension + 1) % dimensions;
                codes[other] = Some(unused[other]);
            }
            for _ in 0..INVENTED {
                add(&mut round, &[(malicious, codes.clone())]);
            }
        }
        if trick == Trick::Decoys {
            for _ in 0..DECOYS {
                add(&mut round, &[(0, truth.clone()), (malicious, truth.clone())]);
            }
        }
        let mut elsewhere = round.clone();
        add(&mut round, &[(malicious, claimed.clone())]);
        add(&mut elsewhere, &[(0, truth), (malicious, claimed)]);
        Self { worlds: [round, elsewhere], own }
    }

    /// Share of right answers over so many noise keys, both worlds as often; half for an undecided one.
    pub fn accuracy(&self, keys: u64) -> f64 {
        let policy = &self.worlds[0].policy;
        let shape = NoiseShape::new(policy.max_noise, policy.variance, policy.no_small);
        let noise = Noise::new(&shape);
        let truths = self.own_places();
        let mut right = 0.0;
        for (actual, world) in self.worlds.iter().enumerate() {
            for key in 0..keys {
                let shown = answers(&world.release(1_000 + 2 * key + actual as u64));
                right += noise.right(&truths, actual, &shown);
            }
        }
        right / (2 * keys) as f64
    }

    /// The same against exact numbers that are only withheld under a threshold.
    pub fn accuracy_without_protection(&self, threshold: u32) -> f64 {
        let truths = self.own_places();
        let exact = |truth: &BTreeMap<Place, Vec<u32>>| -> BTreeMap<Place, Option<u32>> {
            let cells = truth.iter().map(|(place, clients)| {
                let count = clients.len() as u32;
                (place.clone(), (count >= threshold).then_some(count))
            });
            cells.collect()
        };
        let right = |world: usize| Noise::none().right(&truths, world, &exact(&truths[world]));
        (right(0) + right(1)) / 2.0
    }

    /// The places that hold the partner's own clients only, in each world, with these clients: the
    /// partner made them and knows them. A place that only one world fills is empty in the other.
    fn own_places(&self) -> [BTreeMap<Place, Vec<u32>>; 2] {
        let [mut alone, mut elsewhere] = self.worlds.each_ref().map(Round::truth);
        let own = |clients: Option<&Vec<u32>>| clients.is_none_or(|all| all[0] >= self.own);
        let places: Vec<Place> = alone.keys().chain(elsewhere.keys()).cloned().collect();
        let kept = places.iter().filter(|place| own(alone.get(place)) && own(elsewhere.get(place)));
        let kept: BTreeSet<&Place> = kept.collect();
        for truth in [&mut alone, &mut elsewhere] {
            truth.retain(|place, _| kept.contains(place));
            for place in &kept {
                truth.entry((*place).clone()).or_default();
            }
        }
        [alone, elsewhere]
    }
}

/// A partner that also submits clients of its own of whom it does not know which are known elsewhere:
/// it believes each to be so with a known probability, and weighs every number of them that may be.
pub struct Uncertain {
    honest: Round,
}

/// Real clients of the partner, of whom this share is known to the first source.
const REAL: u64 = 40;
const SHARED: f64 = 0.4;

impl Uncertain {
    pub fn new(honest: &Round) -> Self {
        let mut honest = honest.clone();
        honest.frame.parties.push("vreemd".parse().expect("a party id"));
        Self { honest }
    }

    /// The round in one world; which real clients are shared hangs on the key.
    fn world(&self, key: u64, elsewhere: bool) -> Round {
        let mut round = self.honest.clone();
        let malicious = round.frame.parties.len() as u16 - 1;
        let codes = vec![Some(0); round.frame.dimensions.len()];
        let mut serial = 0;
        let mut add = |codes: &[Option<u16>], shared: bool| {
            let mut rows = vec![];
            for party in shared.then_some(0).into_iter().chain([malicious]) {
                serial += 1;
                rows.push(registration(party, codes.to_vec(), 1 + party * 3, serial));
            }
            round.clients.push(Client { rows });
        };
        for dimension in 0..codes.len() {
            let mut own = vec![None; codes.len()];
            own[dimension] = codes[dimension];
            (0..INVENTED).for_each(|_| add(&own, false));
        }
        for real in 0..REAL {
            let draw = Digest::of(&[key.to_le_bytes(), real.to_le_bytes()].concat()).0[0];
            let shared = f64::from(draw) < SHARED * 256.0;
            add(&codes, shared);
        }
        add(&codes, elsewhere);
        round
    }

    /// Share of right answers over so many noise keys and so many ways in which clients are shared.
    pub fn accuracy(&self, keys: u64) -> f64 {
        let policy = &self.honest.policy;
        let shape = NoiseShape::new(policy.max_noise, policy.variance, policy.no_small);
        let noise = Noise::new(&shape);
        let malicious = self.honest.frame.parties.len() as u16 - 1;
        let mut right = 0.0;
        for key in 0..keys {
            for elsewhere in [false, true] {
                let round = self.world(key, elsewhere);
                let shown = answers(&round.release(5_000 + 2 * key + u64::from(elsewhere)));
                let alone = self.likelihood(&noise, malicious, &shown, false);
                let known = self.likelihood(&noise, malicious, &shown, true);
                let (actual, other) = if elsewhere { (known, alone) } else { (alone, known) };
                right +=
                    if actual > other { 1.0 } else { 0.5 * f64::from(u8::from(actual == other)) };
            }
        }
        right / (2 * keys) as f64
    }

    /// Likelihood of what is shown of the partner's clients alone, in all and beside the invented ones
    /// of each dimension, and of those shared, over every number of real clients that may be alone.
    fn likelihood(
        &self,
        noise: &Noise,
        malicious: u16,
        shown: &BTreeMap<Place, Option<u32>>,
        elsewhere: bool,
    ) -> f64 {
        let dimensions = self.honest.frame.dimensions.len();
        let place = |measure, sources: &[u16], split| Place {
            measure,
            sources: sources.to_vec(),
            source_count: 0,
            order: None,
            returned: None,
            split,
        };
        let number = |place: &Place| shown.get(place).copied().flatten();
        let target = u64::from(!elsewhere);
        let mut sum = 0.0;
        for alone in 0..=REAL {
            let mut likelihood = binomial(REAL, alone, 1.0 - SHARED);
            let splits = (0..dimensions).map(|d| Some((d, Some(0))));
            for split in splits.chain([None]) {
                let beside = if split.is_some() { INVENTED } else { INVENTED * dimensions as u64 };
                if let Some(seen) = number(&place(Measure::Patterns, &[malicious], split)) {
                    likelihood *= noise.probability((beside + alone + target) as u32, seen);
                }
            }
            // The shared ones are the same set under every code: one number.
            if let Some(seen) = number(&place(Measure::Overlap, &[0, malicious], None)) {
                likelihood *= noise.probability((REAL - alone + 1 - target) as u32, seen);
            }
            sum += likelihood;
        }
        sum
    }
}

fn binomial(of: u64, hits: u64, chance: f64) -> f64 {
    let choose: f64 = (0..hits).map(|k| (of - k) as f64 / (k + 1) as f64).product();
    choose * chance.powi(hits as i32) * (1.0 - chance).powi((of - hits) as i32)
}

/// Probabilities of perturbed counts, by true and perturbed count; none is exact.
struct Noise {
    rows: Option<BTreeMap<(u32, u32), f64>>,
    last: u32,
}

impl Noise {
    fn none() -> Self {
        Self { rows: None, last: 0 }
    }

    fn new(shape: &NoiseShape) -> Self {
        let table = PerturbationTable::new(shape).expect("a table");
        let last = table.transitions().map(|t| t.from).max().expect("rows");
        let rows = table.transitions().map(|t| ((t.from, t.to), t.probability));
        Self { rows: Some(rows.collect()), last }
    }

    fn probability(&self, count: u32, shown: u32) -> f64 {
        let Some(rows) = &self.rows else { return f64::from(u8::from(count == shown)) };
        let row = count.min(self.last);
        let moved = (shown + row).checked_sub(count);
        moved.and_then(|to| rows.get(&(row, to))).copied().unwrap_or(0.0)
    }

    /// 1 when the likelier world is the actual one, 0.5 when they are as likely.
    fn right(
        &self,
        truths: &[BTreeMap<Place, Vec<u32>>; 2],
        actual: usize,
        shown: &BTreeMap<Place, Option<u32>>,
    ) -> f64 {
        let likely = truths.each_ref().map(|truth| self.likelihood(truth, shown));
        match likely[actual].total_cmp(&likely[1 - actual]) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        }
    }

    /// Log-likelihood of the numbers shown for the partner's own sets: equal sets have one number, and
    /// an empty set has none.
    fn likelihood(
        &self,
        truth: &BTreeMap<Place, Vec<u32>>,
        shown: &BTreeMap<Place, Option<u32>>,
    ) -> f64 {
        let mut numbers: BTreeMap<&[u32], u32> = BTreeMap::new();
        for (place, clients) in truth {
            let Some(Some(count)) = shown.get(place) else { continue };
            let known = *numbers.entry(clients).or_insert(*count);
            if known != *count {
                return f64::NEG_INFINITY;
            }
        }
        numbers
            .iter()
            .map(|(clients, shown)| self.probability(clients.len() as u32, *shown).ln())
            .sum()
    }
}
