use std::io::Cursor;

use proptest::prelude::*;

use super::*;

fn table(bytes: &[u8]) -> Result<Table, TableError> {
    TableReader::new(Path::new("x.csv"), Cursor::new(bytes.to_vec()))?.read_all()
}

fn utf16(text: &str, bom_and_bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bom_and_bytes).collect()
}

#[test]
fn every_dialect_of_excel_gives_the_same_table() {
    let cases: Vec<(&str, Vec<u8>, Separator, Charset)> = vec![
        (
            "comma, utf-8",
            "naam,plaats\nRené,\"Haren, Gr\"\n".into(),
            Separator::Comma,
            Charset::Utf8,
        ),
        (
            "byte order mark, semicolon, CRLF",
            "\u{feff}naam;plaats\r\nRené;Haren, Gr\r\n".into(),
            Separator::Semicolon,
            Charset::Utf8,
        ),
        (
            "windows-1252",
            b"naam;plaats\r\nRen\xe9;Haren, Gr".to_vec(),
            Separator::Semicolon,
            Charset::Windows1252,
        ),
        (
            "utf-16 tab",
            utf16("naam\tplaats\r\nRené\tHaren, Gr\r\n", u16::to_le_bytes),
            Separator::Tab,
            Charset::Utf16Le,
        ),
        (
            "big-endian",
            utf16("naam\tplaats\nRené\tHaren, Gr", u16::to_be_bytes),
            Separator::Tab,
            Charset::Utf16Be,
        ),
        (
            "sep line, old Mac line ends, trailing empty columns and rows",
            "sep=;\rnaam;plaats;;\rRené;Haren, Gr;;\r;;;\r\r".into(),
            Separator::Semicolon,
            Charset::Utf8,
        ),
    ];
    for (name, bytes, separator, charset) in cases {
        let table = table(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(table.dialect, Dialect { charset, separator }, "{name}");
        assert_eq!(table.headers, ["naam", "plaats"], "{name}");
        assert_eq!(table.rows.len(), 1, "{name}");
        assert_eq!(table.rows[0].values(), ["René", "Haren, Gr"], "{name}");
        assert!(table.bad_rows.is_empty(), "{name}");
    }
}

#[test]
fn lines_are_those_of_the_file() -> Result<(), TableError> {
    let text =
        "a;b\r\n\r\n1;\"two\r\nlines; and \"\"quotes\"\"\"\r\n2;x\r\n;\r\n3\r\n4;y;\r\n5;y;z";
    let table = table(text.as_bytes())?;
    let lines: Vec<u64> = table.rows.iter().map(|row| row.line).collect();
    assert_eq!(lines, [3, 5, 8]);
    assert_eq!(table.rows[0].values()[1], "two\nlines; and \"quotes\"");
    assert_eq!(table.blank_rows, 1);
    let bad: Vec<String> = table.bad_rows.iter().map(ToString::to_string).collect();
    assert_eq!(bad.len(), 2);
    assert!(bad[0].starts_with("line 7: has 1 columns of 2; the first that is missing is \"b\""));
    assert!(bad[1].starts_with("line 9: has a value in column 3 while there are 2 headers"));
    Ok(())
}

#[test]
fn a_quotation_mark_left_open_in_the_last_column_does_not_swallow_rows_unseen()
-> Result<(), TableError> {
    for text in ["a,b\n1,x\n2,\"y\n3,z\n4,w\n", "a,b\n1,x\n2,\"y\n3,z"] {
        let table = table(text.as_bytes())?;
        assert_eq!(table.rows.len(), 1);
        let fault = RowFault::UnclosedQuote { field: "b".into() };
        assert_eq!(table.bad_rows, [BadRow { line: 3, fault }]);
    }
    Ok(())
}

#[test]
fn what_is_no_table_is_refused_with_what_to_do() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "the file is empty"),
        (b"\r\n ; \r\n", "the file is empty"),
        (b"PK\x03\x04rest", "save it as CSV"),
        (b"a\0;\0", "UTF-16 without a byte order mark"),
        (b"\xef\xbb\xbfa;b\n1;2\n\xe9;3\n", "line 3: not UTF-8"),
        (b"Export\na;b\n1;2", "remove any title above the headers"),
        (b"a;b;A \n1;2;3", "columns 1 and 3 have the same header \"A\""),
    ];
    for (bytes, message) in cases {
        let error = table(bytes).expect_err(message).to_string();
        assert!(error.starts_with("x.csv"), "{error}");
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_column_without_header_is_passed_over_while_it_is_empty() -> Result<(), TableError> {
    let table = table(b"a;;c;\n1;;3;\n4;5;6;\n7;;9;8\n")?;
    assert_eq!(table.headers, ["a", "c"]);
    assert_eq!(table.rows[0].values(), ["1", "3"]);
    let bad: Vec<String> = table.bad_rows.iter().map(ToString::to_string).collect();
    assert!(bad[0].starts_with("line 3: has a value in column 2, which has no header"), "{bad:?}");
    assert!(bad[1].starts_with("line 4: has a value in column 4 while there are 3 headers"));
    Ok(())
}

#[test]
fn titles_and_merged_cells_above_the_headers_are_passed_over() -> Result<(), TableError> {
    for above in
        ["Export van 1 januari;;\n", "Uitdraai\n\n", "Client;;Adres\n", "sep=;\nLijst;;\n;;\n"]
    {
        let text = format!("{above}achternaam;geb.dat;postcode\nJansen;1970-01-01;9711AB\n");
        let table = table(text.as_bytes())?;
        assert_eq!(table.headers, ["achternaam", "geb.dat", "postcode"], "{above:?}");
        assert_eq!(table.rows.len(), 1, "{above:?}");
        assert!(table.bad_rows.is_empty() && table.rows_above > 0, "{above:?}");
    }
    // Headers with a gap stay headers.
    let table = table(b"achternaam;;geb.dat\nJansen;;1970-01-01\nvan;;tot\n")?;
    assert_eq!((table.headers.len(), table.rows_above), (2, 0));
    Ok(())
}

#[test]
fn a_title_above_the_headers_is_said_to_be_one() {
    let error = table(b"Export van 1 januari\n\na;b\n1;2\n3;4").expect_err("one column");
    assert!(matches!(error, TableError::OneColumn { line: 1, .. }), "{error}");
}

#[test]
fn the_separator_is_the_one_by_which_rows_agree() -> Result<(), TableError> {
    let comma_in_headers = "naam, voluit;geboren\nJansen;1970-01-01\nPieters;1971-01-01\n";
    assert_eq!(table(comma_in_headers.as_bytes())?.headers, ["naam, voluit", "geboren"]);
    let quoted = "a,b,c\n\"1;2\",3,\"4\n5\"\n";
    assert_eq!(table(quoted.as_bytes())?.rows[0].values(), ["1;2", "3", "4\n5"]);
    Ok(())
}

#[test]
fn a_chunk_border_changes_nothing() -> Result<(), TableError> {
    let mut text = String::from("a;b\r\n");
    for row in 0..20_000 {
        text.push_str(&format!("{row};é€𝄞\r\n"));
    }
    for bytes in [text.clone().into_bytes(), utf16(&text, u16::to_le_bytes)] {
        let table = table(&bytes)?;
        assert_eq!((table.rows.len(), table.bad_rows.len()), (20_000, 0));
        for (row, place) in table.rows.iter().zip(0_u64..) {
            assert_eq!((row.line, row.values()[1].as_str()), (place + 2, "é€𝄞"));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = table(&bytes);
    }

    #[test]
    fn no_row_is_lost(values in prop::collection::vec("[a-z;,\"\n\r éß]{0,6}", 1..20)) {
        let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(vec![]);
        writer.write_record(["one", "two"]).expect("to memory");
        for value in &values {
            writer.write_record([value, "x"]).expect("to memory");
        }
        let table = table(&writer.into_inner().expect("to memory")).expect("a table");
        prop_assert_eq!(table.rows.len(), values.len());
        for (row, value) in table.rows.iter().zip(&values) {
            prop_assert_eq!(&row.values()[0], &value.replace("\r\n", "\n").replace('\r', "\n"));
        }
    }
}
