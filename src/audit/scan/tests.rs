//! Every coding and every kind is found, and random bytes hold none.

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use samenloop_schema::Digest;

use super::*;

const MARKER: &str = "Zoë Kwartelmarker-0457";

/// Bytes that look random: the same in every run.
fn noise(len: usize) -> Vec<u8> {
    let blocks = (0..len.div_ceil(32) as u64).map(|block| Digest::of(&block.to_be_bytes()).0);
    let mut bytes: Vec<u8> = blocks.flatten().collect();
    bytes.truncate(len);
    bytes
}

fn planted(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut noise = noise(4096);
    noise.splice(at..at + bytes.len(), bytes.iter().copied());
    noise
}

#[test]
fn a_marker_is_found_in_every_coding_and_alignment() -> Result<(), MarkerError> {
    let markers = Markers::new(["Another one, 123", MARKER])?;
    let wide = |bytes: fn(u16) -> [u8; 2]| MARKER.encode_utf16().flat_map(bytes).collect();
    let single = MARKER.chars().map(|c| u8::try_from(c).expect("a Windows-1252 letter")).collect();
    let mut cases: Vec<(Coding, Vec<u8>)> = vec![
        (Coding::Utf8, MARKER.into()),
        (Coding::Utf8, MARKER.to_lowercase().into()),
        (Coding::Utf8, MARKER.to_uppercase().into()),
        (Coding::Utf16Le, wide(u16::to_le_bytes)),
        (Coding::Utf16Be, wide(u16::to_be_bytes)),
        (Coding::Windows1252, single),
        (Coding::Hex, HEXLOWER.encode(MARKER.as_bytes()).into()),
        (Coding::Hex, HEXUPPER.encode(MARKER.as_bytes()).into()),
    ];
    for before in ["", "x", "xy", "xyz"] {
        let inside = format!("{before}{MARKER}, born");
        cases.push((Coding::Base64, BASE64.encode(inside.as_bytes()).into()));
        cases.push((Coding::Base64, BASE64URL.encode(inside.as_bytes()).into()));
    }
    assert_eq!(markers.find(&noise(1 << 20)), vec![]);
    for (coding, bytes) in cases {
        for at in [0, 777, 4096 - bytes.len()] {
            let hits = markers.find(&planted(&bytes, at));
            let found = hits.iter().any(|hit| hit.marker == 1 && hit.coding == coding);
            assert!(found, "{coding:?} at {at}: {hits:?}");
            assert!(hits.iter().all(|hit| hit.marker == 1 && hit.offset < at + 8));
        }
    }
    Ok(())
}

#[test]
fn a_marker_that_chance_could_write_is_refused() {
    assert!(matches!(
        Markers::new(["long enough to be one", "Jansen"]),
        Err(MarkerError::Short { place: 2 })
    ));
    assert!(Markers::new([""; 0]).is_ok_and(|markers| markers.is_empty()));
}

type Plain = (Kind, &'static str);

const PERSONAL: &[Plain] = &[
    (Kind::CitizenServiceNumber, "111222333"),
    (Kind::CitizenServiceNumber, "bsn=123456782;"),
    (Kind::BankAccount, "NL91ABNA0417164300"),
    (Kind::BankAccount, "iban NL91ABNA0417164300."),
    (Kind::Email, "j.jansen@example.nl"),
    (Kind::Email, "mail <jan+1@zorg.example.org>"),
    (Kind::Postcode, "adres 9711 AB Groningen"),
    (Kind::Postcode, "9711 AB Groningen"),
    (Kind::Postcode, "Groningen 9711 AB"),
    (Kind::Postcode, "Groningen 9711AB"),
    (Kind::Date, "geb. 1970-01-31"),
    (Kind::Date, "31-01-1970"),
    (Kind::Date, "geboren 1/2/1970 te"),
    (Kind::Date, "geb 19700131"),
    (Kind::Date, "geb 31011970"),
    (Kind::Text, "Anna van den Berg, Stationsweg 12"),
];

const HARMLESS: &[&str] = &[
    "111222334 is no number",
    "000000000 is no number",
    "NL92ABNA0417164300",
    "jan@localhost and @example.nl",
    "9711 SS, 0711 AB, 9711 ABC",
    "1970-13-01 and 1-32-1970",
    "version 1.2.3",
];

#[test]
fn each_kind_of_personal_data_is_counted() {
    for (kind, text) in PERSONAL {
        let seen =
            |bytes: &[u8]| suspects(&planted(bytes, 100)).seen().any(|(seen, _)| seen == *kind);
        assert!(seen(&[b"\0", text.as_bytes(), b"\0"].concat()), "{kind:?}: {text}");
        if *kind == Kind::Text {
            continue;
        }
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(
            seen(&[b"\x01\x01", &wide[..], b"\x01\x01"].concat()),
            "{kind:?}: {text} as UTF-16"
        );
        let long = format!("a row of data: {text} ;");
        for coded in [HEXLOWER.encode(long.as_bytes()), BASE64.encode(long.as_bytes())] {
            assert!(seen(format!("\u{1}{coded}\u{1}").as_bytes()), "{kind:?}: {text} as {coded}");
        }
    }
}

#[test]
fn what_only_resembles_personal_data_is_not_counted() {
    for text in HARMLESS {
        let seen = suspects(text.as_bytes());
        assert_eq!(seen, Suspects { texts: seen.texts, ..Suspects::default() }, "{text}");
    }
}

/// With `SAMENLOOP_NOISE_MIB=16384` this takes minutes and counts what is behind `Kind::chance`.
#[test]
fn random_bytes_hold_no_more_than_chance_writes() {
    let mib = std::env::var("SAMENLOOP_NOISE_MIB").ok().and_then(|mib| mib.parse().ok());
    let mib: u64 = mib.unwrap_or(8);
    let mut seen = Suspects::default();
    for part in 0..mib {
        let begin = part << 15;
        let blocks = (begin..begin + (1 << 15)).map(|block| Digest::of(&block.to_le_bytes()).0);
        seen.add(&suspects(&blocks.flatten().collect::<Vec<u8>>()));
    }
    println!("{mib} MiB: {seen:?}");
    assert_eq!(seen.beyond_chance(mib << 20).collect::<Vec<_>>(), vec![]);
}

/// An audit of an honest round failed on one postcode-like and one e-mail-like place among five
/// megabytes of pseudonyms: one round in thirty holds such a place.
#[test]
fn what_chance_writes_is_no_finding_and_what_it_does_not_write_is() {
    let cases: &[(&str, u64, u64, bool)] = &[
        ("jan@zorg.nl", 1, 5 << 20, false),
        ("jan@zorg.nl", 4, 5 << 20, true),
        ("jan@zorg.nl", 1, 100, true),
        ("jan@zorg.nl", 10, 1 << 30, false),
        ("jan@zorg.nl", 60, 1 << 30, true),
        ("te 9711 AB", 1, 5 << 20, false),
        ("te 9711 AB", 3, 5 << 20, true),
        ("bsn 111222333", 1, 5 << 20, true),
        ("bsn 111222333", 1, 0, true),
        ("Anna van den Berg, Stationsweg 12", 1, 1 << 20, true),
    ];
    for (text, times, bytes, finding) in cases {
        let mut seen = Suspects::default();
        (0..*times).for_each(|_| seen.add(&suspects(text.as_bytes())));
        assert_eq!(seen.beyond_chance(*bytes).count(), usize::from(*finding), "{times} x {text}");
    }
}
