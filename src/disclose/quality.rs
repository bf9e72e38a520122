//! How good the linkage is, told without a truth: code lists that say of each client how it was put
//! together.
//!
//! They are questions like any other: a number of clients per code, with its noise and threshold. So
//! nothing about the quality of a linkage leaves by a door of its own. Four lists are of what several
//! sources' records say together, and split only how many clients there are in all; the fifth tells
//! what is missing from records, and splits the clients of each source, too. None is combined with
//! another list.
//!
//! *Not offered, and why:* a source's own clients by how they are linked. It knows its clients, and
//! would learn from one look how many of those it chose are known elsewhere.

use samenloop_schema::{Draws, linkage_lists as vocabulary};

use crate::frame::DimensionList;
use crate::measure::Measure;

/// Place of the list of what records lack; the others hang on how records were put together.
const INFORMATION: usize = 0;

/// Lists behind the first.
pub(crate) const DERIVED: usize = 4;

/// Match keys and encodings that are too few for anyone to link a record well.
const HARDLY: usize = 2;

/// What a release may tell of a record's part in the linkage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordQuality {
    /// Index into the codes of [`INFORMATION`](vocabulary::INFORMATION).
    pub information: Option<u16>,
    /// Whether the birth dates of the records of its client contradict each other; none where fewer
    /// than two can be compared.
    pub births: Option<bool>,
}

/// The code lists of a round whose schema has these encodings.
#[must_use]
pub fn lists(encodings: &[String]) -> Vec<DimensionList> {
    let list = |name: &str, codes: &[&str]| DimensionList {
        name: name.to_owned(),
        codes: codes.iter().map(|code| (*code).to_owned()).collect(),
    };
    let mut information = list(vocabulary::INFORMATION, &vocabulary::INFORMATION_CODES);
    information.codes.extend(encodings.iter().map(|name| vocabulary::missing(name)));
    let bands = vocabulary::BANDS.map(|band| band.name);
    vec![
        information,
        list(vocabulary::REGISTRATIONS, &vocabulary::SIZES.map(|(name, _)| name)),
        list(vocabulary::PRECISION, &bands),
        list(vocabulary::RECALL, &bands),
        list(vocabulary::BIRTHS, &vocabulary::BIRTHS_CODES),
    ]
}

/// Index into the codes of [`INFORMATION`](vocabulary::INFORMATION), by which encodings a record has
/// and how many match keys.
#[must_use]
pub fn information(encodings: impl Iterator<Item = bool>, match_keys: usize) -> u16 {
    let (mut there, mut missing) = (0, vec![]);
    for (place, has) in (0_u16..).zip(encodings) {
        if has { there += 1 } else { missing.push(place) }
    }
    match missing[..] {
        _ if there + match_keys <= HARDLY => 1,
        [] => 0,
        [one] => vocabulary::INFORMATION_CODES.len() as u16 + one,
        _ => 2,
    }
}

/// Whether a measure can be split by the list at this place of [`lists`].
pub(crate) fn splits(place: usize, measure: Measure) -> bool {
    match measure {
        Measure::Unique => true,
        Measure::Sources => place == INFORMATION,
        _ => false,
    }
}

/// How a client was put together, as categories of the lists behind the first of [`lists`]: 0 for
/// unknown, else index + 1.
pub type Derived = [u8; DERIVED];

/// Per registration, how its client was put together. `labels` are below the number of registrations;
/// `births` are [`RecordQuality::births`].
///
/// Precision and recall are B-cubed (Bagga and Baldwin, LREC workshop on linguistic coreference, 1998),
/// each draw in the truth's place: of the registrations that stand with one in its client, the share
/// that stands with it in a draw, and the other way round; means over draws and registrations.
#[must_use]
pub fn derived(labels: &[u32], draws: &Draws, births: &[Option<bool>]) -> Vec<Derived> {
    let mut sizes = vec![0_u32; labels.len()];
    labels.iter().for_each(|label| sizes[*label as usize] += 1);
    let size = |label: u32| f64::from(sizes[label as usize]);
    let mut right = vec![[0.0_f64; 2]; labels.len()];
    let mut own: Vec<u32> = vec![];
    for (records, mask) in draws.clusters() {
        let times: u32 = mask.iter().map(|word| word.count_ones()).sum();
        own.clear();
        own.extend(records.iter().map(|record| labels[*record as usize]));
        own.sort_unstable();
        for shared in own.chunk_by(|a, b| a == b) {
            let both = f64::from(times) * (shared.len() * shared.len()) as f64;
            let sums = &mut right[shared[0] as usize];
            sums[0] += both / size(shared[0]);
            sums[1] += both / records.len() as f64;
        }
    }
    let category = |place: Option<usize>| place.map_or(0, |place| place as u8 + 1);
    // The sums of whoever is the same in every draw are 0, and the shares 1.
    let share = |sum: f64, label: u32| {
        if sum > 0.0 { sum / (f64::from(draws.number()) * size(label)) } else { 1.0 }
    };
    let band = |share: f64| vocabulary::BANDS.iter().position(|band| share >= band.least - 1e-9);
    let of = |(label, births): (&u32, &Option<bool>)| {
        let own = sizes[*label as usize] as usize;
        let [precision, recall] = right[*label as usize].map(|sum| band(share(sum, *label)));
        let size = vocabulary::SIZES.iter().position(|(_, most)| own <= *most);
        [size, precision, recall, births.map(usize::from)].map(category)
    };
    labels.iter().zip(births).map(of).collect()
}

#[cfg(test)]
#[path = "quality_tests.rs"]
mod tests;
