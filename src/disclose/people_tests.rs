use super::*;

/// `start..end` in months, with nothing where a month is absent; contacts apart by a space.
fn registrations(party: u16, contacts: &str) -> Vec<Registration> {
    let month = |text: &str| {
        (!text.is_empty())
            .then(|| Month::from_index(text.parse().expect("a number")).expect("a month"))
    };
    let each = contacts.split(' ').map(|contact| {
        let (start, end) = contact.split_once("..").expect("start..end");
        Registration {
            party,
            codes: vec![],
            start: month(start),
            end: month(end),
            digest: Digest::of(contact.as_bytes()),
        }
    });
    each.collect()
}

fn order_of(first: &str, second: &str) -> Order {
    let rows = [registrations(0, first), registrations(1, second)].concat();
    let keys = vec![0; rows.len()];
    let registrations = Registrations { rows: &rows, keys: &keys, dimensions: 0 };
    let mut orders = vec![];
    registrations.people(&vec![0; rows.len()], |person| orders.clone_from(&person.orders));
    orders[0]
}

#[test]
fn the_months_tell_the_order() {
    use Order::{FirstThen, Simultaneous, ThenFirst, Unknown};
    let cases = [
        // One month in common is enough, and both ends belong to a contact.
        ("10..12", "12..14", Simultaneous),
        ("10..12", "13..14", FirstThen),
        ("13..14", "10..12", ThenFirst),
        ("10..20", "12..13", Simultaneous),
        // An empty end goes on.
        ("10..", "3000..3001", Simultaneous),
        ("10..", "5..9", ThenFirst),
        ("10..", "12..", Simultaneous),
        // Without any month there is no order, however much the other side has.
        ("..", "10..12", Unknown),
        ("10..12", "..", Unknown),
        ("..", "..", Unknown),
        // An empty start is unknown: the end may still tell.
        ("..12", "10..14", Simultaneous),
        ("..12", "13..14", FirstThen),
        ("13..14", "..12", ThenFirst),
        ("..12", "10..11", Unknown),
        ("..12", "..12", Simultaneous),
        ("..12", "..14", Unknown),
        ("..12", "10..", Simultaneous),
        ("..12", "13..", FirstThen),
        // Several contacts: any shared month counts, else the first contact tells.
        ("10..12 30..32", "20..30", Simultaneous),
        ("10..12 30..32", "20..22", FirstThen),
        ("20..22", "10..12 30..32", ThenFirst),
        ("10..12 ..", "20..22", FirstThen),
        ("..12 30..32", "20..22", FirstThen),
        ("..22 30..32", "20..21", Unknown),
        ("..22 30..32", "20..21 31..31", Simultaneous),
    ];
    for (first, second, expected) in cases {
        assert_eq!(order_of(first, second), expected, "{first} and {second}");
        let turned = match expected {
            FirstThen => ThenFirst,
            ThenFirst => FirstThen,
            same => same,
        };
        assert_eq!(order_of(second, first), turned, "{second} and {first}");
    }
}

#[test]
fn a_code_counts_where_all_that_have_one_agree() {
    let cases: &[(&[Option<u16>], usize)] = &[
        (&[Some(4)], 5),
        (&[Some(4), Some(4)], 5),
        (&[Some(4), None], 5),
        (&[None, Some(4)], 5),
        (&[None, None], 0),
        (&[Some(4), Some(3)], 0),
        (&[Some(4), None, Some(4), Some(0)], 0),
    ];
    for (codes, expected) in cases {
        let rows: Vec<_> = codes
            .iter()
            .map(|code| Registration { codes: vec![*code], ..registrations(0, "..")[0].clone() })
            .collect();
        let keys = vec![0; rows.len()];
        let registrations = Registrations { rows: &rows, keys: &keys, dimensions: 1 };
        registrations.people(&vec![0; rows.len()], |person| {
            assert_eq!(person.categories, [*expected], "{codes:?}");
        });
    }
}

#[test]
fn people_are_the_clusters_with_their_sources_in_order() {
    let rows: Vec<_> = [2, 0, 2, 1, 0].iter().flat_map(|p| registrations(*p, "1..2")).collect();
    let keys = [1, 2, 4, 8, u64::MAX];
    let registrations = Registrations { rows: &rows, keys: &keys, dimensions: 0 };
    let mut found = vec![];
    let people = registrations.people(&[3, 3, 3, 0, 1], |person| {
        found.push((person.sources.clone(), person.key));
    });
    assert_eq!(people, 3);
    assert_eq!(found, [(vec![1], 8), (vec![0], u64::MAX), (vec![0, 2], 7)]);
}
