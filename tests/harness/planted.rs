//! Invented identities that stand nowhere by chance, planted in files and searched for afterwards.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use samenloop_audit::scan::Markers;
use samenloop_partner::table;

use crate::{Party, Sample};

/// Given name, surname, birth place and street of nobody.
pub const PLANTED: [[&str; 4]; 3] = [
    ["Zwaneliefjemarke", "Kwantelmarkeringa", "Merelmarkeringerveen", "Vlindermarkeringsteeg 12"],
    ["Woudmarkerinus", "Çelikmarkeringoğlu", "Markeringdorp-Binnen", "Onder de Markeringsbomen 7"],
    ["Anna-Markeringa", "Markering-Hoogstraten", "Sint Markeringhuizen", "Markeringsepad 101"],
];

/// A party's file with a column for streets and the planted people among the others.
#[must_use]
pub fn plant(party: Party, content: &[u8]) -> Vec<u8> {
    let mut planted = vec![];
    for (place, line) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let end = line.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |last| last + 1);
        planted.extend(&line[..end]);
        planted.extend(
            format!("{}{}", party.separator, if place == 0 { "Straat" } else { "" }).bytes(),
        );
        planted.extend(&line[end..]);
    }
    let dutch = party.separator == ';';
    for (place, [given, surname, birth_place, street]) in PLANTED.into_iter().enumerate() {
        let (day, id) = (place + 11, format!("{}{place}", party.name));
        let born = if dutch { format!("{day}-03-1971") } else { format!("1971-03-{day}") };
        let start = if dutch { "01-02-2023" } else { "2023-02" };
        let postcode = format!("97{day}AB");
        let columns = [
            &id,
            &id,
            given,
            "",
            surname,
            &born,
            "V",
            birth_place,
            &postcode,
            "0014",
            "overig",
            start,
            "",
            street,
        ];
        let row = columns.join(&party.separator.to_string()) + "\r\n";
        // A file that is not UTF-8 is Windows-1252, which lacks some letters.
        match std::str::from_utf8(content) {
            Ok(_) => planted.extend(row.bytes()),
            Err(_) => planted.extend(row.chars().map(|c| u8::try_from(c).unwrap_or(b'?'))),
        }
    }
    planted
}

/// Columns of the sample that identify people: names, birth, postcode, street.
const IDENTIFYING: [usize; 8] = [2, 3, 4, 5, 6, 7, 8, 13];

/// The planted identities and all identities in the sample's files: every identifying value of 12
/// bytes or more, and of every fourth row its names and birth date as the file has them.
pub fn markers(sample: &Sample) -> anyhow::Result<Markers> {
    let mut identities: Vec<String> =
        PLANTED.concat().iter().map(|name| (*name).to_owned()).collect();
    for party in Sample::PARTIES {
        let table = table::read(&sample.file(party.name, "clients.csv"))?;
        for (place, row) in table.rows.iter().enumerate() {
            let values = row.values();
            identities.extend(IDENTIFYING.iter().map(|column| values[*column].clone()));
            if place % 4 == 0 {
                identities.push(values[2..6].join(&party.separator.to_string()));
            }
        }
    }
    identities.retain(|identity| identity.len() >= 12);
    identities.sort_unstable();
    identities.dedup();
    Ok(Markers::new(identities)?)
}

/// Names of the files below a folder, or the file itself, in which a marker stands, in their names
/// too; and how many bytes were searched.
pub fn search(markers: &Markers, path: &Path) -> anyhow::Result<(Vec<String>, u64)> {
    let (mut found, mut searched) = (vec![], 0);
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let name = path.to_str().context("a path in UTF-8")?;
        if path.is_dir() {
            for child in fs::read_dir(&path)? {
                open.push(child?.path());
            }
        } else {
            let bytes = fs::read(&path)?;
            searched += bytes.len() as u64;
            if !markers.find(&bytes).is_empty() {
                found.push(name.to_owned());
            }
        }
        if !markers.find(name.as_bytes()).is_empty() {
            found.push(name.to_owned());
        }
    }
    Ok((found, searched))
}
