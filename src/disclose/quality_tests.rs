use samenloop_schema::DisclosurePolicy;

use super::*;
use crate::noise::NoiseKey;
use crate::tests::{Population, counts, frame, off};
use crate::{Frame, QueryError, Release, Scope, lattice_cells, materialise};

#[test]
fn what_a_record_lacks_is_told_by_its_encodings_and_match_keys() {
    let cases: &[(&[bool], usize, &str)] = &[
        (&[true, true, true], 5, "complete"),
        (&[true, true, false], 5, "no place"),
        (&[false, true, true], 1, "no names"),
        (&[false, true, false], 4, "several missing"),
        (&[false, true, false], 1, "too little to link"),
        (&[], 2, "too little to link"),
        (&[], 3, "complete"),
    ];
    let names = ["names", "birth", "place"].map(str::to_owned);
    let codes = &lists(&names)[INFORMATION].codes;
    for (encodings, keys, expected) in cases {
        let code = information(encodings.iter().copied(), *keys);
        assert_eq!(codes[usize::from(code)], *expected, "{encodings:?} {keys}");
    }
}

#[test]
fn clients_are_as_good_as_the_draws_have_them() {
    let labels = [0, 0, 2, 3, 3, 3];
    let draws = [[0, 0, 2, 3, 3, 3], [0, 0, 2, 3, 3, 4], [0, 0, 0, 3, 3, 3], [0, 0, 2, 3, 3, 3]];
    let draws = Draws::of_partitions(&labels, &draws.map(Vec::from));
    let births = [None, None, None, Some(true), Some(false), None];
    let found = derived(&labels, &draws, &births);
    let lists = lists(&[]);
    let names = |row: usize| -> Vec<String> {
        let of = |(list, category): (&DimensionList, u8)| match category {
            0 => "unknown".to_owned(),
            category => list.codes[usize::from(category) - 1].clone(),
        };
        lists[1..].iter().zip(found[row]).map(of).collect()
    };
    // Together in every draw, once with a third: recall (1 + 1 + 2/3 + 1) / 4 = .92.
    assert_eq!(names(0), ["2", "99 to 100 %", "90 to 99 %", "unknown"]);
    // Alone but for one draw: recall (1 + 1 + 1/3 + 1) / 4 = .83.
    assert_eq!(names(2), ["1", "99 to 100 %", "70 to 90 %", "unknown"]);
    // Three, of whom one draw parts one: precision (3 + (2·2 + 1)/3/3) / 4 = .89.
    assert_eq!(names(3), ["3 to 4", "70 to 90 %", "99 to 100 %", "contradict"]);
    assert_eq!(names(4)[3], "agree");
}

/// The usual population; ggz's records lack an encoding, the first client's birth dates contradict.
fn released(frame: Frame) -> Release {
    let mut all = Population::usual();
    for row in &mut all.rows {
        row.quality.information = Some(if row.party == 1 { 3 } else { 0 });
        row.quality.births = Some(false);
    }
    let clients = all.clusters.iter().zip(&mut all.rows);
    clients
        .filter(|(label, _)| **label % 9 == 0)
        .for_each(|(_, row)| row.quality.births = Some(true));
    let draws = Draws::of_partitions(&all.clusters, std::slice::from_ref(&all.clusters));
    let policy = DisclosurePolicy::default();
    materialise(&policy, frame, &all.rows, &all.clusters, &draws, NoiseKey::new([5; 32]))
        .expect("a release")
}

fn with_lists() -> Frame {
    let scope = Scope { linkage: lists(&["names".to_owned()]), ..Scope::default() };
    Frame { scope, ..frame() }
}

#[test]
fn a_release_tells_how_clients_were_put_together_as_it_tells_everything() {
    let release = released(with_lists());
    let near = |measure, list: &str, expected: &[u32]| {
        let (noise, threshold) = match measure {
            Measure::Sources => (release.policy().max_noise, release.policy().threshold),
            _ => (off(&release), release.joint().threshold),
        };
        let found = counts(&release, measure, &[list]);
        assert_eq!(found.len(), expected.len(), "{list}: {found:?}");
        for (found, truth) in found.iter().zip(expected) {
            match found {
                Some(found) => assert!(found.abs_diff(*truth) <= noise, "{list}: {found}, {truth}"),
                None => assert!(*truth < threshold + noise, "{list}: {truth} are withheld"),
            }
        }
    };
    // 315 people with one registration, 157 with two, unknown first; the 37 with three are all known
    // to ggd, which is not to learn how its clients were put together.
    near(Measure::Unique, vocabulary::REGISTRATIONS, &[0, 315, 157, 0, 0, 0, 0]);
    near(Measure::Unique, vocabulary::PRECISION, &[0, 509, 0, 0, 0, 0]);
    // Only ggz's records lack something, and whoever ggz shares is told differently by the others: both
    // are ggz's, and ggz alone is told of them.
    near(Measure::Unique, vocabulary::INFORMATION, &[0, 262, 0, 0, 0]);
    near(
        Measure::Sources,
        vocabulary::INFORMATION,
        &[[0, 269, 0, 0, 0], [0, 0, 0, 0, 247], [0, 224, 0, 0, 0]].concat(),
    );
    let births = counts(&release, Measure::Unique, &[vocabulary::BIRTHS]);
    assert!(births[1].is_some() && births[2].is_some_and(|count| count < 100), "{births:?}");
    // What splits nothing else, and nothing together with them.
    for (measure, list) in [
        (Measure::Overlap, vocabulary::INFORMATION),
        (Measure::Sources, vocabulary::REGISTRATIONS),
        (Measure::Patterns, vocabulary::PRECISION),
        (Measure::Recidivism, vocabulary::RECALL),
    ] {
        let refused = release.query(measure, &[list]).err();
        assert_eq!(refused, Some(QueryError::OfLinkage { measure, list: list.to_owned() }));
    }
    let both = release.query(Measure::Unique, &["sex", vocabulary::BIRTHS]).err();
    assert_eq!(both, Some(QueryError::LinkageAlone { list: vocabulary::BIRTHS.to_owned() }));
    assert!(release.population(&[vocabulary::BIRTHS]).is_err());
}

#[test]
fn the_lists_of_the_linkage_change_no_other_number() {
    let (with, without) = (released(with_lists()), released(frame()));
    for (measure, by) in without.questions() {
        assert_eq!(counts(&with, measure, &by), counts(&without, measure, &by), "{measure} {by:?}");
    }
    let bytes = with.to_bytes();
    assert_eq!(Release::from_bytes(&bytes).expect("the same bytes").to_bytes(), bytes);
    let policy = DisclosurePolicy::default();
    let [more, fewer] = [with_lists(), frame()].map(|frame| lattice_cells(&policy, &frame));
    // Five lists of 4, 6, 5, 5 and 2 codes and unknown; the first by all and by each source.
    assert_eq!(more - fewer, 5 * 4 + 7 + 6 + 6 + 3);
    let cut =
        Frame { scope: Scope { linkage: lists(&[])[1..].to_vec(), ..Scope::default() }, ..frame() };
    assert_eq!(cut.broken_rule(), Some("the lists of how good the linkage is are not all there"));
}
