//! From registrations and clusters to people: which sources know them, their codes, the order of
//! their contacts.

use samenloop_schema::{Digest, Month};

use crate::lattice::Order;

/// What disclosure control sees of a submitted record: no encoding and no match key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Place of its party in the frame.
    pub party: u16,
    /// Per dimension an index into its code list; none is unknown.
    pub codes: Vec<Option<u16>>,
    /// First month of the contact; none is unknown.
    pub start: Option<Month>,
    /// Last month of the contact; none is a contact that goes on.
    pub end: Option<Month>,
    /// The record's digest, from which its share of every cell key comes.
    pub digest: Digest,
}

/// Registrations of one person, grouped by source.
#[derive(Debug, Default)]
pub(crate) struct Person {
    /// Places of the sources that know this person, ascending.
    pub sources: Vec<u16>,
    /// Per dimension 0 for unknown, else index + 1.
    pub categories: Vec<usize>,
    /// Per pair of `sources`, in the order (0, 1), (0, 2), …, (1, 2), …
    pub orders: Vec<Order>,
    /// The client's key: the wrapping sum of its records' keys.
    pub key: u64,
}

/// The registrations of one round, with their keys.
pub(crate) struct Registrations<'a> {
    pub rows: &'a [Registration],
    pub keys: &'a [u64],
    pub dimensions: usize,
}

impl Registrations<'_> {
    /// Calls `visit` once for every person of a partition, whose labels are below the number of
    /// registrations, and returns their number.
    pub fn people(&self, clusters: &[u32], mut visit: impl FnMut(&Person)) -> u32 {
        // A counting sort of the rows by cluster.
        let mut ends = vec![0_u32; self.rows.len() + 1];
        for cluster in clusters {
            ends[*cluster as usize + 1] += 1;
        }
        for place in 1..ends.len() {
            ends[place] += ends[place - 1];
        }
        let mut members = vec![0_u32; self.rows.len()];
        let mut next = ends.clone();
        for (row, cluster) in (0_u32..).zip(clusters) {
            let place = &mut next[*cluster as usize];
            members[*place as usize] = row;
            *place += 1;
        }
        let mut person = Person::default();
        let mut people = 0;
        for range in ends.windows(2).filter(|range| range[0] < range[1]) {
            let own = &mut members[range[0] as usize..range[1] as usize];
            own.sort_by_key(|row| self.rows[*row as usize].party);
            self.read(own, &mut person);
            visit(&person);
            people += 1;
        }
        people
    }

    fn row(&self, row: u32) -> &Registration {
        &self.rows[row as usize]
    }

    fn contacts(&self, rows: &[u32]) -> impl Iterator<Item = Contact> + Clone {
        rows.iter().filter_map(|row| Contact::of((self.row(*row).start, self.row(*row).end)))
    }

    /// Fills `person` from its rows, which stand in order of party.
    fn read(&self, own: &[u32], person: &mut Person) {
        let Person { sources, categories, orders, key } = person;
        *key = own.iter().fold(0, |sum, row| self.keys[*row as usize].wrapping_add(sum));
        categories.clear();
        categories.extend((0..self.dimensions).map(|place| {
            let mut codes = own.iter().filter_map(|row| self.row(*row).codes[place]);
            match codes.next() {
                Some(code) if codes.all(|other| other == code) => usize::from(code) + 1,
                _ => 0,
            }
        }));
        sources.clear();
        orders.clear();
        let by_source = || own.chunk_by(|a, b| self.row(*a).party == self.row(*b).party);
        sources.extend(by_source().map(|rows| self.row(rows[0]).party));
        for (place, first) in by_source().enumerate() {
            for second in by_source().skip(place + 1) {
                orders.push(order(self.contacts(first), self.contacts(second)));
            }
        }
    }
}

/// A contact with a source: its months, as indices, both ends included.
#[derive(Debug, Clone, Copy)]
struct Contact {
    start: Option<u16>,
    end: u16,
}

impl Contact {
    /// None for a registration without any month, which adds no order.
    fn of((start, end): Months) -> Option<Self> {
        if start.is_none() && end.is_none() {
            return None;
        }
        Some(Self { start: start.map(Month::index), end: end.map_or(u16::MAX, Month::index) })
    }

    /// The earliest and the latest month in which it may have begun.
    fn start_range(self) -> (u16, u16) {
        self.start.map_or((0, self.end), |start| (start, start))
    }

    /// Whether the two share a month however the unknown starts lie.
    fn surely_meets(self, other: Self) -> bool {
        self.start_range().1 <= other.end && other.start_range().1 <= self.end
    }

    /// Whether the two share a month if the unknown starts lie so.
    fn may_meet(self, other: Self) -> bool {
        self.start_range().0 <= other.end && other.start_range().0 <= self.end
    }
}

/// First and last month of a registration, as it has them.
pub type Months = (Option<Month>, Option<Month>);

/// The order of one person's registrations with two sources, as every table has it.
#[must_use]
pub fn contact_order(first: &[Months], second: &[Months]) -> Order {
    let contacts = |months: &[Months]| -> Vec<Contact> {
        months.iter().filter_map(|months| Contact::of(*months)).collect()
    };
    order(contacts(first).into_iter(), contacts(second).into_iter())
}

/// The order of a person's contacts with two sources.
///
/// Simultaneous when a contact with the one surely shares a month with a contact with the other.
/// Unknown when a source has no contact with a month, or when an unknown start decides whether a
/// month is shared. Otherwise no month is shared, and the earlier first contact tells the order.
fn order(
    first: impl Iterator<Item = Contact> + Clone,
    second: impl Iterator<Item = Contact> + Clone,
) -> Order {
    let pairs = || first.clone().flat_map(|a| second.clone().map(move |b| (a, b)));
    if pairs().any(|(a, b)| a.surely_meets(b)) {
        return Order::Simultaneous;
    }
    if pairs().next().is_none() || pairs().any(|(a, b)| a.may_meet(b)) {
        return Order::Unknown;
    }
    // A contact of unknown start that meets none of the other side's lies wholly before them all,
    // so its end is as good as its start here.
    let begin = |contact: Contact| contact.start_range().1;
    if first.clone().map(begin).min() < second.clone().map(begin).min() {
        Order::FirstThen
    } else {
        Order::ThenFirst
    }
}

#[cfg(test)]
#[path = "people_tests.rs"]
mod tests;
