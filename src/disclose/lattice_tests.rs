use super::*;
use crate::frame::DimensionList;

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
    }
}

fn policy(max_dimensions: usize) -> DisclosurePolicy {
    DisclosurePolicy { max_dimensions, ..DisclosurePolicy::default() }
}

#[test]
fn the_lattice_has_as_many_cells_as_it_says() {
    // Axes of 4 parties: 1 + 4 + 6 + 15 + 4 + 24 = 54; of 9: 1 + 9 + 36 + 9 + 144 = 199.
    let cases = [
        (4, vec![], 1, 54),
        (4, vec![2], 0, 54),
        (4, vec![2, 3], 1, 54 * (1 + 3 + 4)),
        (4, vec![2, 3], 2, 54 * (1 + 3 + 4 + 12)),
        (9, vec![2, 3], 3, 199 * (1 + 3 + 4 + 12)),
    ];
    for (parties, codes, most, expected) in cases {
        let frame = frame(parties, &codes);
        assert_eq!(lattice_cells(&policy(most), &frame), expected);
        assert_eq!(Lattice::new(&policy(most), &frame).cells as u64, expected);
    }
}

#[test]
fn every_axis_names_as_many_places_as_it_has() {
    for parties in [2, 3, 8, 9, 40] {
        let lattice = Lattice::new(&policy(1), &frame(parties, &[]));
        for measure in Measure::ALL {
            let axis = lattice.axis(measure);
            assert_eq!(axis.len(), lattice.axis_len(measure), "{measure:?} of {parties}");
            assert!((1..axis.len()).all(|place| !axis[..place].contains(&axis[place])));
        }
    }
}

#[test]
fn a_person_is_counted_where_the_names_of_the_cells_say() {
    let lattice = Lattice::new(&policy(2), &frame(4, &[2, 3]));
    let person = Person {
        sources: vec![0, 2, 3],
        categories: vec![2, 0],
        orders: vec![Order::Simultaneous, Order::ThenFirst, Order::Unknown],
        key: 0,
    };
    let mut cells = vec![];
    lattice.cells_of(&person, |cell| cells.push(cell));
    let per_split = 1 + 3 + 3 + 1 + 1 + 3;
    assert_eq!(cells.len(), 4 * per_split);
    for split in &lattice.splits {
        for measure in Measure::ALL {
            for (place, axis) in lattice.axis(measure).iter().enumerate() {
                for stratum in 0..split.strata {
                    let categories = lattice.categories_of(split, stratum);
                    let own: Vec<_> =
                        split.dimensions.iter().map(|d| person.categories[*d]).collect();
                    let known = axis.sources.iter().all(|a| person.sources.contains(a));
                    let counts = match measure {
                        Measure::Unique => true,
                        Measure::Sources | Measure::Overlap => known,
                        Measure::Patterns => axis.sources == person.sources,
                        Measure::Stacking => axis.source_count == 3,
                        Measure::Sequence => {
                            known && {
                                let pairs = [[0, 2], [0, 3], [2, 3]];
                                let pair = pairs.iter().position(|pair| pair[..] == axis.sources);
                                pair.is_some_and(|pair| axis.order == Some(person.orders[pair]))
                            }
                        }
                    };
                    let cell = lattice.cell(split, measure, place, stratum);
                    assert_eq!(cells.contains(&cell), counts && categories == own, "{axis:?}");
                }
            }
        }
    }
}

#[test]
fn hundreds_of_parties_are_counted_without_patterns() {
    let lattice = Lattice::new(&policy(1), &frame(300, &[]));
    assert!(lattice.axis(Measure::Patterns).is_empty());
    let person = Person {
        sources: vec![7, 255, 299],
        categories: vec![],
        orders: vec![Order::FirstThen; 3],
        key: 0,
    };
    let mut cells = 0;
    lattice.cells_of(&person, |_| cells += 1);
    assert_eq!(cells, 1 + 3 + 3 + 1 + 3);
}
