//! What a round's quality report would say, exactly, and how far its estimates are from the truth.

use std::collections::{BTreeMap, HashMap};

use samenloop_disclose::quality::{derived, lists};
use samenloop_link::contradictory_births;
use samenloop_schema::linkage_lists::{BANDS, PRECISION, RECALL};
use samenloop_schema::{Draws, LinkageSchema, Record};
use serde::Serialize;

/// The quality report of the partition on which a release would count, without noise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// Clients per list of how they were put together, by code.
    pub clients: BTreeMap<String, BTreeMap<String, Clients>>,
    /// Mean over clients of the share of a client's registrations that are its own.
    pub precision: Told,
    /// Mean over clients of the share of a client's registrations that were found.
    pub recall: Told,
}

/// Clients of one code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Clients {
    /// How many.
    pub clients: u64,
    /// How many of them are several people, by the truth column.
    pub mixed: u64,
}

/// A share, as the report would estimate it and as it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Told {
    /// From the bands of the report.
    pub estimated: f64,
    /// By the truth column.
    #[serde(rename = "true")]
    pub truth: f64,
}

/// `labels` is the partition, `people` the truth, each with a label per record.
pub(super) fn quality(
    schema: &LinkageSchema,
    records: &[&Record],
    labels: &[u32],
    draws: &Draws,
    people: &[u32],
) -> Quality {
    let births = contradictory_births(schema, records, labels);
    let derived = derived(labels, draws, &births);
    let mut first = BTreeMap::<u32, (usize, bool)>::new();
    for (record, label) in labels.iter().enumerate() {
        let (first, mixed) = first.entry(*label).or_insert((record, false));
        *mixed |= people[*first] != people[record];
    }
    let lists = lists(&[]);
    let mut clients = BTreeMap::new();
    for (place, list) in lists[1..].iter().enumerate() {
        let none = |code: &String| (code.clone(), Clients::default());
        let mut by_code: BTreeMap<String, Clients> = list.codes.iter().map(none).collect();
        for (record, mixed) in first.values() {
            let code = usize::from(derived[*record][place]).checked_sub(1);
            let name = code.map_or("unknown".to_owned(), |code| list.codes[code].clone());
            let own = by_code.entry(name).or_default();
            own.clients += 1;
            own.mixed += u64::from(*mixed);
        }
        clients.insert(list.name.clone(), by_code);
    }
    let estimated = |list: &str| {
        let clients = |name: &str| clients.get(list).and_then(|own| own.get(name));
        let bands = BANDS
            .iter()
            .map(|band| (clients(band.name).map_or(0, |own| own.clients) as f64, band.typical));
        let (all, right) = bands.fold((0.0, 0.0), |(all, right), (n, p)| (all + n, right + n * p));
        right / f64::max(all, 1.0)
    };
    let [precision, recall] = b_cubed(labels, people);
    Quality {
        precision: Told { estimated: estimated(PRECISION), truth: precision },
        recall: Told { estimated: estimated(RECALL), truth: recall },
        clients,
    }
}

/// B-cubed precision and recall, each a mean over the registrations of a client and then over clients.
fn b_cubed(labels: &[u32], people: &[u32]) -> [f64; 2] {
    let mut sizes = HashMap::<u32, f64>::new();
    let mut known = HashMap::<u32, f64>::new();
    let mut both = BTreeMap::<(u32, u32), f64>::new();
    for (label, person) in labels.iter().zip(people) {
        *sizes.entry(*label).or_default() += 1.0;
        *known.entry(*person).or_default() += 1.0;
        *both.entry((*label, *person)).or_default() += 1.0;
    }
    let mut sums = [0.0; 2];
    for ((label, person), both) in &both {
        let size = sizes[label];
        sums[0] += both * both / size / size;
        sums[1] += both * both / known[person] / size;
    }
    sums.map(|sum| sum / f64::max(sizes.len() as f64, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_two_people_is_half_right_and_half_a_person_is_half_found() {
        // A pair that is one person, two strangers taken for one, and one person taken for two.
        let labels = [0, 0, 1, 1, 2, 3];
        let people = [0, 0, 1, 2, 3, 3];
        let [precision, recall] = b_cubed(&labels, &people);
        assert!((precision - (1.0 + 0.5 + 1.0 + 1.0) / 4.0).abs() < 1e-12, "{precision}");
        assert!((recall - (1.0 + 1.0 + 0.5 + 0.5) / 4.0).abs() < 1e-12, "{recall}");
    }
}
