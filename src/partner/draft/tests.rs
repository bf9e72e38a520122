use std::io::Cursor;
use std::path::Path;

use super::*;
use crate::table::TableReader;

fn table(name: &str, text: &str) -> Table {
    TableReader::new(Path::new(name), Cursor::new(text.to_owned().into_bytes()))
        .and_then(TableReader::read_all)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn columns<'d>(draft: &'d Draft, field: &str) -> &'d [String] {
    draft.schema.field(field).map_or(&[], |field| &field.columns)
}

const SHELTER: &str = "nr\troepnaam\ttussenv.\tachternaam\tgeb.dat\tm/v\tpostcode\tgemeentecode\tin zorg\tuit zorg\tBSN
1\tLiv\t\tBruynzeels\t1988-02-06\tV\t\t0059\t2022-07\t2023-01\t
2\tTijn\tvan\tEijk\t1977-03-07\tM\t3241NM\t0072\t2022-07\t\t111222333
";

const CLINIC: &str = "Cliëntnr;waarheid;Voornamen;Voorletters;Voorvoegsel;Geslachtsnaam;Geboortedatun;Geslacht;Gemeente;Groep;Van;Tot
G1;p1;Damian;D.;;Muzyk;25-01-1986;M;60;Overig;01-05-2023;01-06-2023
G2;p2;Jan;J.;de;Florea;19-06-1949;M;59;dementie;01-03-2022;
";

#[test]
fn different_exports_give_one_schema() -> Result<(), DraftError> {
    let tables = [table("shelter.csv", SHELTER), table("clinic.csv", CLINIC)];
    let draft = draft_schema(&tables, "test", &["waarheid"])?;
    assert_eq!(columns(&draft, "given_name"), ["Voornamen", "roepnaam", "Voorletters"]);
    assert_eq!(columns(&draft, "surname_prefix"), ["tussenv.", "Voorvoegsel"]);
    assert_eq!(columns(&draft, "surname"), ["achternaam", "Geslachtsnaam"]);
    assert_eq!(columns(&draft, "birth_date"), ["geb.dat", "Geboortedatun"]);
    assert_eq!(columns(&draft, "sex"), ["m/v", "Geslacht"]);
    let contact = draft.schema.contact.as_ref().expect("months were found");
    assert_eq!(contact.start, ["in zorg", "Van"]);
    assert_eq!(contact.end, ["uit zorg", "Tot"]);
    let codes = |at: usize| draft.schema.dimensions[at].codes();
    assert_eq!(codes(0), ["0059", "0060", "0072"]);
    assert_eq!(codes(1), ["Overig", "dementie"]);
    let left_out: Vec<&str> = draft
        .guesses
        .iter()
        .filter(|g| g.used == Use::LeftOut)
        .map(|g| g.column.as_str())
        .collect();
    assert_eq!(left_out, ["nr", "BSN", "Cliëntnr", "waarheid"]);
    Ok(())
}

#[test]
fn the_file_reads_back_as_the_same_schema_and_gives_reasons_but_no_values() -> Result<(), DraftError>
{
    let draft = draft_schema(&[table("shelter.csv", SHELTER)], "test", &[])?;
    let text = draft.to_toml();
    assert_eq!(LinkageSchema::from_toml(&text), Ok(draft.schema.clone()));
    assert!(text.contains("# \"geb.dat\": its header means birth date."), "{text}");
    assert!(text.contains("legal basis"), "{text}");
    for value in ["Bruynzeels", "1988", "3241NM", "111222333"] {
        assert!(!text.contains(value), "{value} stands in the schema file");
    }
    Ok(())
}

#[test]
fn contents_speak_where_headers_are_silent_and_veto_where_they_lie() -> Result<(), DraftError> {
    let mut text = String::from(
        "kolom1,achternaam,kolom2,kolom3,kolom4,kolom5,kolom6,kolom7,geboortedatum,kolom8\n",
    );
    for row in 0..40 {
        let (day, month) = (row % 28 + 1, row % 12 + 1);
        // 9d₁ + … ≡ 0 (mod 11) holds for each of these numbers.
        let number = ["111222333", "123456782"][row % 2];
        let sex = ["M", "V"][row % 2];
        text.push_str(&format!(
            "{row},naam{row},{day:02}-{month:02}-19{:02},97{:02} AB,{sex},2023-{month:02},2024-{month:02},{number},geen,vast\n",
            40 + row, 10 + row
        ));
    }
    let draft = draft_schema(&[table("x.csv", &text)], "test", &[])?;
    let used = |column: &str| {
        let guess = draft.guesses.iter().find(|guess| guess.column == column);
        guess.map(|guess| (guess.used.clone(), guess.why.clone()))
    };
    let field = |name: &str| Use::Field(name.to_owned());
    for (column, expected, why) in [
        ("kolom1", Use::LeftOut, "record number"),
        ("kolom2", field("birth_date"), "100 % of its values are dates"),
        ("kolom3", field("postcode"), "Dutch postcodes"),
        ("kolom4", field("sex"), "words for a sex"),
        ("kolom5", Use::ContactStart, "months"),
        ("kolom6", Use::ContactEnd, "months"),
        ("kolom7", Use::LeftOut, "elfproef"),
        ("geboortedatum", Use::LeftOut, "only 0 % of its values are dates"),
        ("kolom8", Use::LeftOut, "every row has the same value"),
    ] {
        let (found, reason) = used(column).expect("every column is judged");
        assert_eq!(found, expected, "{column}: {reason}");
        assert!(reason.contains(why), "{column}: {reason}");
    }
    Ok(())
}

#[test]
fn a_file_without_people_gives_no_schema() {
    let error =
        draft_schema(&[table("x.csv", "bedrag,datum\n1,2\n")], "test", &[]).expect_err("nothing");
    assert!(error.to_string().contains("x.csv"), "{error}");
}

/// What a shelter's spreadsheet gives: a title, merged cells, an empty column, whole names, short years.
#[test]
fn a_bad_spreadsheet_export_gives_a_schema_without_editing() -> Result<(), DraftError> {
    let export = "Uitdraai 1-1-2025;;;;;
Client;;;;Verblijf;
Cli\u{eb}ntnr;Naam;;Geb. datum;In zorg;Uit zorg
1;Jansen, J. (Jan);;17-05-84;01-03-24;
2;Berg, Anna van den;;3-2-05;12-04-24;30-04-24
3;Vries, M. de;;30819;12-04-24;
Totaal;3;;;;
";
    let mut draft = draft_schema(&[table("export.csv", export)], "test", &[])?;
    draft.with_formal_names(None)?;
    for field in ["given_name", "surname"] {
        let field = draft.schema.field(field).expect("a field of the whole name");
        assert_eq!(
            (field.columns.len(), &field.whole_name_columns[..]),
            (0, &["Naam".to_owned()][..])
        );
    }
    let born = draft.schema.field("birth_date").expect("a birth date");
    assert!(born.latest_year.is_some_and(|year| year >= 2025));
    assert!(draft.schema.contact.is_some() && draft.schema.given_names.is_some());
    assert_eq!(LinkageSchema::from_toml(&draft.to_toml()), Ok(draft.schema.clone()));
    Ok(())
}
