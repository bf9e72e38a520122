//! The schemas that `schema init` drafts for the sample files need no editing.

use std::path::{Path, PathBuf};

use samenloop_partner::draft::draft_schema;
use samenloop_partner::table;
use samenloop_schema::{FieldKind, LinkageSchema};

fn csv_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let all = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut all: Vec<PathBuf> = all.collect::<std::io::Result<_>>()?;
    all.retain(|path| path.extension().is_some_and(|ending| ending == "csv"));
    all.sort();
    Ok(all)
}

/// What a data manager would check: which columns become what, a line each.
fn told(schema: &LinkageSchema) -> Vec<String> {
    let mut fields: Vec<String> = schema
        .fields
        .iter()
        .map(|field| format!("{:?}: {}", field.kind, field.columns.join(", ")))
        .collect();
    fields.sort();
    for dimension in &schema.dimensions {
        fields.push(format!("{}: {} codes", dimension.name, dimension.codes().len()));
    }
    if let Some(contact) = &schema.contact {
        let (start, end) = (contact.start.join(", "), contact.end.join(", "));
        fields.push(format!("from {start} to {end}"));
    }
    fields
}

const DUTCH: [&str; 8] = [
    "BirthDate: geboortedatum",
    "GivenName: voornaam",
    "Place: geboorteplaats",
    "Postcode: postcode",
    "Sex: geslacht",
    "Surname: achternaam",
    "SurnamePrefix: tussenvoegsel",
    "from start to einde",
];

/// As `DUTCH` with so many codes of municipality and target group.
fn dutch(municipalities: usize, groups: usize) -> Vec<String> {
    let mut told: Vec<String> = DUTCH.map(str::to_owned).into();
    told.insert(7, format!("gemeente: {municipalities} codes"));
    told.insert(8, format!("doelgroep: {groups} codes"));
    told
}

#[test]
fn schemas_of_the_sample_files_are_right_without_editing() -> anyhow::Result<()> {
    let exports = [
        "BirthDate: Geboortedatum, geb.dat, Geb. datum",
        "GivenName: Voornaam, Voornamen, roepnaam",
        "Place: Geboorteplaats, geb.plaats",
        "Postcode: Postcode",
        "Sex: Geslacht, m/v",
        "Surname: Achternaam, Geslachtsnaam",
        "SurnamePrefix: Tussenvoegsel, tussenv., Voorvoegsel",
        "gemeente: 14 codes",
        "doelgroep: 6 codes",
        "from Begindatum, start, in zorg, Van to Einddatum, einde, uit zorg, Tot",
    ];
    let febrl = [
        "BirthDate: date_of_birth",
        "GivenName: given_name",
        "HouseNumber: street_number",
        "Place: suburb",
        "Postcode: postcode",
        "Street: address_1",
        "Street: address_2",
        "Surname: surname",
        "state: 8 codes",
    ];
    let cases = [
        ("data/regio", dutch(14, 6)),
        ("data/groningen", dutch(14, 6)),
        ("data/leiden", dutch(12, 3)),
        ("../src/lab/sample", exports.map(str::to_owned).into()),
        ("data/febrl4", febrl.map(str::to_owned).into()),
    ];
    for (folder, expected) in cases {
        let files = csv_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))?;
        let tables = files.iter().map(|path| table::read(path)).collect::<Result<Vec<_>, _>>()?;
        let schema = draft_schema(&tables, "round", &[])?.schema;
        assert_eq!(told(&schema), expected, "{folder}");
        schema.check_hardened()?;
        // Identifiers of people and records are in no field at all.
        let columns: Vec<&String> = schema.fields.iter().flat_map(|field| &field.columns).collect();
        for column in ["bsn", "person_id", "record_id", "waarheid", "true_id", "soc_sec_id"] {
            assert!(!columns.iter().any(|used| *used == column), "{folder}: {column} is used");
        }
        assert!(schema.fields.iter().all(|field| field.kind != FieldKind::NationalId));
    }
    Ok(())
}
