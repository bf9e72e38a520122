//! Stories of a whole release.

use std::collections::BTreeMap;

use proptest::prelude::*;
use samenloop_schema::{Digest, DisclosurePolicy, Draws, Month, MonthRange};

use crate::people::{Person, Registrations};
use crate::*;

const PARTIES: [&str; 3] = ["ggd", "ggz", "opvang"];

pub(crate) fn frame() -> Frame {
    let list = |name: &str, codes: &[&str]| DimensionList {
        name: name.to_owned(),
        codes: codes.iter().map(|code| (*code).to_owned()).collect(),
    };
    Frame {
        parties: PARTIES.iter().map(|id| id.parse().expect("a party id")).collect(),
        dimensions: vec![list("sex", &["v", "m"]), list("place", &["gr", "as", "em"])],
        purpose: "how many people".to_owned(),
        min_parties: 3,
        two_party: false,
        scope: Scope::default(),
    }
}

/// The same frame with two source types, a region of places, and the months of 2020.
fn wide() -> Frame {
    let month = |month| Month::of(2020, month).expect("a month");
    let region = RollUpList {
        list: DimensionList { name: "region".to_owned(), codes: vec!["north".to_owned()] },
        of: 1,
        groups: vec![Some(0), Some(0), None],
    };
    let scope = Scope {
        types: vec!["care".to_owned(), "shelter".to_owned()],
        type_of: vec![0, 0, 1],
        roll_ups: vec![region],
        months: Some(MonthRange { from: month(1), to: month(12) }),
        time_dimensions: 1,
        ..Scope::default()
    };
    Frame { scope, ..frame() }
}

fn policy() -> DisclosurePolicy {
    DisclosurePolicy { max_dimensions: 2, ..DisclosurePolicy::default() }
}

/// A population in which so many people have each pattern of sources (bit 0 = ggd), by sex.
#[derive(Default)]
pub(crate) struct Population {
    pub(crate) rows: Vec<Registration>,
    pub(crate) clusters: Vec<u32>,
}

impl Population {
    pub(crate) fn add(mut self, pattern: u16, sex: u16, people: u32) -> Self {
        for _ in 0..people {
            let cluster = self.rows.len() as u32;
            for party in (0..3).filter(|party| pattern >> party & 1 == 1) {
                let serial = (self.rows.len() as u64).to_be_bytes();
                self.rows.push(Registration {
                    party,
                    codes: vec![Some(sex), Some((cluster % 3) as u16)],
                    start: Month::of(2020, 1 + u32::from(party) * 4).ok(),
                    end: Month::of(2020, 3 + u32::from(party) * 4).ok(),
                    digest: Digest::of(&serial),
                    quality: RecordQuality::default(),
                });
                self.clusters.push(cluster);
            }
        }
        self
    }

    pub(crate) fn usual() -> Self {
        let patterns = [(1, 80), (2, 70), (4, 60), (3, 40), (5, 35), (6, 30), (7, 25)];
        patterns.iter().fold(Self::default(), |all, (pattern, people)| {
            all.add(*pattern, 0, *people).add(*pattern, 1, people / 2)
        })
    }

    fn release(&self, draws: &[Vec<u32>], key: u8) -> Result<Release, Refusal> {
        let draws = Draws::of_partitions(&self.clusters, draws);
        let key = NoiseKey::new([key; 32]);
        materialise(&policy(), frame(), &self.rows, &self.clusters, &draws, key)
    }
}

/// How far a number of a measure that is not one source's may be off.
pub(crate) fn off(release: &Release) -> u32 {
    release.joint().max_noise
}

pub(crate) fn counts(release: &Release, measure: Measure, by: &[&str]) -> Vec<Option<u32>> {
    let table = release.query(measure, by).expect("a question of the lattice");
    table.cells.iter().map(|cell| cell.number.map(|number| number.count)).collect()
}

#[test]
fn numbers_are_near_the_truth_and_never_small() {
    let release = Population::usual().release(&[], 1).expect("a release");
    let near = |measure, expected: &[u32]| {
        for (found, truth) in counts(&release, measure, &[]).iter().zip(expected) {
            let found = found.expect("a large cell is shown");
            let most = if measure == Measure::Sources { 5 } else { off(&release) };
            assert!(found.abs_diff(*truth) <= most, "{measure:?}: {found} for {truth}");
        }
    };
    near(Measure::Unique, &[509]);
    near(Measure::Sources, &[120 + 60 + 52 + 37, 105 + 60 + 45 + 37, 90 + 52 + 45 + 37]);
    near(Measure::Overlap, &[60 + 37, 52 + 37, 45 + 37]);
    near(Measure::Patterns, &[120, 105, 60, 90, 52, 45, 37]);
    near(Measure::Stacking, &[315, 157, 37]);
    for (measure, by) in release.questions() {
        let least = match measure {
            Measure::Sources | Measure::Recidivism => 10,
            _ => release.joint().threshold,
        };
        assert!(counts(&release, measure, &by).iter().flatten().all(|count| *count >= least));
    }
    // The sources' months lie apart, in their order.
    let orders = counts(&release, Measure::Sequence, &[]);
    assert!(orders[1].is_some_and(|count| count.abs_diff(97) <= off(&release)), "{orders:?}");
    assert_eq!([orders[0], orders[2], orders[3]], [None; 3]);
}

#[test]
fn the_same_clients_of_one_source_have_the_same_number_by_whatever_question() {
    // ggd knows women only; nobody but ggd and ggz knows people together.
    let population = Population::default()
        .add(1, 0, 120)
        .add(3, 0, 60)
        .add(2, 0, 30)
        .add(2, 1, 90)
        .add(4, 0, 50);
    let release = population.release(&[], 7).expect("a release");
    let ggd = counts(&release, Measure::Sources, &[])[0];
    assert!(ggd.is_some());
    assert_eq!(counts(&release, Measure::Sources, &["sex"])[1], ggd);
    let reversed = counts(&release, Measure::Sources, &["place", "sex"]);
    let straight = counts(&release, Measure::Sources, &["sex", "place"]);
    assert_eq!(reversed.iter().flatten().sum::<u32>(), straight.iter().flatten().sum::<u32>());
}

#[test]
fn noise_over_many_keys_has_mean_0_and_the_variance_of_its_kind() {
    let population = Population::usual();
    let releases: Vec<Release> =
        (0..=255).map(|key| population.release(&[], key).expect("a release")).collect();
    for (measure, truth, variance) in
        [(Measure::Sources, 269.0, 3.0), (Measure::Unique, 509.0, 64.0)]
    {
        let noise: Vec<f64> = releases
            .iter()
            .filter_map(|release| counts(release, measure, &[])[0])
            .map(|count| f64::from(count) - truth)
            .collect();
        let moment = |power| noise.iter().map(|v| v.powi(power)).sum::<f64>() / 256.0;
        assert_eq!(noise.len(), 256);
        // Three standard errors: 3 × √(V / 256) and, with kurtosis under 3, 3 × V × √(2 / 256).
        assert!(moment(1).abs() < 3.0 * (variance / 256.0_f64).sqrt(), "mean {}", moment(1));
        assert!((moment(2) - variance).abs() < 0.27 * variance, "variance {}", moment(2));
    }
}

#[test]
fn equal_joint_sets_tell_nothing_of_each_other_but_where_they_are_equal_by_definition() {
    // Nobody but ggd and ggz knows people together, all of them women.
    let all =
        Population::default().add(1, 0, 90).add(3, 0, 80).add(2, 0, 90).add(2, 1, 90).add(4, 0, 80);
    let (mut same, mut alike, mut both) = (0, 0, 0);
    for key in 0..60 {
        let release = all.release(&[], key).expect("a release");
        let of = |measure, by: &[&str], place: usize| counts(&release, measure, by)[place];
        let overlap = of(Measure::Overlap, &[], 0);
        let women = of(Measure::Overlap, &["sex"], 1);
        let pattern = of(Measure::Patterns, &[], 0b11 - 1);
        both += u32::from(overlap.is_some() && women.is_some());
        same += u32::from(overlap.is_some() && overlap == women);
        alike += u32::from(overlap.is_some() && overlap == pattern);
    }
    // Independent noise of variance 64 agrees 1 time in 28.
    assert!(both > 50 && same < 10 && alike < 10, "{both} {same} {alike}");

    let two = Population::default().add(1, 0, 100).add(2, 0, 100).add(3, 0, 100);
    let mut frame = Frame { min_parties: 2, two_party: true, ..frame() };
    frame.parties.pop();
    let key = NoiseKey::new([1; 32]);
    let release = materialise(&policy(), frame, &two.rows, &two.clusters, &Draws::default(), key);
    let release = release.expect("a release");
    let overlap = counts(&release, Measure::Overlap, &[])[0];
    assert!(overlap.is_some());
    assert_eq!(counts(&release, Measure::Patterns, &[])[0b11 - 1], overlap);
    assert_eq!(counts(&release, Measure::Stacking, &[])[1], overlap);
}

#[test]
fn the_threshold_looks_at_the_number_with_noise() {
    // ggz has 8 clients and opvang 12; neither side of 10 is told.
    let population = Population::default().add(1, 0, 100).add(2, 0, 8).add(4, 0, 12);
    let (mut small, mut large) = (vec![], vec![]);
    for key in 0..100 {
        let shown =
            counts(&population.release(&[], key).expect("a release"), Measure::Sources, &[]);
        small.push(shown[1]);
        large.push(shown[2]);
    }
    for column in [&small, &large] {
        assert!(column.contains(&None) && column.iter().flatten().any(|count| *count >= 10));
    }
    assert!(small.iter().flatten().all(|count| (10..=13).contains(count)), "{small:?}");
    assert!(large.iter().flatten().all(|count| (10..=17).contains(count)), "{large:?}");
}

#[test]
fn an_organisation_whose_clients_are_all_known_elsewhere_is_not_told_so() {
    // Every client of opvang is known to ggd; ggz is apart.
    let population =
        Population::default().add(1, 0, 200).add(5, 0, 150).add(3, 0, 60).add(2, 0, 80);
    let release = population.release(&[], 3).expect("a release");
    let overlap = counts(&release, Measure::Overlap, &[]);
    assert!(overlap[0].is_some(), "ggd and ggz are usual");
    assert_eq!(overlap[1], None, "ggd and opvang: all of opvang");
    assert!(counts(&release, Measure::Sources, &[]).iter().all(Option::is_some));
    let patterns = counts(&release, Measure::Patterns, &[]);
    assert!(patterns[0b011 - 1].is_some());
    assert_eq!(patterns[0b101 - 1], None);
    assert!(counts(&release, Measure::Sequence, &[])[4..8].iter().all(Option::is_none));
    // Two sources (210 people, 60 + 150) is not one of the withheld sets and not nearly everyone.
    assert!(counts(&release, Measure::Stacking, &[])[1].is_some());
}

#[test]
fn a_number_of_sources_that_is_nearly_everyone_or_a_withheld_set_is_withheld() {
    let nearly_all = Population::default().add(7, 0, 200).add(1, 0, 5);
    let release = nearly_all.release(&[], 3).expect("a release");
    assert_eq!(counts(&release, Measure::Stacking, &[]), [None; 3]);
    let same = Population::default().add(1, 0, 200).add(5, 0, 150).add(2, 0, 80);
    let release = same.release(&[], 3).expect("a release");
    assert_eq!(counts(&release, Measure::Stacking, &[])[1], None);
}

#[test]
fn people_of_hardly_more_than_one_source_are_told_by_that_source_alone() {
    // Of the men only ggd has clients; opvang shares hardly anyone with another source.
    let population = Population::default()
        .add(1, 0, 100)
        .add(2, 0, 80)
        .add(3, 0, 40)
        .add(1, 1, 60)
        .add(4, 0, 70)
        .add(5, 0, 2);
    let release = population.release(&[], 3).expect("a release");
    let men = |measure| -> Vec<Option<u32>> {
        counts(&release, measure, &["sex"]).into_iter().skip(2).step_by(3).collect()
    };
    assert!(men(Measure::Sources)[0].is_some(), "ggd's own");
    let joint = [
        Measure::Unique,
        Measure::Stacking,
        Measure::Patterns,
        Measure::Overlap,
        Measure::Sequence,
    ];
    for measure in joint {
        assert!(men(measure).iter().all(Option::is_none), "{measure}");
    }
    assert_eq!(men(Measure::Recidivism)[..3], [None; 3], "of everyone");
    let patterns = counts(&release, Measure::Patterns, &[]);
    assert!(patterns[0b001 - 1].is_some());
    assert_eq!(patterns[0b100 - 1], None, "opvang is told that hardly anyone is known elsewhere");
    assert!(counts(&release, Measure::Sources, &[]).iter().all(Option::is_some));
}

#[test]
fn a_source_s_own_clients_are_split_by_its_own_codes() {
    let mut population = Population::usual();
    // Nobody else agrees with opvang about anyone's sex.
    for row in population.rows.iter_mut().filter(|row| row.party != 2) {
        row.codes[0] = row.codes[0].map(|sex| 1 - sex);
    }
    let before = Population::usual().release(&[], 5).expect("a release");
    let after = population.release(&[], 5).expect("a release");
    let opvang = |release: &Release| counts(release, Measure::Sources, &["sex"])[6..].to_vec();
    assert_eq!(opvang(&before), opvang(&after));
    let joint = |release: &Release| counts(release, Measure::Overlap, &["sex"])[3..].to_vec();
    assert!(joint(&before)[1].is_some() && joint(&after)[1..3] == [None; 2], "{:?}", joint(&after));
}

#[test]
fn nobody_is_told_that_nearly_everyone_came_back() {
    // With 4 months a gap of 1: whoever is known to two sources or more came back.
    let frame = Frame { scope: Scope { return_gap: 1, ..Scope::default() }, ..frame() };
    let of = |all: Population| {
        let key = NoiseKey::new([1; 32]);
        let release =
            materialise(&policy(), frame.clone(), &all.rows, &all.clusters, &Draws::default(), key);
        counts(&release.expect("a release"), Measure::Recidivism, &[])
    };
    let usual = of(Population::usual());
    assert!(usual[0].is_some_and(|count| count.abs_diff(157 + 37) <= 28), "{usual:?}");
    assert!(usual[1].is_some_and(|count| count.abs_diff(315) <= 28), "{usual:?}");
    let nearly = of(Population::default().add(7, 0, 200).add(3, 1, 100).add(1, 0, 3));
    assert_eq!(nearly[0], None, "{nearly:?}");
}

#[test]
fn trends_flows_types_and_regions_count_people_once() {
    // ggd from January to March, ggz from May to July, opvang from September to November of 2020.
    let all = Population::usual();
    let key = NoiseKey::new([4; 32]);
    let release = materialise(&policy(), wide(), &all.rows, &all.clusters, &Draws::default(), key);
    let release = release.expect("a release");
    let near = |measure, place: usize, truth: u32| {
        let found = counts(&release, measure, &[])[place];
        let most = off(&release);
        assert!(found.is_some_and(|found| found.abs_diff(truth) <= most), "{measure}: {found:?}");
    };
    let (ggd, ggz, opvang) = (269, 247, 224);
    for (place, truth) in [(0, ggd), (2, ggd), (4, ggz), (8, opvang), (12, ggd), (16, 509)] {
        near(Measure::InCare, place, truth);
    }
    assert_eq!(counts(&release, Measure::InCare, &[])[3], None, "nobody in April");
    // The first contacts of a month are one source's alone here, those of the year are not.
    near(Measure::FirstContacts, 16, 509);
    assert!(counts(&release, Measure::FirstContacts, &[])[..16].iter().all(Option::is_none));
    // From ggd to ggz in May, from ggz to opvang in September.
    near(Measure::Flows, 4, 60 + 37);
    near(Measure::Flows, 2 * 17 * 2 + 8, 45 + 37);
    near(Measure::SourceTypes, 0, 509 - 90);
    near(Measure::TypeOverlap, 0, 52 + 45 + 37);
    near(Measure::TypeStacking, 1, 52 + 45 + 37);
    near(Measure::TypePatterns, 1, 90);
    near(Measure::TypeSequence, 1, 52 + 45 + 37);
    near(Measure::TypeFlows, 8, 52 + 45 + 37);
    let text = |measure, by: &[&str]| release.query(measure, by).err().map(|e| e.to_string());
    assert_eq!(
        text(Measure::Unique, &["region", "place"]).as_deref(),
        Some("\"region\" and \"place\" tell of the same codes; ask for one of them")
    );
    assert_eq!(
        text(Measure::InCare, &["sex", "region"]).as_deref(),
        Some("in_care may be split by at most 1 dimensions in this round")
    );
    let narrow = all.release(&[], 1).expect("a release");
    let refused = |measure| narrow.query(measure, &[]).err();
    assert_eq!(refused(Measure::Flows), Some(QueryError::NoMonths));
    assert_eq!(refused(Measure::TypeStacking), Some(QueryError::NoTypes));
}

#[test]
fn the_people_nobody_sees_are_estimated_from_released_numbers() {
    // Each source knows half of 2000 people, independently of the others.
    let known = [250, 250, 250, 250, 250, 250, 250];
    let add = |all: Population, (place, people): (usize, &u32)| {
        all.add(place as u16 + 1, (place % 2) as u16, *people)
    };
    let all = known.iter().enumerate().fold(Population::default(), add);
    let release = all.release(&[], 1).expect("a release");
    let population = release.population(&[]).expect("three sources");
    assert!(!population.by_type);
    let hidden = population.strata[0].hidden.as_ref().expect("enough overlap");
    assert_eq!(hidden.withheld, 0);
    let independence = hidden.estimates.iter().find(|own| own.estimator == "independence");
    assert!(independence.is_some_and(|own| own.low < 2000 && 2000 < own.high), "{hidden:?}");
    // By place every stratum has a third; the category unknown has nobody.
    let by_place = release.population(&["place"]).expect("three sources");
    assert_eq!(by_place.strata.len(), 4);
    let nobody = by_place.strata[0].hidden.as_ref().expect_err("nobody");
    assert!(nobody.contains("at least"), "{nobody}");
    assert!(by_place.strata[1].hidden.is_ok());
    // A source that meets no other is named.
    let apart = Population::default().add(3, 0, 200).add(1, 0, 100).add(2, 0, 100).add(4, 0, 90);
    let refused = apart.release(&[], 1).expect("a release").population(&[]).expect("sources");
    let refused = refused.strata[0].hidden.as_ref().expect_err("opvang is apart").clone();
    assert!(refused.starts_with("opvang shares fewer than"), "{refused}");
}

#[test]
fn rounded_numbers_are_multiples_of_5_and_no_smaller_than_before() {
    let all = Population::usual();
    let frame = Frame { scope: Scope { round_to: 5, ..Scope::default() }, ..frame() };
    let key = NoiseKey::new([1; 32]);
    let rounded = materialise(&policy(), frame, &all.rows, &all.clusters, &Draws::default(), key);
    let (rounded, plain) = (rounded.expect("a release"), all.release(&[], 1).expect("a release"));
    for (measure, by) in plain.questions() {
        let both = counts(&rounded, measure, &by).into_iter().zip(counts(&plain, measure, &by));
        for (rounded, plain) in both {
            assert_eq!(rounded, plain.map(|count| (count + 2) / 5 * 5), "{measure}");
        }
    }
    assert_eq!(Release::from_bytes(&rounded.to_bytes()).map(|r| r.digest()), Ok(rounded.digest()));
}

#[test]
fn nothing_is_released_under_the_floor() {
    let parties = Population::default().add(3, 0, 500).release(&[], 1);
    assert_eq!(parties.err(), Some(Refusal::TooFewParties { needed: 3 }));
    let people = |count| Population::default().add(7, 0, count).release(&[], 1).err();
    assert_eq!(people(99), Some(Refusal::TooFewPeople { needed: 100 }));
    assert_eq!(people(100), None);
    assert_eq!(people(3).map(|r| r.to_string()), people(99).map(|r| r.to_string()));
}

#[test]
fn a_release_needs_consistent_inputs() {
    type Change = fn(&mut DisclosurePolicy, &mut Frame, &mut Population);
    let cases: &[(Change, &str)] = &[
        (|policy, _, _| policy.threshold = 5, "protects less than the floor"),
        (|policy, _, _| policy.no_small = 3, "a true count of 1 cannot be perturbed"),
        (|policy, _, _| policy.max_cells = 100, "cells together, its policy allows 100"),
        (|_, frame, _| frame.min_parties = 2, "min_parties must be 3 or more"),
        (|_, frame, _| frame.parties[1] = frame.parties[0].clone(), "a party stands twice"),
        (|_, frame, _| frame.dimensions[1].name = "sex".to_owned(), "a dimension stands twice"),
        (|_, _, all| all.clusters.push(0), "a partition needs one label"),
        (|_, _, all| all.clusters[0] = u32::MAX, "a partition needs one label"),
        (|_, _, all| all.rows[0].party = 3, "a party outside the manifest"),
        (|_, _, all| all.rows[0].codes[0] = Some(2), "a code outside the code lists"),
        (|_, _, all| all.rows[0].codes.clear(), "a code outside the code lists"),
    ];
    for (change, message) in cases {
        let (mut policy, mut frame, mut all) = (policy(), frame(), Population::usual());
        change(&mut policy, &mut frame, &mut all);
        let key = NoiseKey::new([1; 32]);
        let refused =
            materialise(&policy, frame, &all.rows, &all.clusters, &Draws::default(), key).err();
        let text = refused.map(|refusal| refusal.to_string());
        assert!(text.as_ref().is_some_and(|text| text.contains(message)), "{message}: {text:?}");
    }
}

#[test]
fn a_round_of_two_must_say_so() {
    let two = Population::default().add(1, 0, 100).add(2, 0, 100).add(3, 0, 100);
    let frame = Frame { min_parties: 2, two_party: true, ..frame() };
    let key = NoiseKey::new([1; 32]);
    let release = materialise(&policy(), frame, &two.rows, &two.clusters, &Draws::default(), key);
    assert!(release.is_ok_and(|release| counts(&release, Measure::Overlap, &[])[0].is_some()));
}

#[test]
fn intervals_follow_the_draws() {
    let population = Population::usual();
    // In every draw the first 14 rows, people known to ggd alone, are one person.
    let mut draw = population.clusters.clone();
    draw[..14].fill(0);
    let release = population.release(&vec![draw; 20], 1).expect("a release");
    let table = release.query(Measure::Unique, &[]).expect("unique");
    let number = table.cells[0].number.expect("shown");
    // 13 fewer and 0.2 % of 507, which no draw tells, are 15 in whole steps; 0.2 % alone is one step.
    assert_eq!((number.low, number.high), (number.count - 15, number.count + 5));
    let ggz = release.query(Measure::Sources, &[]).expect("sources").cells[1].number;
    // Not even a number whose links are certain says so.
    assert!(ggz.is_some_and(|number| number.low < number.count && number.high > number.count));
}

#[test]
fn no_question_outside_the_lattice_is_answered() {
    let release = Population::usual().release(&[], 1).expect("a release");
    let names = ["sex", "place"];
    let mut answered = 0;
    for first in ["sex", "place", "Sex", "", "ggd", "month"] {
        for second in ["sex", "place", "sex ", "ggz"] {
            let legal = names.contains(&first) && names.contains(&second) && first != second;
            let asked = release.query(Measure::Unique, &[first, second]);
            assert_eq!(asked.is_ok(), legal, "{first}, {second}");
            answered += u32::from(legal);
        }
    }
    assert_eq!(answered, 2);
    let text = |by: &[&str]| release.query(Measure::Unique, by).err().map(|e| e.to_string());
    assert_eq!(
        text(&["age"]).as_deref(),
        Some("there is no dimension \"age\"; this round has sex, place")
    );
    let key = NoiseKey::new([1; 32]);
    let all = Population::usual();
    let narrow = DisclosurePolicy::default();
    let release = materialise(&narrow, frame(), &all.rows, &all.clusters, &Draws::default(), key);
    let refused = release.expect("a release").query(Measure::Unique, &["sex", "place"]).err();
    assert_eq!(refused, Some(QueryError::TooManyDimensions { asked: 2, most: 1 }));
}

#[test]
fn a_stored_release_is_read_back_whole_or_not_at_all() {
    let population = Population::usual();
    let draws =
        Draws::of_partitions(&population.clusters, std::slice::from_ref(&population.clusters));
    let key = NoiseKey::new([1; 32]);
    let release =
        materialise(&policy(), wide(), &population.rows, &population.clusters, &draws, key);
    let release = release.expect("a release");
    let bytes = release.to_bytes();
    let again = Release::from_bytes(&bytes).expect("the same bytes");
    assert_eq!(again.to_bytes(), bytes);
    assert_eq!(again.digest(), release.digest());
    assert!(bytes.ends_with(release.digest().as_bytes()));
    assert!(again.questions().eq(release.questions()));
    for (measure, by) in release.questions() {
        assert_eq!(again.query(measure, &by), release.query(measure, &by));
    }
    for place in (0..bytes.len()).step_by(997).chain([0, bytes.len() - 1]) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1;
        assert!(Release::from_bytes(&flipped).is_err(), "byte {place}");
        assert!(Release::from_bytes(&bytes[..place]).is_err(), "cut at {place}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Two cells of one source with the same true set of people show the same, by whatever question they
    /// are reached, and an order of rows, sources and labels changes nothing of any number.
    #[test]
    fn a_number_of_one_source_hangs_on_its_set_of_people_alone(
        people in prop::collection::vec((1_u16..8, 0_u16..2), 130..200),
        shift in 1_usize..50,
    ) {
        let mut all = people.iter().fold(Population::default().add(7, 0, 3), |all, (pattern, sex)| {
            all.add(*pattern, *sex, 1)
        });
        let release = |all: &Population| {
            let key = NoiseKey::new([9; 32]);
            materialise(&policy(), wide(), &all.rows, &all.clusters, &Draws::default(), key).expect("a release")
        };
        let released = release(&all);

        let frame = wide();
        let keys = vec![0; all.rows.len()];
        let registrations = Registrations::new(&all.rows, &keys, &frame);
        let mut sets = vec![Vec::<usize>::new(); released.numbers.len()];
        let mut person = Person::default();
        for (serial, own) in registrations.group(&all.clusters).people().enumerate() {
            registrations.read(own, &mut person);
            released.lattice.cells_of(&person, |cell| sets[cell].push(serial));
        }
        let mut by_set = BTreeMap::<&[usize], Vec<u32>>::new();
        for ((set, number), joint) in
            sets.iter().zip(&released.numbers).zip(released.lattice.joint_places())
        {
            if let Some(number) = number.filter(|_| joint.is_none()) {
                by_set.entry(set).or_default().push(number.count);
            }
        }
        prop_assert!(by_set.values().any(|shown| shown.len() > 1));
        for (set, shown) in by_set {
            prop_assert!(shown.windows(2).all(|two| two[0] == two[1]), "{shown:?}");
            prop_assert!((shown[0] as usize).abs_diff(set.len()) <= 5);
        }

        all.rows.rotate_left(shift);
        all.clusters.rotate_left(shift);
        let top = all.rows.len() as u32 - 1;
        all.clusters.iter_mut().for_each(|label| *label = top - *label);
        prop_assert_eq!(release(&all).to_bytes(), released.to_bytes());
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Release::from_bytes(&bytes).is_err());
    }
}
