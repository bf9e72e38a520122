//! `samenloop-service round roll-up`: a table of codes and their groups as a part of a manifest.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use samenloop_schema::{Questions, RollUp};
use serde::Serialize;

#[derive(Serialize)]
struct Section {
    questions: Roll,
}

#[derive(Serialize)]
struct Roll {
    roll_up: Vec<RollUp>,
}

/// The manifest's section for a CSV file with a header, whose first column has a code of `of` and
/// whose second has its group, such as a municipality and its cooperation region.
pub(crate) fn section(name: &str, of: &str, csv: &Path) -> anyhow::Result<String> {
    let at = || format!("cannot read {}", csv.display());
    let text = std::fs::read_to_string(csv).with_context(at)?;
    let separator = if text.lines().next().unwrap_or_default().contains(';') { b';' } else { b',' };
    let mut rows = csv::ReaderBuilder::new()
        .delimiter(separator)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut groups = BTreeMap::<String, Vec<String>>::new();
    for (row, line) in rows.records().zip(2..) {
        let row = row.with_context(at)?;
        let both = row
            .get(0)
            .zip(row.get(1))
            .filter(|(code, group)| !code.is_empty() && !group.is_empty());
        let (code, group) = both.with_context(|| {
            format!("{}, line {line}: needs a code and its group", csv.display())
        })?;
        groups.entry(group.to_owned()).or_default().push(code.to_owned());
    }
    ensure!(!groups.is_empty(), "{}: there are no codes under the header", csv.display());
    let roll_up = RollUp { name: name.to_owned(), of: of.to_owned(), groups };
    let section = Section { questions: Roll { roll_up: vec![roll_up] } };
    let questions =
        Questions { roll_ups: section.questions.roll_up.clone(), ..Questions::default() };
    questions.check().with_context(|| csv.display().to_string())?;
    Ok(toml::to_string(&section)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_regions_becomes_a_part_of_the_manifest() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let of = |text: &str| {
            let path = dir.path().join("regio.csv");
            std::fs::write(&path, text)?;
            section("regio", "gemeente", &path)
        };
        let told = of("gemeente;regio\n0014; Groningen\n0037;Oost\n0047;Groningen\n")?;
        let read: toml::Table = toml::from_str(&told)?;
        let roll_up: RollUp = read["questions"]["roll_up"][0].clone().try_into()?;
        assert_eq!(roll_up.of, "gemeente");
        assert_eq!(roll_up.groups["Groningen"], ["0014", "0047"]);
        assert_eq!(roll_up.groups["Oost"], ["0037"]);
        let refused = |text: &str| of(text).map_err(|error| format!("{error:#}")).err();
        let cases = [
            ("a,b\n", "no codes under the header"),
            ("a,b\n0014,\n", "line 2: needs a code and its group"),
            ("a,b\n0014,x\n0014,y\n", "a code in two groups"),
        ];
        for (text, rule) in cases {
            let told = refused(text);
            assert!(told.as_ref().is_some_and(|told| told.contains(rule)), "{text}: {told:?}");
        }
        Ok(())
    }
}
