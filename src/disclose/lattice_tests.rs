use samenloop_schema::MonthRange;

use super::*;
use crate::contact::Meeting;
use crate::frame::{DimensionList, RollUpList, Scope};
use crate::size::{LatticeSize, lattice_cells};

fn frame(parties: usize, codes: &[usize]) -> Frame {
    let list = |(place, len): (usize, &usize)| DimensionList {
        name: format!("d{place}"),
        codes: (0..*len).map(|code| code.to_string()).collect(),
    };
    Frame {
        parties: (0..parties).map(|p| format!("p{p}").parse().expect("an id")).collect(),
        dimensions: codes.iter().enumerate().map(list).collect(),
        purpose: String::new(),
        min_parties: 3,
        two_party: false,
        scope: Scope::default(),
    }
}

fn policy(max_dimensions: usize) -> DisclosurePolicy {
    DisclosurePolicy { max_dimensions, ..DisclosurePolicy::default() }
}

#[test]
fn the_lattice_has_as_many_cells_as_it_says() {
    // Axes of 4 parties: 1 + 4 + 6 + 15 + 4 + 24 + 3 * 5 = 69; of 9: 1 + 9 + 36 + 9 + 144 + 3 * 10.
    let cases = [
        (4, vec![], 1, 69),
        (4, vec![2], 0, 69),
        (4, vec![2, 3], 1, 69 * (1 + 3 + 4)),
        (4, vec![2, 3], 2, 69 * (1 + 3 + 4 + 12)),
        (9, vec![2, 3], 3, 229 * (1 + 3 + 4 + 12)),
    ];
    for (parties, codes, most, expected) in cases {
        let frame = frame(parties, &codes);
        assert_eq!(lattice_cells(&policy(most), &frame), expected);
        assert_eq!(Lattice::new(&policy(most), &frame).cells as u64, expected);
    }
}

/// The same frame with two source types, a region over the first code list and 14 months.
fn wide(parties: usize, codes: &[usize], time_dimensions: usize) -> Frame {
    let month = |text: &str| text.parse().expect("a month");
    let region = |len: usize| RollUpList {
        list: DimensionList { name: "regio".to_owned(), codes: vec!["a".into(), "b".into()] },
        of: 0,
        groups: (0..len as u16).map(|code| Some(code % 2)).collect(),
    };
    let scope = Scope {
        types: vec!["zorg".into(), "opvang".into()],
        type_of: (0..parties as u16).map(|party| party % 2).collect(),
        roll_ups: codes.first().map(|len| region(*len)).into_iter().collect(),
        months: Some(MonthRange { from: month("2024-11"), to: month("2025-12") }),
        time_dimensions,
        ..Scope::default()
    };
    Frame { scope, ..frame(parties, codes) }
}

#[test]
fn types_months_and_regions_have_their_cells() {
    // Two types: 2 + 1 + 3 + 2 + 4. 14 months, 5 quarters, 2 years; 6 pairs and 1 in 2 directions.
    let (types, care, flows) = (12, 2 * 21, (6 + 1) * 2 * 21);
    let whole = 69 + types;
    let cases = [
        (wide(4, &[], 0), 3, whole + care + flows),
        // No split by region and its own code list; time is split by nothing.
        (wide(4, &[2, 3], 0), 1, whole * (1 + 3 + 4 + 3) + care + flows),
        (wide(4, &[2, 3], 0), 2, whole * (1 + 3 + 4 + 3 + 12 + 12) + care + flows),
        (wide(4, &[2, 3], 1), 2, whole * 35 + (care + flows) * 11),
        // Nine sources have patterns and flows by type only.
        (wide(9, &[], 0), 1, 229 + types + care + 2 * 21),
    ];
    for (frame, most, expected) in cases {
        assert_eq!(frame.broken_rule(), None);
        assert_eq!(lattice_cells(&policy(most), &frame), expected);
        assert_eq!(Lattice::new(&policy(most), &frame).cells as u64, expected);
    }
}

#[test]
fn a_lattice_that_is_too_large_says_what_to_leave_out() {
    let size = LatticeSize::of(&policy(1), &wide(8, &[30, 3], 1));
    assert_eq!(size.largest, Measure::Flows);
    let advice = size.advice();
    for hint in ["measure flows", "questions.months", "time_dimensions", "d0 (30 codes)"] {
        assert!(advice.contains(hint), "{hint}: {advice}");
    }
    // Nobody can leave out what every round has.
    let scope = Scope { linkage: quality::lists(&[]), ..Scope::default() };
    let bare = Frame { scope, ..frame(8, &[]) };
    for frame in [frame(8, &[]), bare] {
        let advice = LatticeSize::of(&policy(1), &frame).advice();
        assert!(!advice.contains("months") && !advice.contains("dimension"), "{advice}");
    }
}

#[test]
fn every_axis_names_as_many_places_as_it_has() {
    for parties in [2, 3, 8, 9, 40] {
        let lattice = Lattice::new(&policy(1), &wide(parties, &[], 0));
        for measure in Measure::ALL {
            let axis = lattice.axis(measure);
            let expected = lattice.extent.axis_len(measure, 0).unwrap_or(0);
            assert_eq!(axis.len(), expected, "{measure:?} of {parties}");
            assert!((1..axis.len()).all(|place| !axis[..place].contains(&axis[place])));
        }
    }
}

fn view(units: &[u16], meetings: &[(Order, Option<u16>)]) -> View {
    let meeting = |(order, moved): &(Order, Option<u16>)| Meeting { order: *order, moved: *moved };
    View {
        units: units.to_vec(),
        meetings: meetings.iter().map(meeting).collect(),
        categories: vec![],
    }
}

#[test]
fn a_person_is_counted_where_the_names_of_the_cells_say() {
    let lattice = Lattice::new(&policy(2), &wide(4, &[2, 3], 1));
    // 2025-02 (place 3, quarter 1 and year 1) and 2024-11 (place 0, quarter 0 and year 0).
    let (february, november) = (125 * 12 + 1, 124 * 12 + 10);
    let person = Person {
        sources: view(
            &[0, 2, 3],
            &[
                (Order::Simultaneous, None),
                (Order::ThenFirst, Some(february)),
                (Order::FirstThen, None),
            ],
        ),
        types: view(&[0, 1], &[(Order::FirstThen, Some(february))]),
        categories: vec![2, 0, 1],
        in_care: vec![0, 3, 14, 15, 19, 20],
        first: Some(november),
        returned: vec![Return::CameBack, Return::Stayed, Return::Unknown, Return::Stayed],
        key: 0,
    };
    let mut person = person;
    // Each source and type has a code of its own for the first list.
    let codes = |place: usize| [place % 3, 0, 1];
    person.sources.categories = (0..3).flat_map(codes).collect();
    person.types.categories = (1..3).flat_map(codes).collect();
    let (mut cells, mut only_counted) = (vec![], 0);
    lattice.counted_of(&person, |cell| {
        if cell < lattice.cells {
            cells.push(cell);
        } else {
            only_counted += 1;
        }
    });
    // Each of three sources in one outcome, in six periods of care and in three of first contacts.
    let timed = |split: &&Split| split.begins[Measure::FirstContacts as usize].is_some();
    let timed = lattice.splits.iter().filter(timed).count();
    assert_eq!(only_counted, lattice.splits.len() * (3 + 3) + timed * (6 + 3) * 3);
    let periods = lattice.extent.periods.map(Periods::all).expect("months");
    let at = |places: &[usize]| -> Vec<Period> { places.iter().map(|p| periods[*p]).collect() };
    let moved = at(&[3, 15, 20]);
    let mut counted = 0;
    for split in &lattice.splits {
        let own: Vec<_> = split.dimensions.iter().map(|d| person.categories[*d]).collect();
        for measure in Measure::ALL {
            if split.begins[measure as usize].is_none() {
                assert!(measure.over_time() && split.dimensions.len() == 2);
                continue;
            }
            let view = if measure.by_type() { &person.types } else { &person.sources };
            let pairs: Vec<[u16; 2]> = match view.units[..] {
                [a, b, c] => vec![[a, b], [a, c], [b, c]],
                [a, b] => vec![[a, b]],
                _ => panic!("two or three units"),
            };
            for (place, axis) in lattice.axis(measure).iter().enumerate() {
                let known = axis.units.iter().all(|a| view.units.contains(a));
                let pair = pairs.iter().position(|pair| pair[..] == axis.units);
                let meeting = pair.map(|pair| view.meetings[pair]);
                let met = meeting.is_some_and(|meeting| axis.order == Some(meeting.order));
                use Measure as M;
                let counts = match measure {
                    M::Unique => true,
                    M::Sources | M::Overlap | M::SourceTypes | M::TypeOverlap => known,
                    M::Patterns | M::TypePatterns => axis.units == view.units,
                    M::Stacking | M::TypeStacking => {
                        usize::from(axis.unit_count) == view.units.len()
                    }
                    M::Sequence | M::TypeSequence => met,
                    M::Flows | M::TypeFlows => {
                        met && meeting.is_some_and(|m| m.moved.is_some())
                            && axis.period.is_some_and(|period| moved.contains(&period))
                    }
                    M::InCare => axis.period.is_some_and(|p| at(&person.in_care).contains(&p)),
                    M::FirstContacts => axis.period.is_some_and(|p| at(&[0, 14, 19]).contains(&p)),
                    M::Recidivism => {
                        let who = match axis.units[..] {
                            [] => Some(0),
                            [source] => view.units.iter().position(|a| *a == source).map(|p| p + 1),
                            _ => None,
                        };
                        who.is_some_and(|who| axis.returned == Some(person.returned[who]))
                    }
                };
                // What one source or type alone tells goes by its own codes.
                let alone = match measure {
                    M::Sources | M::SourceTypes | M::Recidivism => {
                        view.units.iter().position(|unit| axis.units == [*unit])
                    }
                    _ => None,
                };
                let own: Vec<usize> = match alone {
                    Some(place) => {
                        split.dimensions.iter().map(|d| view.own(place, 3)[*d]).collect()
                    }
                    None => own.clone(),
                };
                for stratum in 0..split.strata {
                    let here = lattice.categories_of(split, stratum) == own;
                    let cell = lattice.cell(split, measure, place, stratum);
                    assert_eq!(cells.contains(&cell), counts && here, "{measure} {axis:?}");
                    counted += usize::from(counts && here);
                }
            }
        }
    }
    assert_eq!(counted, cells.len(), "each cell once");
}

#[test]
fn hundreds_of_parties_are_counted_without_patterns() {
    let lattice = Lattice::new(&policy(1), &frame(300, &[]));
    assert!(lattice.axis(Measure::Patterns).is_empty());
    let person = Person {
        sources: view(&[7, 255, 299], &[(Order::FirstThen, None); 3]),
        returned: vec![Return::Unknown; 4],
        ..Person::default()
    };
    let mut cells = 0;
    lattice.cells_of(&person, |_| cells += 1);
    assert_eq!(cells, 1 + 3 + 3 + 1 + 3 + 4);
}
