//! The people: drawn household by household, each from its own seed.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt as _, SeedableRng as _};

use super::names::{Names, Origin, Surname};
use super::profile::SOURCES;

/// People per household seed; most of them live apart.
const HOUSEHOLD: u64 = 4;
const MUNICIPALITIES: [&str; 14] = [
    "0014", "0034", "0037", "0047", "0050", "0059", "0060", "0072", "0074", "0080", "0085", "0086",
    "0088", "0090",
];

/// Target groups, each with the number of people per decade of birth from 1920 (in thousandths).
pub(super) const GROUPS: [(&str, [u32; 9]); 6] = [
    ("dakloos_rechthebbend", [0, 1, 4, 30, 141, 300, 300, 162, 62]),
    ("overig", [0, 0, 6, 31, 135, 280, 325, 177, 46]),
    ("woningvervuiling", [0, 26, 111, 202, 268, 222, 107, 49, 15]),
    ("dementie", [25, 243, 508, 211, 13, 0, 0, 0, 0]),
    ("dakloos_eu", [0, 0, 9, 38, 120, 261, 335, 174, 63]),
    ("dakloos_ongedocumenteerd", [0, 0, 0, 29, 123, 284, 284, 202, 78]),
];

/// Origins, each with its share of people and the numbers per target group (in thousandths).
const ORIGINS: [(Origin, u32, [u32; 6]); 6] = [
    (Origin::Dutch, 562, [272, 283, 230, 203, 12, 0]),
    (Origin::Moroccan, 134, [221, 217, 175, 175, 0, 212]),
    (Origin::Turkish, 92, [230, 218, 205, 170, 0, 177]),
    (Origin::Polish, 94, [123, 123, 106, 104, 544, 0]),
    (Origin::Surinamese, 73, [296, 277, 206, 208, 13, 0]),
    (Origin::Romanian, 45, [126, 65, 86, 79, 533, 111]),
];

/// Who somebody truly is.
#[derive(Debug, Clone)]
pub(super) struct Someone {
    pub given: String,
    pub second: Option<String>,
    pub surname: Surname,
    pub partner: Option<Surname>,
    pub woman: bool,
    /// Year, month, day; 1 January where no day is known.
    pub birth: (u32, u32, u32),
    pub birthplace: &'static str,
    pub postcode: Option<String>,
    pub municipality: &'static str,
    pub bsn: Option<String>,
    /// Place in [`GROUPS`].
    pub group: usize,
    /// The sources that know the person, as bits.
    pub sources: u8,
}

/// A generator of its own for everything that a seed and two numbers name.
pub(super) fn seeded(seed: u64, purpose: u64, number: u64) -> Xoshiro256PlusPlus {
    let mix =
        |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    Xoshiro256PlusPlus::seed_from_u64([seed, purpose, number].into_iter().fold(0x5EED, mix))
}

fn weighted(weights: impl Iterator<Item = u32> + Clone, rng: &mut impl Rng) -> usize {
    let mut at = rng.random_range(0..weights.clone().sum());
    let mut place = 0;
    for weight in weights {
        if at < weight {
            break;
        }
        at -= weight;
        place += 1;
    }
    place
}

/// Dutch postcodes; of ten, nine are in the region.
pub(super) fn postcode(rng: &mut impl Rng) -> String {
    let area: u32 = if rng.random_bool(0.91) {
        rng.random_range(9000..10000)
    } else {
        rng.random_range(1000..9000)
    };
    let letter = |rng: &mut dyn FnMut() -> usize| char::from(b"ABCDEGHJKLMNPRSTVWXZ"[rng()]);
    let mut draw = || rng.random_range(0..20);
    let (first, second) = (letter(&mut draw), letter(&mut draw));
    format!("{area}{first}{second}")
}

/// Nine digits that pass the elfproef.
fn bsn(rng: &mut impl Rng) -> String {
    loop {
        let head: u32 = rng.random_range(1_000_000..100_000_000);
        let digits = format!("{head:08}");
        let sum: u32 =
            digits.bytes().zip((2..=9).rev()).map(|(d, w)| u32::from(d - b'0') * w).sum();
        if sum % 11 < 10 {
            return format!("{digits}{}", sum % 11);
        }
    }
}

/// About normal: twelve uniform draws (Irwin–Hall).
fn normal(rng: &mut impl Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

/// The sources, of the first `count`, that know a person; at least one. Whoever is known to one
/// source is likelier known to the next.
fn sources(homeless: bool, count: usize, rng: &mut impl Rng) -> u8 {
    loop {
        let known = 0.95 * normal(rng);
        let mut bits = 0;
        for (place, source) in SOURCES.iter().take(count).enumerate() {
            let odds = source.coverage[usize::from(homeless)] + known;
            if rng.random_bool(1.0 / (1.0 + (-odds).exp())) {
                bits |= 1 << place;
            }
        }
        if bits != 0 {
            return bits;
        }
    }
}

/// What a family has in common.
struct Root {
    origin: usize,
    surname: Surname,
    postcode: String,
    municipality: &'static str,
    group: usize,
    birth: (u32, u32, u32),
}

impl Root {
    fn new(names: &Names, rng: &mut impl Rng) -> Self {
        let origin = weighted(ORIGINS.iter().map(|(_, share, _)| *share), rng);
        let (name, _, groups) = &ORIGINS[origin];
        let group = weighted(groups.iter().copied(), rng);
        let decade = weighted(GROUPS[group].1.iter().copied(), rng) as u32;
        let year = 1920 + decade * 10 + rng.random_range(0..10);
        let month = rng.random_range(1..=12);
        let days = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
        let mut birth = (year, month, rng.random_range(1..=days));
        let unregistered = matches!(name, Origin::Moroccan | Origin::Turkish);
        if unregistered && rng.random_bool(0.24) {
            (birth.1, birth.2) = (1, 1);
        }
        Self {
            origin,
            surname: names.surname(*name, rng),
            postcode: postcode(rng),
            municipality: MUNICIPALITIES[rng.random_range(0..MUNICIPALITIES.len())],
            group,
            birth,
        }
    }
}

/// The `number`-th person of a seed, of a population whose people are all known to one of the first
/// `count` sources. Of four people in a row the second is in one case of ten family of the first, with
/// the same surname and address, and of these one in fifteen a twin.
pub(super) fn someone(names: &Names, seed: u64, number: u64, count: usize) -> Someone {
    let mut rng = seeded(seed, 1, number);
    let mut root = Root::new(names, &mut rng);
    if number % HOUSEHOLD == 1 && rng.random_bool(0.1) {
        let head = Root::new(names, &mut seeded(seed, 1, number - 1));
        if rng.random_bool(1.0 / 15.0) {
            root = head;
        } else {
            let Root { origin, surname, postcode, municipality, .. } = head;
            root = Root { origin, surname, postcode, municipality, ..root };
        }
    }
    let Root { origin, surname, postcode, municipality, group, birth } = root;
    let (origin, ..) = ORIGINS[origin];
    let woman = rng.random_bool(0.34);
    let given = names.given(origin, woman, &mut rng).to_owned();
    let second = rng.random_bool(0.2).then(|| names.given(origin, woman, &mut rng).to_owned());
    let partner = (woman && rng.random_bool(0.3)).then(|| {
        let other = if rng.random_bool(0.7) { origin } else { Origin::Dutch };
        names.surname(other, &mut rng)
    });
    let homeless = matches!(group, 0 | 4 | 5);
    let registered = match group {
        4 => 0.13,
        5 => 0.0,
        _ => 0.965,
    };
    Someone {
        given,
        second,
        surname,
        partner,
        woman,
        birth,
        birthplace: names.birthplace(origin, &mut rng),
        postcode: (!homeless || rng.random_bool(0.3)).then_some(postcode),
        municipality,
        bsn: rng.random_bool(registered).then(|| bsn(&mut rng)),
        group,
        sources: sources(homeless, count, &mut rng),
    }
}
