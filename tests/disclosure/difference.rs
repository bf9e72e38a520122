//! Differencing: two released numbers whose sets of people differ by exactly one.
//!
//! Whoever believes that two sets are the same but for one person reads that person from the two
//! numbers. Equal sets have equal numbers for ever, so that two different numbers prove the person
//! there; equal numbers of different sets are a coincidence of the noise. This is sharper than
//! comparing the sizes, and the attacker uses it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use samenloop_disclose::{Measure, NoiseShape, PerturbationTable};
use samenloop_schema::Digest;

use crate::round::{Lattice, Place};

/// Which numbers the attacker has.
pub type Numbers = BTreeMap<Place, Option<u32>>;

fn label(client: u32) -> u64 {
    let digest = Digest::of(&client.to_le_bytes()).0;
    digest[..8].iter().fold(0, |label, byte| label << 8 | u64::from(*byte))
}

/// Pairs per client: distinct pairs of sets that differ by exactly this client, the smaller of which
/// is also known to the attacker, by a number or by the attacker's own list.
///
/// `own` are sets of clients whom an insider can tell apart; they need no number.
pub fn pairs(lattice: &Lattice, shown: &Numbers, own: &[Vec<u32>], clients: usize) -> Vec<u32> {
    let sum = |set: &[u32]| set.iter().fold(0_u64, |sum, client| sum ^ label(*client));
    let mut sets: HashMap<u64, &[u32]> = HashMap::new();
    for place in shown.iter().filter(|(_, count)| count.is_some()).map(|(place, _)| place) {
        let set = lattice.truth.get(place).expect("a shown place has clients");
        sets.insert(sum(set), set);
    }
    let numbered: BTreeSet<u64> = sets.keys().copied().collect();
    for set in own {
        sets.entry(sum(set)).or_insert(set);
    }
    let mut pairs = vec![0; clients];
    for (sum, set) in &sets {
        for client in *set {
            let without = sum ^ label(*client);
            // A pair of the insider's own sets is no news.
            let told = numbered.contains(sum) || numbered.contains(&without);
            if told && sets.contains_key(&without) {
                pairs[*client as usize] += 1;
            }
        }
    }
    pairs
}

/// What a source knows of its own clients: all of them and those of each code, also those who came
/// back, whatever the release shows.
pub fn own_sets(lattice: &Lattice, source: u16) -> Vec<Vec<u32>> {
    let own = |place: &&Place| {
        matches!(place.measure, Measure::Sources | Measure::Recidivism) && place.sources == [source]
    };
    lattice.truth.keys().filter(own).map(|place| lattice.truth[place].clone()).collect()
}

/// The largest number of pairs among all but the worst 1 % of clients.
pub fn worst_percent(mut pairs: Vec<u32>) -> u32 {
    pairs.sort_unstable();
    pairs[(pairs.len() * 99 / 100).min(pairs.len() - 1)]
}

/// Share of right answers to “is this client there?” from `pairs` pairs, both answers as likely.
///
/// Exact tables tell at once. Under noise: different numbers prove it, equal ones are taken as no.
pub fn accuracy(pairs: u32, noise: Option<&NoiseShape>) -> f64 {
    let Some(shape) = noise else { return if pairs > 0 { 1.0 } else { 0.5 } };
    let table = PerturbationTable::new(shape).expect("a table");
    let last = table.transitions().map(|t| t.from).max().expect("rows");
    let row: Vec<(i64, f64)> = table
        .transitions()
        .filter(|t| t.from == last)
        .map(|t| (i64::from(t.to) - i64::from(t.from), t.probability))
        .collect();
    // Sets of n and n − 1 people look alike when their noise differs by one the other way.
    let alike: f64 = row
        .iter()
        .flat_map(|(v, p)| row.iter().filter(move |(w, _)| *w == v + 1).map(move |(_, q)| p * q))
        .sum();
    0.5 + 0.5 * (1.0 - alike.powi(pairs as i32))
}
