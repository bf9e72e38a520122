use super::*;
use crate::frame::{DimensionList, RollUpList, Scope};
use crate::measure::Order;
use crate::quality::RecordQuality;

/// A registration of a party with its codes and, as month indices, start and end.
type Row<'a> = (u16, &'a [Option<u16>], Option<u32>, Option<u32>);

fn rows(rows: &[Row<'_>]) -> Vec<Registration> {
    let month = |index: u32| Month::from_index(index).expect("a month");
    let each = rows.iter().zip(0_u64..).map(|((party, codes, start, end), serial)| Registration {
        party: *party,
        codes: codes.to_vec(),
        start: start.map(month),
        end: end.map(month),
        digest: Digest::of(&serial.to_be_bytes()),
        quality: RecordQuality::default(),
    });
    each.collect()
}

fn frame(dimensions: usize, scope: Scope) -> Frame {
    let list = |place: usize| DimensionList {
        name: format!("d{place}"),
        codes: (0..6).map(|code| code.to_string()).collect(),
    };
    Frame {
        parties: (0..4).map(|p| format!("p{p}").parse().expect("an id")).collect(),
        dimensions: (0..dimensions).map(list).collect(),
        purpose: String::new(),
        min_parties: 3,
        two_party: false,
        scope,
    }
}

/// Every person of a partition, as `tell` sees it.
fn people<T>(
    rows: &[Registration],
    keys: &[u64],
    frame: &Frame,
    clusters: &[u32],
    tell: impl Fn(&Person) -> T,
) -> Vec<T> {
    let registrations = Registrations::new(rows, keys, frame);
    let mut person = Person::default();
    let grouped = registrations.group(clusters);
    let each = grouped.people().map(|own| {
        registrations.read(own, &mut person);
        tell(&person)
    });
    each.collect()
}

#[test]
fn a_code_counts_where_all_that_have_one_agree_and_a_region_where_their_regions_do() {
    // Codes 3 and 4 are one region (1), 0 is another (0), 5 is in none.
    let region = RollUpList {
        list: DimensionList { name: "regio".to_owned(), codes: vec!["a".into(), "b".into()] },
        of: 0,
        groups: vec![Some(0), None, None, Some(1), Some(1), None],
    };
    let frame = frame(1, Scope { roll_ups: vec![region], ..Scope::default() });
    assert_eq!(frame.broken_rule(), None);
    let cases: &[(&[Option<u16>], [usize; 2])] = &[
        (&[Some(4)], [5, 2]),
        (&[Some(4), Some(4)], [5, 2]),
        (&[Some(4), None], [5, 2]),
        (&[None, Some(4)], [5, 2]),
        (&[None, None], [0, 0]),
        (&[Some(4), Some(3)], [0, 2]),
        (&[Some(4), Some(0)], [0, 0]),
        (&[Some(4), None, Some(4), Some(0)], [0, 0]),
        (&[Some(5)], [6, 0]),
        (&[Some(5), Some(4)], [0, 0]),
        (&[Some(5), Some(2)], [0, 0]),
    ];
    for (codes, expected) in cases {
        let codes: Vec<[Option<u16>; 1]> = codes.iter().map(|code| [*code]).collect();
        let rows: Vec<_> = codes.iter().map(|code| (0, &code[..], None, None)).collect();
        let rows = self::rows(&rows);
        let same = vec![0; rows.len()];
        let found = people(&rows, &vec![0; rows.len()], &frame, &same, |p| p.categories.clone());
        assert_eq!(found, [expected.to_vec()], "{codes:?}");
    }
}

#[test]
fn people_are_the_clusters_with_their_sources_in_order() {
    let rows = rows(&[2, 0, 2, 1, 0].map(|party| (party, &[][..], Some(1), Some(2))));
    let keys = [1, 2, 4, 8, u64::MAX];
    let frame = frame(0, Scope::default());
    let found =
        people(&rows, &keys, &frame, &[3, 3, 3, 0, 1], |p| (p.sources.units.clone(), p.key));
    assert_eq!(found, [(vec![1], 8), (vec![0], u64::MAX), (vec![0, 2], 7)]);
}

#[test]
fn sources_of_one_type_are_one_and_their_months_are_taken_together() {
    let month = |index| Month::from_index(index).expect("a month");
    let scope = Scope {
        types: vec!["zorg".into(), "opvang".into()],
        type_of: vec![1, 0, 1, 0],
        months: Some(samenloop_schema::MonthRange { from: month(1212), to: month(1235) }),
        ..Scope::default()
    };
    let frame = frame(0, scope);
    // p0 and p2 are opvang, p1 is zorg: opvang in months 1212 to 1213, zorg from 1215, then opvang.
    let rows = rows(&[
        (0, &[], Some(1212), Some(1213)),
        (1, &[], Some(1215), Some(1216)),
        (2, &[], Some(1230), None),
    ]);
    people(&rows, &[0; 3], &frame, &[0; 3], |person| {
        assert_eq!(person.sources.units, [0, 1, 2]);
        assert_eq!(person.types.units, [0, 1]);
        let moves = |view: &View| -> Vec<_> {
            view.meetings.iter().map(|meeting| (meeting.order, meeting.moved)).collect()
        };
        let first_then = |month| (Order::FirstThen, Some(month));
        assert_eq!(moves(&person.sources), [first_then(1215), first_then(1230), first_then(1230)]);
        assert_eq!(moves(&person.types), [(Order::ThenFirst, Some(1215))]);
        // Thirteen months are without contact between 1216 and 1230, and none with one source alone.
        assert_eq!(person.returned[0], Return::CameBack);
        assert_eq!(person.returned[1..], [Return::Stayed; 3]);
        assert_eq!(person.first, Some(1212));
        // 2 + 2 + 6 months, then quarters 0, 1, 6 and 7, then both years.
        let expected: Vec<usize> =
            [0, 1, 3, 4].into_iter().chain(18..24).chain([24, 25, 30, 31, 32, 33]).collect();
        assert_eq!(person.in_care, expected);
    });
}
