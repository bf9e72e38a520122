//! What is public about a release before any number: parties, code lists, purpose.

use std::collections::BTreeSet;

use samenloop_schema::PartyId;

/// A code list by which counts can be split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DimensionList {
    /// As in questions.
    pub name: String,
    /// In the order of the indices that registrations carry. Every table has `unknown` besides.
    pub codes: Vec<String>,
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
}

impl Frame {
    /// The first rule that the frame breaks.
    pub(crate) fn broken_rule(&self) -> Option<&'static str> {
        let names: BTreeSet<&str> = self.dimensions.iter().map(|list| list.name.as_str()).collect();
        let parties: BTreeSet<&PartyId> = self.parties.iter().collect();
        let fits = |len: usize| len < usize::from(u16::MAX);
        let rules = [
            (
                self.min_parties < if self.two_party { 2 } else { 3 },
                "min_parties must be 3 or more, or 2 in a round that says that it has two parties",
            ),
            (self.parties.len() < self.min_parties, "there are fewer parties than min_parties"),
            (!fits(self.parties.len()), "there are more parties than can be counted"),
            (parties.len() < self.parties.len(), "a party stands twice"),
            (names.len() < self.dimensions.len(), "a dimension stands twice"),
            (self.dimensions.len() > 32, "there are more than 32 dimensions"),
            (
                !self.dimensions.iter().all(|list| fits(list.codes.len())),
                "a code list is longer than can be indexed",
            ),
        ];
        rules.into_iter().find(|(broken, _)| *broken).map(|(_, rule)| rule)
    }
}
