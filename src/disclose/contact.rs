//! Contacts of one person: their order, the month of a move, and coming back.

use samenloop_schema::Month;

use crate::measure::{Order, Return};

/// A contact with a source: its months, as indices, both ends included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contact {
    /// None is unknown; then `end` is known.
    pub start: Option<u16>,
    /// `u16::MAX` for a contact that goes on.
    pub end: u16,
}

/// First and last month of a registration, as it has them.
pub type Months = (Option<Month>, Option<Month>);

impl Contact {
    /// None for a registration without any month, which adds no order.
    pub fn of((start, end): Months) -> Option<Self> {
        if start.is_none() && end.is_none() {
            return None;
        }
        Some(Self { start: start.map(Month::index), end: end.map_or(u16::MAX, Month::index) })
    }

    /// The months that surely belong to it: with an unknown start the last one.
    pub fn surely(self) -> (u16, u16) {
        (self.start.unwrap_or(self.end), self.end)
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

/// How a person's contacts with two sources lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meeting {
    pub order: Order,
    /// Month index of the first contact with the later source, where one is later and it is known.
    pub moved: Option<u16>,
}

/// The order of one person's registrations with two sources, as every table has it.
#[must_use]
pub fn contact_order(first: &[Months], second: &[Months]) -> Order {
    let contacts = |months: &[Months]| -> Vec<Contact> {
        months.iter().filter_map(|months| Contact::of(*months)).collect()
    };
    meeting(&contacts(first), &contacts(second)).order
}

/// The order of a person's contacts with two sources.
///
/// Simultaneous when a contact with the one surely shares a month with a contact with the other.
/// Unknown when a source has no contact with a month, or when an unknown start decides whether a
/// month is shared. Otherwise no month is shared, and the earlier first contact tells the order.
pub(crate) fn meeting(first: &[Contact], second: &[Contact]) -> Meeting {
    let pairs = || first.iter().flat_map(|a| second.iter().map(move |b| (a, b)));
    let without_move = |order| Meeting { order, moved: None };
    if pairs().any(|(a, b)| a.surely_meets(*b)) {
        return without_move(Order::Simultaneous);
    }
    if pairs().next().is_none() || pairs().any(|(a, b)| a.may_meet(*b)) {
        return without_move(Order::Unknown);
    }
    // A contact of unknown start that meets none of the other side's lies wholly before them all,
    // so its end is as good as its start here.
    let begin = |contacts: &[Contact]| {
        contacts.iter().map(|contact| (contact.start_range().1, contact.start)).min()
    };
    let (one, other) = (begin(first), begin(second));
    if one.map(|(month, _)| month) < other.map(|(month, _)| month) {
        Meeting { order: Order::FirstThen, moved: other.and_then(|(_, start)| start) }
    } else {
        Meeting { order: Order::ThenFirst, moved: one.and_then(|(_, start)| start) }
    }
}

/// Whether `gap` or more whole months without any of the contacts lie between two of them.
///
/// Of unknown starts both extremes are tried, the contact's last month alone and everything before
/// it: the longer a contact is, the fewer gaps there are.
pub(crate) fn returned(contacts: &[Contact], gap: u16) -> Return {
    let with = |unknown: fn(u16) -> u16| {
        let mut spans: Vec<(u16, u16)> = contacts
            .iter()
            .map(|contact| (contact.start.unwrap_or_else(|| unknown(contact.end)), contact.end))
            .collect();
        spans.sort_unstable();
        let mut until = spans.first()?.1;
        let came_back = spans.iter().any(|(start, end)| {
            let back = start.saturating_sub(until).saturating_sub(1) >= gap;
            until = until.max(*end);
            back
        });
        Some(came_back)
    };
    match (with(|end| end), with(|_| 0)) {
        (Some(true), Some(true)) => Return::CameBack,
        (Some(false), Some(false)) => Return::Stayed,
        _ => Return::Unknown,
    }
}

#[cfg(test)]
#[path = "contact_tests.rs"]
mod tests;
