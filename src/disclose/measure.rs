//! What can be counted, and the words for the places on each measure's axis.

/// What is counted; always people, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Unique clients of all sources together.
    Unique,
    /// Unique clients of each source.
    Sources,
    /// Unique clients that both of two sources know.
    Overlap,
    /// Unique clients by the exact set of sources that know them.
    Patterns,
    /// Unique clients by the number of sources that know them.
    Stacking,
    /// Clients of both of two sources by the order in which they came to them.
    Sequence,
    /// Clients who came from one source to another, by the period in which they came.
    Flows,
    /// Clients in contact with any source, by period.
    InCare,
    /// Clients by the period of their first contact with any source.
    FirstContacts,
    /// Clients by whether they came back after a gap: to any source, and to each one.
    Recidivism,
    /// Unique clients of each source type.
    SourceTypes,
    /// Unique clients that both of two source types know.
    TypeOverlap,
    /// Unique clients by the exact set of source types that know them.
    TypePatterns,
    /// Unique clients by the number of source types that know them.
    TypeStacking,
    /// Clients of both of two source types by the order in which they came to them.
    TypeSequence,
    /// Clients who came from one source type to another, by the period in which they came.
    TypeFlows,
}

/// Most sources, or source types, whose 2^n − 1 patterns are counted one by one.
pub const MAX_PATTERN_SOURCES: usize = 8;

/// The measures that count who is known to whom, over sources or over source types.
#[derive(Debug)]
pub(crate) struct Family {
    pub each: Measure,
    pub overlap: Measure,
    pub patterns: Measure,
    pub stacking: Measure,
    pub sequence: Measure,
    pub flows: Measure,
}

impl Family {
    pub const SOURCES: Self = Self {
        each: Measure::Sources,
        overlap: Measure::Overlap,
        patterns: Measure::Patterns,
        stacking: Measure::Stacking,
        sequence: Measure::Sequence,
        flows: Measure::Flows,
    };
    pub const TYPES: Self = Self {
        each: Measure::SourceTypes,
        overlap: Measure::TypeOverlap,
        patterns: Measure::TypePatterns,
        stacking: Measure::TypeStacking,
        sequence: Measure::TypeSequence,
        flows: Measure::TypeFlows,
    };
}

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 16] = [
        Self::Unique,
        Self::Sources,
        Self::Overlap,
        Self::Patterns,
        Self::Stacking,
        Self::Sequence,
        Self::Flows,
        Self::InCare,
        Self::FirstContacts,
        Self::Recidivism,
        Self::SourceTypes,
        Self::TypeOverlap,
        Self::TypePatterns,
        Self::TypeStacking,
        Self::TypeSequence,
        Self::TypeFlows,
    ];

    /// The measures in which one source's months decide where another's client is counted.
    pub(crate) const SHARED_MONTHS: [Self; 3] =
        [Self::InCare, Self::FirstContacts, Self::Recidivism];

    /// Whether it takes the sources of one type together.
    #[must_use]
    pub const fn by_type(self) -> bool {
        matches!(
            self,
            Self::SourceTypes
                | Self::TypeOverlap
                | Self::TypePatterns
                | Self::TypeStacking
                | Self::TypeSequence
                | Self::TypeFlows
        )
    }

    /// Whether the place of these units on its axis tells what one source alone knows; every other
    /// number is joint.
    pub(crate) const fn is_one_source_s(self, units: &[u16]) -> bool {
        match self {
            Self::Sources => true,
            Self::Recidivism => !units.is_empty(),
            _ => false,
        }
    }

    /// Whether its axis has periods.
    #[must_use]
    pub const fn over_time(self) -> bool {
        matches!(self, Self::Flows | Self::TypeFlows | Self::InCare | Self::FirstContacts)
    }
}

impl std::fmt::Display for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unique => "unique",
            Self::Sources => "sources",
            Self::Overlap => "overlap",
            Self::Patterns => "patterns",
            Self::Stacking => "stacking",
            Self::Sequence => "sequence",
            Self::Flows => "flows",
            Self::InCare => "in_care",
            Self::FirstContacts => "first_contacts",
            Self::Recidivism => "recidivism",
            Self::SourceTypes => "source_types",
            Self::TypeOverlap => "type_overlap",
            Self::TypePatterns => "type_patterns",
            Self::TypeStacking => "type_stacking",
            Self::TypeSequence => "type_sequence",
            Self::TypeFlows => "type_flows",
        })
    }
}

/// Order of a person's contacts with two sources, of which the first has the lower place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// At least one month in common.
    Simultaneous,
    /// First the first source, later the second, no month in common.
    FirstThen,
    /// First the second source, later the first, no month in common.
    ThenFirst,
    /// The months do not tell: one source has none, or an unknown start decides.
    Unknown,
}

impl Order {
    /// Every order.
    pub const ALL: [Self; 4] =
        [Self::Simultaneous, Self::FirstThen, Self::ThenFirst, Self::Unknown];
    /// The orders that are a move from one source to another.
    pub const MOVES: [Self; 2] = [Self::FirstThen, Self::ThenFirst];
}

/// Whether a client came back after a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Return {
    /// Between two contacts lie at least as many months without any as the frame's `return_gap`.
    CameBack,
    /// There is no such gap.
    Stayed,
    /// The months do not tell: there are none, or an unknown start decides.
    Unknown,
}

impl Return {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::CameBack, Self::Stayed, Self::Unknown];
}
