//! A malicious partner, who submits what it likes to learn whether one person is known elsewhere.
//!
//! It invents clients, so that it knows everyone who is counted beside its target, chooses their codes
//! and months and the target's, and compares the two worlds (the target is known to nobody else, or to
//! one other source) by the likelihood of every number whose people are all its own, and by which of
//! them are withheld.

use std::collections::{BTreeMap, BTreeSet};

use samenloop_disclose::{Measure, RecordQuality, Registration};
use samenloop_schema::{Digest, Month};

use crate::likelihood::{Accuracy, Attacker, Frequencies, Noise, Sets, Shown, reach};
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
    /// The true codes, and so many clients of whom it knows that the other source has them too.
    Decoys(u32),
    /// The same with so many invented clients that one person tips the insider rule.
    Tipping(u32),
}

impl Trick {
    pub const WITHOUT_KNOWLEDGE: [Self; 4] =
        [Self::UnusedCode, Self::TrueCode, Self::WrongCode, Self::NoMonths];

    fn decoys(self) -> u32 {
        match self {
            Self::Decoys(decoys) | Self::Tipping(decoys) => decoys,
            _ => 0,
        }
    }

    /// Invented clients beside the target, per set of dimensions.
    fn invented(self, round: &Round) -> u32 {
        match self {
            Self::Decoys(decoys) => decoys,
            Self::Tipping(_) => round.joint().threshold,
            _ => INVENTED,
        }
    }
}

/// Of whom the partner knows everything that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knows {
    /// Its own clients and the decoys.
    ItsOwn,
    /// Everyone but the target, whose link then moves numbers of others too.
    Everyone,
}

const INVENTED: u32 = 15;

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
        quality: RecordQuality { information: Some(0), births: None },
    }
}

impl Scene {
    pub fn new(honest: &Round, trick: Trick) -> Self {
        let mut round = honest.clone();
        let invented = trick.invented(honest);
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
            Trick::WrongCode => common.clone(),
            _ => truth.clone(),
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
        let splits = round.splits();
        for (first, second) in splits.into_iter().filter(|(first, _)| first.is_some()) {
            // In these dimensions they stand beside the target, in the others elsewhere.
            let mut codes: Vec<Option<u16>> = vec![None; dimensions];
            for dimension in first.into_iter().chain(second) {
                codes[dimension] = claimed[dimension];
            }
            if let (true, Some(first), None) = (trick.decoys() > 0, first, second) {
                // The same clients alone under another code: were equal sets to have equal numbers, this
                // one would show their noise.
                let other = (first + 1) % dimensions;
                codes[other] = Some(unused[other]);
            }
            for _ in 0..invented {
                add(&mut round, &[(malicious, codes.clone())]);
            }
        }
        for _ in 0..trick.decoys() {
            add(&mut round, &[(0, truth.clone()), (malicious, truth.clone())]);
        }
        let mut elsewhere = round.clone();
        add(&mut round, &[(malicious, claimed.clone())]);
        add(&mut elsewhere, &[(0, truth), (malicious, claimed)]);
        Self { worlds: [round, elsewhere], own }
    }

    /// Right answers over so many noise keys, both worlds as often: from the numbers shown, and from
    /// those withheld besides. As many further releases show how often each is.
    pub fn accuracy(&self, keys: u32) -> [Accuracy; 2] {
        let attacker = Attacker::new(&self.worlds[0]);
        let sets = self.places(Knows::ItsOwn);
        let releases = |world: usize, first: u32| {
            let serial = move |key| u64::from(first + 2 * key) + world as u64;
            (0..keys).map(move |key| answers(&self.worlds[world].release(serial(key))))
        };
        let often = [0, 1].map(|world| Frequencies::new(&sets[world], releases(world, 500_000)));
        let mut found = [Accuracy::default(); 2];
        for actual in [0, 1] {
            for shown in releases(actual, 1_000) {
                for (withheld, found) in [false, true].into_iter().zip(&mut found) {
                    let likely = [0, 1].map(|world| {
                        let often = withheld.then_some(&often[world]);
                        attacker.likelihood(&sets[world], &shown, often)
                    });
                    found.add(likely[actual], likely[1 - actual]);
                }
            }
        }
        found
    }

    /// Counts in both worlds of the joint numbers that differ between them, one per noise.
    fn differing(&self, knows: Knows) -> Vec<[u32; 2]> {
        let attacker = Attacker::new(&self.worlds[0]);
        let [alone, elsewhere] = self.places(knows);
        let joint = alone.keys().filter(|place| !place.is_one_source_s());
        let counts = joint.map(|place| {
            let count = |sets: &Sets| sets[place].len() as u32;
            (attacker.place_of_noise(place), [count(&alone), count(&elsewhere)])
        });
        let counts: BTreeMap<Place, [u32; 2]> = counts.collect();
        counts.into_values().filter(|[a, b]| a != b).collect()
    }

    /// How many looks at the target there are, each counted by how far it moves, squared.
    pub fn looks(&self) -> u32 {
        self.differing(Knows::ItsOwn).iter().map(|[a, b]| a.abs_diff(*b).pow(2)).sum()
    }

    /// Share of right answers if every number of which the partner knows all but the target were shown
    /// or withheld by its size alone.
    pub fn reach(&self, knows: Knows) -> f64 {
        let joint = self.worlds[0].joint();
        let noise = Noise::joint(&self.worlds[0]);
        reach(&noise, joint.threshold, self.differing(knows).into_iter())
    }

    /// The same against exact numbers that are only withheld under a threshold.
    pub fn accuracy_without_protection(&self, threshold: u32) -> f64 {
        let attacker = Attacker::of_exact_tables(&self.worlds[0]);
        let sets = self.places(Knows::ItsOwn);
        let exact = |sets: &Sets| -> Shown {
            let cells = sets.iter().map(|(place, clients)| {
                let count = clients.len() as u32;
                (place.clone(), (count >= threshold).then_some(count))
            });
            cells.collect()
        };
        let mut found = Accuracy::default();
        for actual in [0, 1] {
            let shown = exact(&sets[actual]);
            let likely = [0, 1].map(|world| attacker.likelihood(&sets[world], &shown, None));
            found.add(likely[actual], likely[1 - actual]);
        }
        found.right()
    }

    /// The places whose people the partner knows, in each world, with these clients. A place that only one
    /// world fills is empty in the other. Of others' clients only joint numbers that differ count: whoever
    /// knew all clients of a source would not have to ask for its number.
    fn places(&self, knows: Knows) -> [Sets; 2] {
        let [mut alone, mut elsewhere] = self.worlds.each_ref().map(Round::truth);
        let own = |clients: Option<&Vec<u32>>| clients.is_none_or(|all| all[0] >= self.own);
        let kept = |place: &&Place| {
            let (a, b) = (alone.get(*place), elsewhere.get(*place));
            (own(a) && own(b)) || (knows == Knows::Everyone && !place.is_one_source_s() && a != b)
        };
        let kept: BTreeSet<Place> =
            alone.keys().chain(elsewhere.keys()).filter(kept).cloned().collect();
        for truth in [&mut alone, &mut elsewhere] {
            truth.retain(|place, _| kept.contains(place));
            for place in &kept {
                truth.entry(place.clone()).or_default();
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

    /// Right answers over so many noise keys and so many ways in which clients are shared.
    pub fn accuracy(&self, keys: u64) -> Accuracy {
        let noise = Noise::joint(&self.honest);
        let malicious = self.honest.frame.parties.len() as u16 - 1;
        let mut found = Accuracy::default();
        for key in 0..keys {
            for elsewhere in [false, true] {
                let round = self.world(key, elsewhere);
                let shown = answers(&round.release(5_000 + 2 * key + u64::from(elsewhere)));
                let likely = [elsewhere, !elsewhere]
                    .map(|world| self.likelihood(&noise, malicious, &shown, world).ln());
                found.add(likely[0], likely[1]);
            }
        }
        found
    }

    /// Likelihood of what is shown of the partner's clients alone, in all and beside the invented ones
    /// of each dimension, and of those shared under each code, over every number of real clients that may be alone.
    fn likelihood(&self, noise: &Noise, malicious: u16, shown: &Shown, elsewhere: bool) -> f64 {
        let dimensions = self.honest.frame.dimensions.len();
        let place = |measure, sources: &[u16], split| Place {
            measure,
            sources: sources.to_vec(),
            source_count: 0,
            order: None,
            returned: None,
            split,
            also: None,
        };
        let number = |place: &Place| shown.get(place).copied().flatten();
        let target = u64::from(!elsewhere);
        let mut sum = 0.0;
        for alone in 0..=REAL {
            let mut likelihood = binomial(REAL, alone, 1.0 - SHARED);
            let splits = (0..dimensions).map(|d| Some((d, Some(0))));
            for split in splits.chain([None]) {
                let both = place(Measure::Overlap, &[0, malicious], split);
                if let Some(seen) = number(&both) {
                    likelihood *= noise.probability((REAL - alone + 1 - target) as u32, seen);
                }
                let beside =
                    u64::from(INVENTED) * if split.is_some() { 1 } else { dimensions as u64 };
                if let Some(seen) = number(&place(Measure::Patterns, &[malicious], split)) {
                    likelihood *= noise.probability((beside + alone + target) as u32, seen);
                }
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
