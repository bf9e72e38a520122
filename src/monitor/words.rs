//! The words of the domain for what a row counts.

use crate::report::{Measure, Order, Report, Row};

/// `a, b and c`.
pub(crate) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// What a row counts, apart from its categories.
pub(crate) fn counted(report: &Report, row: &Row) -> String {
    let sources = &row.sources;
    let pair = || match &sources[..] {
        [first, second] => (first.as_str(), second.as_str()),
        _ => ("?", "?"),
    };
    match report.measure {
        Measure::Unique => "known to any source".to_owned(),
        Measure::Sources => format!("known to {}", listed(sources)),
        Measure::Overlap => format!("known to both {}", listed(sources)),
        Measure::Patterns if sources.len() == 1 => format!("known to {} only", listed(sources)),
        Measure::Patterns if sources.len() == report.parties.len() => {
            format!("known to all: {}", listed(sources))
        }
        Measure::Patterns => format!("known to {}, and to no one else", listed(sources)),
        Measure::Stacking => match row.source_count {
            Some(1) => "known to 1 source".to_owned(),
            count => format!("known to {} sources", count.unwrap_or(0)),
        },
        Measure::Sequence => {
            let (first, second) = pair();
            match row.order {
                Some(Order::Simultaneous) => format!("{first} and {second} at the same time"),
                Some(Order::FirstThen) => format!("first {first}, later {second}"),
                Some(Order::ThenFirst) => format!("first {second}, later {first}"),
                Some(Order::Unknown) | None => format!("{first} and {second}, order unknown"),
            }
        }
    }
}

/// What a table counts, as its heading.
pub(crate) const fn title(measure: Measure) -> &'static str {
    match measure {
        Measure::Unique => "Unique clients of all sources together",
        Measure::Sources => "Unique clients of each source",
        Measure::Overlap => "Unique clients known to both of two sources",
        Measure::Patterns => "Unique clients by exactly which sources know them",
        Measure::Stacking => "Unique clients by how many sources know them",
        Measure::Sequence => {
            "Clients of both of two sources, by the order in which they came to them"
        }
    }
}
