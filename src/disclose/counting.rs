//! Counting people into cells: which cells each is in is worked out in parallel, for so many people at
//! a time that memory stays bounded; adding up is the least of the work.

use rayon::prelude::*;
use samenloop_schema::Draws;
use zeroize::Zeroizing;

use crate::lattice::Lattice;
use crate::people::{Grouped, Person, Registrations};

/// People whose cells are known at a time, and those of one thread.
const AT_A_TIME: usize = 1 << 14;
const TOGETHER: usize = 256;

/// A partition: the label of each registration and the registrations of each person.
pub(crate) struct Partition<'a> {
    pub labels: &'a [u32],
    pub grouped: &'a Grouped,
}

/// What some people are counted in.
#[derive(Default)]
struct Seen {
    /// The client's key of each.
    keys: Zeroizing<Vec<u64>>,
    /// Where each one's cells end.
    ends: Vec<u32>,
    cells: Vec<u32>,
}

impl Seen {
    fn people(&self) -> impl Iterator<Item = (u64, &[u32])> {
        let begins = std::iter::once(&0).chain(&self.ends);
        let ranges = begins.zip(&self.ends);
        let cells = ranges.map(|(begin, end)| &self.cells[*begin as usize..*end as usize]);
        self.keys.iter().copied().zip(cells)
    }
}

/// What each of the people is counted in, in their order. `visit` calls back with every cell.
fn seen<P: AsRef<[u32]> + Sync>(
    registrations: &Registrations<'_>,
    people: &[P],
    visit: impl Fn(&Person, &mut dyn FnMut(usize)) + Sync,
) -> Vec<Seen> {
    let room = || (Person::default(), vec![]);
    let chunks = people.par_chunks(TOGETHER).map_init(room, |(person, own), people| {
        let mut seen = Seen::default();
        for rows in people {
            own.clear();
            own.extend_from_slice(rows.as_ref());
            own.sort_by_key(|row| registrations.rows[*row as usize].party);
            registrations.read(own, person);
            visit(person, &mut |cell| seen.cells.push(cell as u32));
            seen.keys.push(person.key);
            seen.ends.push(seen.cells.len() as u32);
        }
        seen
    });
    chunks.collect()
}

/// Per counted cell, the people in it and the sum of their keys.
pub(crate) fn count(
    lattice: &Lattice,
    registrations: &Registrations<'_>,
    grouped: &Grouped,
) -> (Vec<u32>, Zeroizing<Vec<u64>>) {
    let mut counts = vec![0_u32; lattice.counted];
    let mut keys = Zeroizing::new(vec![0_u64; lattice.counted]);
    let people: Vec<&[u32]> = grouped.people().collect();
    for people in people.chunks(AT_A_TIME) {
        let all = seen(registrations, people, |person, visit| lattice.counted_of(person, visit));
        for (key, cells) in all.iter().flat_map(Seen::people) {
            for cell in cells {
                counts[*cell as usize] += 1;
                let sum = &mut keys[*cell as usize];
                *sum = sum.wrapping_add(key);
            }
        }
    }
    (counts, keys)
}

/// Someone who is in the partition or in some draw, but not in all of them.
struct Uncertain<'a> {
    rows: &'a [u32],
    /// The draws that have this person, none if no draw has.
    mask: Option<&'a [u64]>,
    /// Whether the partition has this person.
    own: bool,
}

impl AsRef<[u32]> for Uncertain<'_> {
    fn as_ref(&self) -> &[u32] {
        self.rows
    }
}

impl Uncertain<'_> {
    /// Of a word of draws, those whose count this person moves.
    fn moved(&self, word: usize, every: u64) -> u64 {
        let has = self.mask.map_or(0, |mask| mask[word]);
        if self.own { every & !has } else { has }
    }
}

/// Everyone whom the draws and the partition do not have alike.
fn uncertain<'a>(partition: &Partition<'a>, draws: &'a Draws) -> Vec<Uncertain<'a>> {
    let Partition { labels, grouped } = partition;
    let mut listed = vec![false; labels.len()];
    let mut people: Vec<Uncertain<'a>> = draws
        .clusters()
        .map(|(rows, mask)| {
            let label = labels[rows[0] as usize];
            let own = grouped.rows(label).len() == rows.len()
                && rows.iter().all(|row| labels[*row as usize] == label);
            listed[label as usize] |= own;
            Uncertain { rows, mask: Some(mask), own }
        })
        .collect();
    // Those of the partition whom no draw has.
    for (rows, _) in draws.clusters() {
        for label in rows.iter().map(|row| labels[*row as usize]) {
            if !std::mem::replace(&mut listed[label as usize], true) {
                people.push(Uncertain { rows: grouped.rows(label), mask: None, own: true });
            }
        }
    }
    people
}

/// Per wanted cell a row with, per draw, by how many people its count differs from the partition's.
/// `wanted` ascends. Whoever is the same person in both is in both counts.
pub(crate) fn differences(
    lattice: &Lattice,
    registrations: &Registrations<'_>,
    partition: &Partition<'_>,
    draws: &Draws,
    wanted: &[u32],
) -> Vec<Vec<i32>> {
    let people = uncertain(partition, draws);
    let mut row_of = vec![u32::MAX; lattice.cells];
    wanted.iter().zip(0..).for_each(|(cell, row)| row_of[*cell as usize] = row);
    // Words of draws side by side, each with its own columns.
    let mut columns: Vec<(usize, u64, Vec<i32>)> = draws
        .every()
        .into_iter()
        .enumerate()
        .map(|(word, every)| (word, every, vec![0; wanted.len() * every.count_ones() as usize]))
        .collect();
    for people in people.chunks(AT_A_TIME) {
        let all = seen(registrations, people, |person, visit| {
            lattice.cells_of(person, |cell| {
                let row = row_of[cell];
                if row != u32::MAX {
                    visit(row as usize);
                }
            });
        });
        columns.par_iter_mut().for_each(|(word, every, columns)| {
            let width = every.count_ones() as usize;
            for (person, (_, rows)) in people.iter().zip(all.iter().flat_map(Seen::people)) {
                let change = if person.own { -1 } else { 1 };
                let mut moved = person.moved(*word, *every);
                while moved != 0 {
                    let draw = moved.trailing_zeros() as usize;
                    moved &= moved - 1;
                    rows.iter().for_each(|row| columns[*row as usize * width + draw] += change);
                }
            }
        });
    }
    (0..wanted.len())
        .into_par_iter()
        .map(|row| {
            let rows = columns.iter().map(|(_, every, columns)| {
                let width = every.count_ones() as usize;
                &columns[row * width..(row + 1) * width]
            });
            rows.flatten().copied().collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use samenloop_schema::{Digest, DisclosurePolicy};

    use super::*;
    use crate::frame::{DimensionList, Frame, Scope};
    use crate::people::Registration;
    use crate::quality::RecordQuality;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What changes between the draws is counted as if every draw were counted whole.
        #[test]
        fn differences_are_those_of_whole_counts(
            rows in prop::collection::vec((0_u16..4, 0_u16..3), 14),
            partition in prop::collection::vec(0_u32..14, 14),
            draws in prop::collection::vec(prop::collection::vec(0_u32..6, 14), 0..70),
            beside in 0_u32..80,
        ) {
            let registration = |(party, code): &(u16, u16)| Registration {
                party: *party,
                codes: vec![code.checked_sub(1)],
                start: None,
                end: None,
                digest: Digest::of(&[]),
                quality: RecordQuality::default(),
            };
            let rows: Vec<Registration> = rows.iter().map(registration).collect();
            let frame = Frame {
                parties: (0..4).map(|p| format!("p{p}").parse().expect("an id")).collect(),
                dimensions: vec![DimensionList { name: "d".into(), codes: vec!["a".into(), "b".into()] }],
                purpose: String::new(),
                min_parties: 3,
                two_party: false,
                scope: Scope::default(),
            };
            let lattice = Lattice::new(&DisclosurePolicy::default(), &frame);
            let registrations = Registrations::new(&rows, &[0; 14], &frame);
            let whole = |labels: &[u32]| count(&lattice, &registrations, &registrations.group(labels)).0;
            let listed = Draws::of_partitions(&partition, &draws);
            // The partition itself, or one of the draws in its place.
            let labels = if beside < listed.number() {
                listed.partition(&partition, beside)
            } else {
                partition
            };
            let own = Partition { labels: &labels, grouped: &registrations.group(&labels) };
            let wanted: Vec<u32> = (0..lattice.cells as u32).step_by(3).collect();
            let found = differences(&lattice, &registrations, &own, &listed, &wanted);
            let before = whole(&labels);
            for (draw, labels) in draws.iter().enumerate() {
                let after = whole(labels);
                for (cell, row) in wanted.iter().zip(&found) {
                    let [after, before] = [&after, &before].map(|counts| counts[*cell as usize] as i32);
                    prop_assert_eq!(row[draw], after - before);
                }
            }
        }
    }
}
