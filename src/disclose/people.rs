//! From registrations and clusters to people: which sources know them, their codes, and when.

use samenloop_schema::{Digest, Month};

use crate::contact::{Contact, Meeting, meeting, returned};
use crate::frame::Frame;
use crate::measure::{Measure, Return};
use crate::period::Periods;
use crate::quality::{DERIVED, Derived, RecordQuality};

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
    /// Its part in how good the linkage is.
    pub quality: RecordQuality,
}

/// Who knows a person: sources, or source types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// Their places, ascending.
    pub units: Vec<u16>,
    /// Per pair of them, in the order (0, 1), (0, 2), …, (1, 2), …
    pub meetings: Vec<Meeting>,
    /// Per unit its own categories, as [`Person::categories`], on which its registrations agree.
    pub categories: Vec<usize>,
}

impl View {
    /// The categories of the unit at a place, of so many code lists.
    pub fn own(&self, place: usize, lists: usize) -> &[usize] {
        &self.categories[place * lists..(place + 1) * lists]
    }
}

/// Registrations of one person.
#[derive(Debug, Default)]
pub(crate) struct Person {
    pub sources: View,
    /// Empty where types are not asked.
    pub types: View,
    /// Per code list 0 for unknown, else index + 1.
    pub categories: Vec<usize>,
    /// Places of the periods in which the person is in contact with any source, ascending.
    pub in_care: Vec<usize>,
    /// Month index of the first contact; none where an unknown start may be earlier.
    pub first: Option<u16>,
    /// Whether the person came back: to any source, then to each of `sources`.
    pub returned: Vec<Return>,
    /// The client's key: the wrapping sum of its records' keys.
    pub key: u64,
}

impl Person {
    /// Calls `visit` with every place of [`Measure::SHARED_MONTHS`] that counts this person.
    pub fn shared_months(&self, periods: Option<Periods>, mut visit: impl FnMut(Measure, usize)) {
        if let Some(all) = self.returned.first() {
            visit(Measure::Recidivism, *all as usize);
        }
        self.in_care.iter().for_each(|place| visit(Measure::InCare, *place));
        if let Some((periods, first)) = periods.zip(self.first) {
            periods.touched(first, first).for_each(|place| visit(Measure::FirstContacts, place));
        }
    }
}

/// The registrations of one round, with their keys.
pub(crate) struct Registrations<'a> {
    pub rows: &'a [Registration],
    pub keys: &'a [u64],
    pub frame: &'a Frame,
    /// Per row the categories of its client in the lists of how good the linkage is; of nobody where
    /// those are not asked.
    pub derived: Vec<Derived>,
}

/// The rows of each person of a partition.
pub(crate) struct Grouped {
    /// Where each label's rows begin in `members`, and the end of the last.
    ends: Vec<u32>,
    /// Rows by label, within a label in order of party.
    members: Vec<u32>,
}

impl Grouped {
    pub fn people(&self) -> impl Iterator<Item = &[u32]> {
        let range = |range: &[u32]| &self.members[range[0] as usize..range[1] as usize];
        self.ends.windows(2).filter(|range| range[0] < range[1]).map(range)
    }

    /// The rows of one label.
    pub fn rows(&self, label: u32) -> &[u32] {
        &self.members[self.ends[label as usize] as usize..self.ends[label as usize + 1] as usize]
    }
}

impl<'a> Registrations<'a> {
    pub fn new(rows: &'a [Registration], keys: &'a [u64], frame: &'a Frame) -> Self {
        Self { rows, keys, frame, derived: vec![] }
    }
}

impl Registrations<'_> {
    /// A counting sort of the rows by label; labels are below the number of rows.
    pub fn group(&self, clusters: &[u32]) -> Grouped {
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
        for range in ends.windows(2).filter(|range| range[1] - range[0] > 1) {
            let own = &mut members[range[0] as usize..range[1] as usize];
            own.sort_by_key(|row| self.rows[*row as usize].party);
        }
        Grouped { ends, members }
    }

    fn row(&self, row: u32) -> &Registration {
        &self.rows[row as usize]
    }

    fn contact(&self, row: u32) -> Option<Contact> {
        Contact::of((self.row(row).start, self.row(row).end))
    }

    /// Fills `person` from its rows, which stand in order of party.
    pub fn read(&self, own: &[u32], person: &mut Person) {
        let scope = &self.frame.scope;
        person.key = own.iter().fold(0, |sum, row| self.keys[*row as usize].wrapping_add(sum));
        person.categories.clear();
        self.categories(own, &mut person.categories);
        if let Some(derived) = own.first().and_then(|row| self.derived.get(*row as usize)) {
            let places = person.categories.len() - DERIVED..;
            let own = person.categories[places].iter_mut().zip(derived);
            own.for_each(|(category, derived)| *category = usize::from(*derived));
        }
        self.view(own, |row| row.party, &mut person.sources);
        if !scope.type_of.is_empty() {
            let mut by_type = own.to_vec();
            let kind = |row: &Registration| scope.type_of[usize::from(row.party)];
            by_type.sort_by_key(|row| kind(self.row(*row)));
            self.view(&by_type, kind, &mut person.types);
        }
        self.read_months(own, person);
    }

    /// Adds the category of every code list on which these rows agree, unknown for those that hang on
    /// how records were put together.
    fn categories(&self, rows: &[u32], categories: &mut Vec<usize>) {
        categories.extend(
            (0..self.frame.dimensions.len())
                .map(|place| agreed(rows.iter().filter_map(|row| self.row(*row).codes[place]))),
        );
        for roll_up in &self.frame.scope.roll_ups {
            let codes = rows.iter().filter_map(|row| self.row(*row).codes[roll_up.of]);
            // A code outside every group is no group to agree on.
            let groups = codes.map(|code| roll_up.groups[usize::from(code)].unwrap_or(u16::MAX));
            let category = agreed(groups);
            let outside = usize::from(u16::MAX) + 1;
            categories.push(if category == outside { 0 } else { category });
        }
        if !self.frame.scope.linkage.is_empty() {
            categories
                .push(agreed(rows.iter().filter_map(|row| self.row(*row).quality.information)));
            categories.extend([0; DERIVED]);
        }
    }

    fn view(&self, own: &[u32], unit: impl Fn(&Registration) -> u16, view: &mut View) {
        view.units.clear();
        view.meetings.clear();
        view.categories.clear();
        let by_unit = || own.chunk_by(|a, b| unit(self.row(*a)) == unit(self.row(*b)));
        for rows in by_unit() {
            view.units.push(unit(self.row(rows[0])));
            self.categories(rows, &mut view.categories);
        }
        let contacts = |rows: &'_ [u32]| -> Vec<Contact> {
            rows.iter().filter_map(|row| self.contact(*row)).collect()
        };
        for (place, first) in by_unit().enumerate() {
            for second in by_unit().skip(place + 1) {
                view.meetings.push(meeting(&contacts(first), &contacts(second)));
            }
        }
    }

    fn read_months(&self, own: &[u32], person: &mut Person) {
        let contacts: Vec<(u16, Contact)> = own
            .iter()
            .filter_map(|row| Some((self.row(*row).party, self.contact(*row)?)))
            .collect();
        let all: Vec<Contact> = contacts.iter().map(|(_, contact)| *contact).collect();
        person.in_care.clear();
        person.first = None;
        if let Some(periods) = self.frame.scope.months.map(Periods::new) {
            let touched = all.iter().flat_map(|contact| {
                let (start, end) = contact.surely();
                periods.touched(start, end)
            });
            person.in_care.extend(touched);
            person.in_care.sort_unstable();
            person.in_care.dedup();
            let starts: Option<Vec<u16>> = all.iter().map(|contact| contact.start).collect();
            person.first = starts.and_then(|starts| starts.into_iter().min());
        }
        let gap = self.frame.scope.return_gap;
        person.returned.clear();
        person.returned.push(returned(&all, gap));
        for source in &person.sources.units {
            let own = contacts.iter().filter(|(party, _)| party == source);
            let own: Vec<Contact> = own.map(|(_, contact)| *contact).collect();
            person.returned.push(returned(&own, gap));
        }
    }
}

/// The category on which all agree, 0 where there is none.
fn agreed(mut codes: impl Iterator<Item = u16>) -> usize {
    match codes.next() {
        Some(code) if codes.all(|other| other == code) => usize::from(code) + 1,
        _ => 0,
    }
}

#[cfg(test)]
#[path = "people_tests.rs"]
mod tests;
