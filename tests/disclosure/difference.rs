//! Differencing: two released numbers whose sets of people differ by exactly one.
//!
//! Whoever believes that two sets are the same but for one person reads that person from the two
//! numbers. Equal sets of one source's clients have equal numbers for ever, so that two different numbers
//! prove the person there; equal numbers of different sets are a coincidence of the noise. This is
//! sharper than comparing the sizes, and the attacker uses it. Joint numbers have noise of their own at
//! every place, so that of them only the sizes can be compared, which every further place of a set does
//! a little better.

use std::collections::{BTreeMap, HashMap};

use samenloop_disclose::{Measure, NoiseShape, PerturbationTable};
use samenloop_schema::Digest;
use statrs::distribution::{ContinuousCDF as _, Normal};

use crate::round::{Lattice, Place};

/// Which numbers the attacker has.
pub type Numbers = BTreeMap<Place, Option<u32>>;

fn label(client: u32) -> u64 {
    let digest = Digest::of(&client.to_le_bytes()).0;
    digest[..8].iter().fold(0, |label, byte| label << 8 | u64::from(*byte))
}

/// What an attacker has of a set of clients.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// A number that one source alone tells.
    of_one_source: bool,
    joint: u32,
    /// The set itself is an insider's.
    own: bool,
}

impl Known {
    /// Variance of the best guess of its size; infinite without a number.
    fn variance(self, variances: [f64; 2]) -> f64 {
        if self.own {
            return 0.0;
        }
        let [of_one_source, joint] = variances;
        let one = if self.of_one_source { 1.0 / of_one_source } else { 0.0 };
        1.0 / (one + f64::from(self.joint) / joint)
    }
}

/// Pairs of sets that differ by exactly one client, of one client.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pairs {
    /// Those of which one number and its equality to another, or an insider's set, tells.
    pub proving: u32,
    /// Σ 1 / variance of the difference, of all.
    pub information: f64,
}

/// Pairs per client: the smaller set is also known to the attacker, by a number or by its own list.
///
/// `own` are sets of clients whom an insider can tell apart; they need no number. `variances` are those
/// of one source's and of joint numbers.
pub fn pairs(
    lattice: &Lattice,
    shown: &Numbers,
    own: &[Vec<u32>],
    clients: usize,
    variances: [f64; 2],
) -> Vec<Pairs> {
    let sum = |set: &[u32]| set.iter().fold(0_u64, |sum, client| sum ^ label(*client));
    let mut sets: HashMap<u64, (&[u32], Known)> = HashMap::new();
    for place in shown.iter().filter(|(_, count)| count.is_some()).map(|(place, _)| place) {
        let set = lattice.truth.get(place).expect("a shown place has clients");
        let known = &mut sets.entry(sum(set)).or_insert((set, Known::default())).1;
        if place.is_one_source_s() {
            known.of_one_source = true;
        } else {
            known.joint += 1;
        }
    }
    for set in own {
        sets.entry(sum(set)).or_insert((set, Known::default())).1.own = true;
    }
    let mut pairs = vec![Pairs::default(); clients];
    for (sum, (set, with)) in &sets {
        for client in *set {
            let Some((_, without)) = sets.get(&(sum ^ label(*client))) else { continue };
            let numbered = |known: &Known| known.of_one_source || known.joint > 0;
            // A pair of the insider's own sets is no news.
            if !numbered(with) && !numbered(without) {
                continue;
            }
            let found = &mut pairs[*client as usize];
            let can = |known: &Known| known.of_one_source || known.own;
            found.proving += u32::from(can(with) && can(without));
            let variance = with.variance(variances) + without.variance(variances);
            found.information += if variance > 0.0 { 1.0 / variance } else { 0.0 };
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

/// The largest accuracy among all but the worst 1 % of clients.
pub fn worst_percent(mut accuracies: Vec<f64>) -> f64 {
    accuracies.sort_unstable_by(f64::total_cmp);
    accuracies[(accuracies.len() * 99 / 100).min(accuracies.len() - 1)]
}

/// Share of right answers to “is this client there?” from pairs, both answers as likely.
///
/// Exact tables tell at once. Under noise: different numbers of one source prove it; where they are equal
/// by chance the sizes remain.
pub fn accuracy(pairs: Pairs, noise: Option<&NoiseShape>) -> f64 {
    let Some(shape) = noise else { return if pairs.information > 0.0 { 1.0 } else { 0.5 } };
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
    let by_size = Normal::standard().cdf(pairs.information.sqrt() / 2.0);
    1.0 - (1.0 - by_size) * alike.powi(pairs.proving as i32)
}
