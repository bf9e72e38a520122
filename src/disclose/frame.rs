//! What is public about a release before any number: parties, code lists, purpose.

use std::collections::BTreeSet;

use samenloop_schema::{MonthRange, PartyId};

use crate::quality::DERIVED;

/// A code list by which counts can be split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DimensionList {
    /// As in questions.
    pub name: String,
    /// In the order of the indices that registrations carry. Every table has `unknown` besides.
    pub codes: Vec<String>,
}

/// A code list that takes the codes of a dimension together, such as regions of municipalities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollUpList {
    /// Its name and codes.
    pub list: DimensionList,
    /// Place of the dimension whose codes it takes together.
    pub of: usize,
    /// Per code of that dimension the place of its group; none is unknown.
    pub groups: Vec<Option<u16>>,
}

/// What is asked beyond sources and code lists; the default asks for whether clients came back, and
/// for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Kinds of sources. Measures over types are offered where types take sources together.
    pub types: Vec<String>,
    /// Per party the place of its type; empty where there are no types.
    pub type_of: Vec<u16>,
    /// Code lists that follow from others; they stand after the dimensions in every list.
    pub roll_ups: Vec<RollUpList>,
    /// Months of trends and flows.
    pub months: Option<MonthRange>,
    /// Most dimensions that split a trend or a flow.
    pub time_dimensions: usize,
    /// Whole months without any contact that make the next contact a return.
    pub return_gap: u16,
    /// Shown counts are multiples of this: 1 or 5.
    pub round_to: u32,
    /// The lists of [`quality`](crate::quality::lists), or none; they stand last in every list.
    pub linkage: Vec<DimensionList>,
    /// Variance of the noise of joint numbers that the partners agreed on, in people squared; none is
    /// what the questions need.
    pub joint_variance: Option<u32>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            types: vec![],
            type_of: vec![],
            roll_ups: vec![],
            months: None,
            time_dimensions: 0,
            return_gap: 6,
            round_to: 1,
            linkage: vec![],
            joint_variance: None,
        }
    }
}

/// The public side of a round, from its manifest and schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Parties, in manifest order, which is the order of every table.
    pub parties: Vec<PartyId>,
    /// Code lists, in the order of [`Registration::codes`](crate::Registration::codes).
    pub dimensions: Vec<DimensionList>,
    /// What the counts are for.
    pub purpose: String,
    /// Parties that must have contributed: 3 or more, or 2 in a round of two parties that says so.
    pub min_parties: usize,
    /// Whether the manifest says that this is meant to be a linkage of two parties.
    pub two_party: bool,
    /// What is asked beyond sources and code lists.
    pub scope: Scope,
}

impl Frame {
    /// Every code list by which can be asked: dimensions, then roll-ups, then those of how good the
    /// linkage is.
    pub fn lists(&self) -> impl Iterator<Item = &DimensionList> {
        let roll_ups = self.scope.roll_ups.iter().map(|roll_up| &roll_up.list);
        self.dimensions.iter().chain(roll_ups).chain(&self.scope.linkage)
    }

    /// The place of a list among those of how good the linkage is; none for another list.
    pub(crate) fn of_linkage(&self, place: usize) -> Option<usize> {
        place.checked_sub(self.dimensions.len() + self.scope.roll_ups.len())
    }

    /// The dimension that a place in [`lists`](Self::lists) tells of: its own, or the one rolled up.
    pub(crate) fn base(&self, place: usize) -> usize {
        let roll_up = place.checked_sub(self.dimensions.len());
        let roll_up = roll_up.and_then(|roll_up| self.scope.roll_ups.get(roll_up));
        roll_up.map_or(place, |roll_up| roll_up.of)
    }

    /// The first rule that the frame breaks.
    pub(crate) fn broken_rule(&self) -> Option<&'static str> {
        let names: BTreeSet<&str> = self.lists().map(|list| list.name.as_str()).collect();
        let parties: BTreeSet<&PartyId> = self.parties.iter().collect();
        let fits = |len: usize| len < usize::from(u16::MAX);
        let scope = &self.scope;
        let within = |place: &u16, len: usize| usize::from(*place) < len;
        let rolled = |roll_up: &RollUpList| {
            self.dimensions.get(roll_up.of).is_some_and(|list| {
                list.codes.len() == roll_up.groups.len()
                    && roll_up.groups.iter().flatten().all(|g| within(g, roll_up.list.codes.len()))
            })
        };
        let typed = scope.type_of.len() == self.parties.len()
            && scope.type_of.iter().all(|place| within(place, scope.types.len()));
        let rules = [
            (
                self.min_parties < if self.two_party { 2 } else { 3 },
                "min_parties must be 3 or more, or 2 in a round that says that it has two parties",
            ),
            (self.parties.len() < self.min_parties, "there are fewer parties than min_parties"),
            (!fits(self.parties.len()), "there are more parties than can be counted"),
            (parties.len() < self.parties.len(), "a party stands twice"),
            (names.len() < self.lists().count(), "a dimension stands twice"),
            (names.len() > 32, "there are more than 32 dimensions"),
            (
                !self.lists().all(|list| fits(list.codes.len())),
                "a code list is longer than can be indexed",
            ),
            (!scope.roll_ups.iter().all(rolled), "a roll-up is not one of a dimension"),
            (!(typed || scope.type_of.is_empty()), "a party has no type"),
            (scope.types.len() > self.parties.len(), "a type has no party"),
            (scope.months.is_some_and(|range| !range.is_legal()), "the months are no range"),
            (scope.return_gap == 0, "return_gap must be a month or more"),
            (!matches!(scope.round_to, 1 | 5), "counts are rounded to 5 or not at all"),
            (
                !(scope.linkage.is_empty() || scope.linkage.len() == 1 + DERIVED),
                "the lists of how good the linkage is are not all there",
            ),
            (
                scope.joint_variance.is_some_and(|variance| variance < 3),
                "joint_variance must be 3 or more",
            ),
        ];
        rules.into_iter().find(|(broken, _)| *broken).map(|(_, rule)| rule)
    }
}
