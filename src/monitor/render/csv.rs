//! For spreadsheets: one line per number, comma separated, UTF-8, the fields that a program needs
//! and the words that a person needs.

use crate::report::{Line, Order, Report, Returned};
use crate::rounds::RoundLine;
use crate::words::{Language, counted};

/// The answer as CSV. Sources are joined with `+`; an unknown code and the parts of a withheld number
/// are empty.
pub fn csv(report: &Report, language: Language) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(vec![]);
    let mut header =
        vec!["clients", "sources", "number_of_sources", "order", "period", "line", "returned"];
    header.extend(report.by.iter().map(String::as_str));
    header.extend(["suppressed", "count", "low", "high", "share", "max_noise", "noise_variance"]);
    writer.write_record(header)?;
    for row in &report.rows {
        let order = row.order.map_or("", |order| match order {
            Order::Simultaneous => "simultaneous",
            Order::FirstThen => "first_then",
            Order::ThenFirst => "then_first",
            Order::Unknown => "unknown",
        });
        let line = row.line.map_or("", |line| match line {
            Line::InCare => "in_care",
            Line::FirstContacts => "first_contacts",
        });
        let returned = row.returned.map_or("", |returned| match returned {
            Returned::CameBack => "came_back",
            Returned::Stayed => "stayed",
            Returned::Unknown => "unknown",
        });
        let mut fields = vec![
            counted(report, row, language),
            row.sources.join("+"),
            row.source_count.map_or(String::new(), |count| count.to_string()),
            order.to_owned(),
            row.period.map_or(String::new(), |period| period.to_string()),
            line.to_owned(),
            returned.to_owned(),
        ];
        fields.extend(row.codes.iter().map(|code| code.clone().unwrap_or_default()));
        fields.push(row.number.is_none().to_string());
        let number = row.number.map(|number| [number.count, number.low, number.high]);
        fields.extend(
            number.map_or([const { String::new() }; 3], |parts| parts.map(|n| n.to_string())),
        );
        fields.push(row.share.map_or(String::new(), |share| format!("{share:.3}")));
        let level = report.level(row);
        fields.extend([level.max_noise.to_string(), level.variance.to_string()]);
        writer.write_record(fields)?;
    }
    finish(writer)
}

/// The rounds as CSV.
pub fn rounds_csv(rounds: &[RoundLine]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(["round", "state", "sources", "purpose"])?;
    for line in rounds {
        let (round, state) = (line.round.to_string(), line.state.to_string());
        writer.write_record([&round, &state, &line.parties.join("+"), &line.purpose])?;
    }
    finish(writer)
}

pub(super) fn finish(writer: csv::Writer<Vec<u8>>) -> Result<String, csv::Error> {
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
