//! Reports in plain words.

use comfy_table::{CellAlignment, Table, presets};

use crate::check::{count, percent};
use crate::draft::{Draft, Use};
use crate::quality::{Places, QualityReport};
use crate::submissions::StatusReport;

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    table
}

fn lines(places: &Places) -> String {
    let shown: Vec<String> = places.lines.iter().take(10).map(u64::to_string).collect();
    let more = if places.rows > shown.len() as u64 { ", …" } else { "" };
    format!("line {}{more}", shown.join(", "))
}

/// What a data manager should read before submitting.
pub(super) fn quality(report: &QualityReport) -> String {
    let QualityReport { rows, records, .. } = *report;
    let mut out = match report.dialect {
        Some(dialect) => format!(
            "{}: {rows} rows, read as {} with columns separated by {}\n\n",
            report.file.display(),
            dialect.charset,
            dialect.separator
        ),
        None => format!("{}: {rows} CLKs\n\n", report.file.display()),
    };
    let mut fields = table(&["field", "from column", "empty", "unusable"]);
    for column in [2, 3] {
        if let Some(column) = fields.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for field in &report.fields {
        let columns =
            if field.columns.is_empty() { "(none)".to_owned() } else { field.columns.join(", ") };
        let unusable = percent(field.unusable.rows, rows);
        fields.add_row([field.name.clone(), columns, percent(field.empty, rows), unusable]);
    }
    out.push_str(&format!("{fields}\n\n"));
    let mut notes = vec![];
    for field in &report.fields {
        if field.unusable.rows > 0 {
            notes.push(format!(
                "{}: {} with something that it cannot be, such as an impossible date ({})",
                field.name,
                count(field.unusable.rows),
                lines(&field.unusable)
            ));
        }
        if field.unlikely.rows > 0 {
            notes.push(format!(
                "{}: {} with a date before 1900 ({})",
                field.name,
                count(field.unlikely.rows),
                lines(&field.unlikely)
            ));
        }
    }
    for dimension in &report.dimensions {
        if !dimension.found {
            notes.push(format!("{}: the file has no column for it", dimension.name));
        } else if dimension.empty > 0 {
            notes.push(format!(
                "{}: empty in {} of the rows",
                dimension.name,
                percent(dimension.empty, rows)
            ));
        }
        if dimension.unlisted.rows > 0 {
            notes.push(format!(
                "{}: {} with a value that is not in the code list and counts as unknown ({})",
                dimension.name,
                count(dimension.unlisted.rows),
                lines(&dimension.unlisted)
            ));
        }
    }
    if let Some(contact) = &report.contact {
        notes.push(format!(
            "months: {} of the rows have no start, {} no end (the contact goes on)",
            percent(contact.start_empty, rows),
            percent(contact.end_empty, rows)
        ));
        for (places, what) in [
            (&contact.start_unusable, "with a start that is no month"),
            (&contact.end_unusable, "with an end that is no month"),
            (
                &contact.end_before_start,
                "with an end before the start; both months count as unknown",
            ),
        ] {
            if places.rows > 0 {
                notes.push(format!("months: {} {what} ({})", count(places.rows), lines(places)));
            }
        }
    }
    if report.rows_above > 0 {
        notes.push(format!("{} above the headers passed over", count(report.rows_above)));
    }
    if report.blank_rows > 0 {
        notes.push(format!("{} without any value passed over", count(report.blank_rows)));
    }
    if report.duplicates.rows > 0 {
        notes.push(format!(
            "{} ({}) with a match key of an earlier row, so likely the same person ({})",
            count(report.duplicates.rows),
            percent(report.duplicates.rows, records),
            lines(&report.duplicates)
        ));
    }
    if report.dropped_match_keys > 0 {
        notes.push(format!(
            "{} match-key values were dropped because too many rows share them",
            report.dropped_match_keys
        ));
    }
    if report.unlinkable.rows > 0 {
        notes.push(format!(
            "{} not submitted, because too little is known of the person to link it ({})",
            count(report.unlinkable.rows),
            lines(&report.unlinkable)
        ));
    }
    if report.without_encoding > 0 {
        notes.push(format!(
            "{} of the records can only be linked by an exact match key",
            percent(report.without_encoding, records)
        ));
    }
    notes.push(format!(
        "{} of the records stand alone in the file by their codes and months, which travel as they are",
        percent(report.singled_out, records)
    ));
    for note in notes {
        out.push_str(&format!("- {note}\n"));
    }
    for bad in &report.bad_rows {
        out.push_str(&format!("- left out, cannot be read: {bad}\n"));
    }
    out
}

/// Why each column is what it is held to be.
pub(super) fn draft(draft: &Draft) -> String {
    let mut out = String::new();
    let mut file = None;
    for guess in &draft.guesses {
        if file != Some(&guess.file) {
            file = Some(&guess.file);
            out.push_str(&format!("{}:\n", guess.file.display()));
        }
        let used = match &guess.used {
            Use::Field(name) => format!("field {name}"),
            Use::ContactStart => "start of the contact".to_owned(),
            Use::ContactEnd => "end of the contact".to_owned(),
            Use::Dimension(name) => format!("code list {name}"),
            Use::LeftOut => "left out".to_owned(),
        };
        out.push_str(&format!("  {:?} → {used}: {}\n", guess.column, guess.why));
    }
    for remark in &draft.remarks {
        out.push_str(&format!("- {remark}\n"));
    }
    out
}

/// The round's state and the caller's submissions.
pub(super) fn status(report: &StatusReport) -> String {
    let mut out = format!("round {}: {}\n", report.round, report.round_state);
    if report.submissions.is_empty() {
        out.push_str("no submissions\n");
        return out;
    }
    let mut rows = table(&["submission", "state", "records held", "of"]);
    for each in &report.submissions {
        rows.add_row([
            each.submission_id.to_string(),
            each.state.to_owned(),
            each.records.to_string(),
            each.expected_records.to_string(),
        ]);
    }
    out.push_str(&format!("{rows}\n"));
    for each in report.submissions.iter().filter(|each| each.dropped_match_keys > 0) {
        out.push_str(&format!(
            "submission {}: {} match-key values were left out of the linkage, because too many of its \
             records share them\n",
            each.submission_id, each.dropped_match_keys
        ));
    }
    out
}
