use super::*;

/// `start..end` in months, with nothing where a month is absent; contacts apart by a space.
fn contacts(text: &str) -> Vec<Contact> {
    let month = |text: &str| {
        (!text.is_empty())
            .then(|| Month::from_index(text.parse().expect("a number")).expect("a month"))
    };
    let each = text.split(' ').filter_map(|contact| {
        let (start, end) = contact.split_once("..").expect("start..end");
        Contact::of((month(start), month(end)))
    });
    each.collect()
}

fn order_of(first: &str, second: &str) -> Order {
    meeting(&contacts(first), &contacts(second)).order
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
fn a_move_is_told_by_the_first_month_with_the_later_source() {
    let cases = [
        ("10..12", "15..16 20..", Some(15)),
        ("15..16 20..", "10..12", Some(15)),
        ("10..12", "12..16", None),
        // The later source's start is known although the earlier one's is not.
        ("..12", "13..14", Some(13)),
        ("10..12", "", None),
        ("10..", "3000..3001", None),
    ];
    for (first, second, expected) in cases {
        let second = if second.is_empty() { ".." } else { second };
        let moved = meeting(&contacts(first), &contacts(second)).moved;
        assert_eq!(moved, expected, "{first} and {second}");
    }
}

#[test]
fn a_client_comes_back_after_a_gap() {
    use Return::{CameBack, Stayed, Unknown};
    let cases = [
        // Months 13 to 18 are six whole months without contact; 13 to 17 are five.
        ("10..12 19..20", CameBack),
        ("10..12 18..20", Stayed),
        ("19..20 10..12", CameBack),
        ("10..12", Stayed),
        ("10..", Stayed),
        ("10.. 100..101", Stayed),
        // A long contact covers the gap between two short ones.
        ("10..12 11..30 40..41", CameBack),
        ("10..12 11..30 31..40", Stayed),
        ("..", Unknown),
        // An unknown start may have filled the gap, or lies after it.
        ("10..12 ..20", Unknown),
        ("10..12 ..18", Stayed),
        ("..12 19..20", CameBack),
        ("..12 18..20", Stayed),
    ];
    for (text, expected) in cases {
        assert_eq!(returned(&contacts(text), 6), expected, "{text}");
    }
}
