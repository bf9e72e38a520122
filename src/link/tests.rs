//! The linkage as a whole, on records made by hand: no field, no name, only bits.

use proptest::prelude::*;
use samenloop_schema::{
    Clk, Digest, Dimension, DimensionSource, Field, FieldKind, LinkageSchema, MatchKeyValue, Record,
};

use crate::{Linkage, Options, Progress, Silent, Source, link};

fn schema() -> LinkageSchema {
    let field = |name: &str, kind| Field::new(name, kind, vec![name.to_owned()]);
    let fields = vec![
        field("given_name", FieldKind::GivenName),
        field("surname", FieldKind::Surname),
        field("birth_date", FieldKind::BirthDate),
        field("postcode", FieldKind::Postcode),
    ];
    LinkageSchema::with_defaults("link", fields, None, vec![]).expect("the shipped defaults")
}

/// A record of a person. Each `copy` has other noise in its encodings; with `poor`, all match keys
/// but the first and all encodings but the first are absent.
fn record(schema: &LinkageSchema, person: u64, copy: u64, poor: bool) -> Record {
    let shape = schema.shape();
    let hash = |purpose: &str, seed: u64, place: usize, counter: usize| {
        let parts =
            [seed.to_le_bytes(), (place as u64).to_le_bytes(), (counter as u64).to_le_bytes()];
        Digest::of_parts(purpose, &[&parts[0], &parts[1], &parts[2]]).0
    };
    let absent = |place: usize| poor && place > 0;
    let clk = |place: usize, bytes: usize| {
        let own = (0..bytes.div_ceil(32)).flat_map(|chunk| hash("person", person, place, chunk));
        let noise = (0..bytes.div_ceil(32))
            .flat_map(|chunk| hash("noise", person << 8 | copy, place, chunk));
        // An eighth of the bytes is noise: an excess of about 0.87 between two copies at most.
        let mixed = own.zip(noise).map(|(own, noise)| if noise < 16 { noise } else { own });
        Clk::from_bytes(&mixed.take(bytes).collect::<Vec<_>>())
    };
    Record {
        encodings: (0..shape.encodings.len())
            .map(
                |place| {
                    if absent(place) { None } else { clk(place, shape.encodings[place].bytes()) }
                },
            )
            .collect(),
        match_keys: (0..shape.match_keys)
            .map(|place| (!absent(place)).then(|| MatchKeyValue(hash("key", person, place, 0))))
            .collect(),
        codes: vec![],
        start: None,
        end: None,
    }
}

/// Sources of records as (person, copy).
fn run(schema: &LinkageSchema, sources: &[Vec<(u64, u64)>], may_hold_duplicates: bool) -> Linkage {
    let records: Vec<Vec<Record>> = sources
        .iter()
        .map(|rows| rows.iter().map(|(p, c)| record(schema, *p, *c, *c == 9)).collect())
        .collect();
    let sources: Vec<Source<'_>> =
        records.iter().map(|records| Source { may_hold_duplicates, records }).collect();
    link(schema, &sources, &Options { draws: 10, ..Options::default() }, &Silent)
        .expect("honest records")
}

#[test]
fn people_are_counted_once_across_and_within_sources() {
    let schema = schema();
    let sources = [
        (0..60).map(|person| (person, 0)).collect::<Vec<_>>(),
        (30..90).map(|person| (person, 1)).chain([(30, 2), (31, 2)]).collect(),
    ];
    let linkage = run(&schema, &sources, true);
    let unique = linkage.posterior.unique();
    assert!((unique.mean - 90.0).abs() < 0.5, "{unique:?}");
    assert!(unique.low <= unique.mean && unique.mean <= unique.high);
    assert_eq!(linkage.clusters.iter().max(), Some(&89));
    // Person 30 stands once in the first source and twice in the second.
    assert_eq!(linkage.clusters[30], linkage.clusters[60]);
    assert_eq!(linkage.clusters[30], linkage.clusters[120]);
    for draw in 0..linkage.posterior.draws().number() {
        assert_eq!(
            linkage.posterior.draws().partition(&linkage.clusters, draw).len(),
            linkage.clusters.len()
        );
    }
}

#[test]
fn one_encoding_alone_links_those_who_are_alike() {
    let schema = LinkageSchema::from_toml(
        r#"
        version = 1
        round = "clks"
        [[encoding]]
        name = "clk"
        bits = 2048
        filter_bits = 1024
        diffusion = 10
        clks = true
        "#,
    );
    let schema = schema.expect("a schema of CLKs");
    let sources =
        [(0..300).map(|p| (p, 0)).collect::<Vec<_>>(), (150..450).map(|p| (p, 1)).collect()];
    let linkage = run(&schema, &sources, false);
    assert_eq!(linkage.clusters.iter().max(), Some(&449));
    assert!((150..300).all(|p| linkage.clusters[p] == linkage.clusters[p + 150]));
}

#[test]
fn a_source_without_duplicates_gives_each_cluster_at_most_one_record() {
    let schema = schema();
    let twice = [
        (0..20).map(|p| (p, 0)).collect::<Vec<_>>(),
        (0..20).flat_map(|p| [(p, 1), (p, 2)]).collect(),
    ];
    let merged = run(&schema, &twice, true);
    let apart = run(&schema, &twice, false);
    assert_eq!(merged.clusters.iter().max(), Some(&19));
    assert_eq!(apart.clusters.iter().max(), Some(&39));
    let second = &apart.clusters[20..];
    assert!(second.chunks(2).all(|pair| pair[0] != pair[1]));
    for draw in 0..apart.posterior.draws().number() {
        let labels = apart.posterior.draws().partition(&apart.clusters, draw);
        assert!(labels[20..].chunks(2).all(|pair| pair[0] != pair[1]));
    }
}

#[test]
fn a_run_that_is_cancelled_says_so() {
    struct Stop;
    impl Progress for Stop {
        fn permille(&self, _done: u32) {}
        fn cancelled(&self) -> bool {
            true
        }
    }
    let schema = schema();
    let records = [record(&schema, 1, 0, false), record(&schema, 2, 0, false)];
    let sources = [Source { may_hold_duplicates: true, records: &records }];
    let cancelled = link(&schema, &sources, &Options::default(), &Stop);
    assert_eq!(cancelled.map(|_| ()), Err(crate::LinkError::Cancelled));
}

#[test]
fn nothing_and_one_record_are_counted_too() {
    let schema = schema();
    assert!(run(&schema, &[], true).posterior.unique().mean.abs() < f64::EPSILON);
    let one = run(&schema, &[vec![(1, 0)], vec![]], true);
    assert!((one.posterior.unique().mean - 1.0).abs() < f64::EPSILON);
}

fn partition(clusters: &[u32], order: &[usize]) -> Vec<Vec<usize>> {
    let mut groups = std::collections::BTreeMap::<u32, Vec<usize>>::new();
    for (cluster, original) in clusters.iter().zip(order) {
        groups.entry(*cluster).or_default().push(*original);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups.sort();
    groups
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn order_and_threads_change_nothing(
        rows in prop::collection::vec((0..25_u64, prop::sample::select(vec![0, 1, 2, 9])), 3..60),
        keys in prop::collection::vec(any::<u32>(), 60),
        cut in 0.2..0.8,
    ) {
        let schema = schema();
        let cut = (rows.len() as f64 * cut) as usize;
        let numbered: Vec<(usize, (u64, u64))> = rows.iter().copied().enumerate().collect();
        let (a, b) = numbered.split_at(cut);
        let shuffled = |part: &[(usize, (u64, u64))]| {
            let mut part = part.to_vec();
            part.sort_by_key(|(place, _)| keys[*place]);
            part
        };
        let (other_a, other_b) = (shuffled(a), shuffled(b));
        let of = |part: &[(usize, (u64, u64))]| part.iter().map(|(_, row)| *row).collect::<Vec<_>>();
        let places = |parts: [&[(usize, (u64, u64))]; 2]| -> Vec<usize> {
            parts.iter().flat_map(|part| part.iter().map(|(place, _)| *place)).collect()
        };
        let first = run(&schema, &[of(a), of(b)], true);
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        let second = one_thread.install(|| run(&schema, &[of(&other_b), of(&other_a)], true));
        prop_assert_eq!(first.partition_digest, second.partition_digest);
        prop_assert_eq!(first.posterior.unique(), second.posterior.unique());
        // Equal records of one source are interchangeable, so the partition is compared by digests;
        // where all records differ, it is the same record by record.
        let distinct: std::collections::BTreeSet<_> = rows.iter().collect();
        if distinct.len() == rows.len() {
            prop_assert_eq!(
                partition(&first.clusters, &places([a, b])),
                partition(&second.clusters, &places([&other_b, &other_a]))
            );
        }
    }
}

/// Records that share little with anyone are told apart by a code that no encoding knows, and how much
/// that code tells is learnt from the records that are sure.
#[test]
fn codes_that_no_encoding_knows_decide_what_encodings_leave_open() {
    let fields = schema().fields;
    let codes = (0..10).map(|code| format!("{code:04}")).collect();
    let columns = vec!["gemeente".to_owned()];
    let dimension = Dimension {
        name: "gemeente".to_owned(),
        source: DimensionSource::Column { columns, codes },
    };
    let schema = LinkageSchema::with_defaults("link", fields, None, vec![dimension])
        .expect("the shipped defaults");
    let with_code = |person: u64, copy: u64, code: u64| {
        let mut record = record(&schema, person, copy, false);
        record.codes = vec![Some((code % 10) as u16)];
        record
    };
    // One encoding whose bits differ in three of eight places, an excess of a quarter.
    let poorly = |person: u64, code: u64| {
        let mut record = with_code(person, 0, code);
        record.match_keys.fill(None);
        record.encodings[1..].fill(None);
        let mut state = person;
        let mut noise = || crate::model::next(&mut state);
        let words = record.encodings[0].iter().flat_map(Clk::words);
        let flipped: Vec<u64> = words.map(|word| word ^ noise() & (noise() | noise())).collect();
        record.encodings[0] = Some(Clk::from_words(flipped));
        record
    };
    let first: Vec<Record> = (0..400).map(|person| with_code(person, 0, person)).collect();
    // A hundred are seen again in full; of two hundred more there is a poor record, of twenty with another
    // code.
    let seen = (0..100).map(|person| with_code(person, 1, person));
    let poor = (100..300).map(|person| poorly(person, person + person / 280));
    let second: Vec<Record> = seen.chain(poor).collect();
    let sources = [&first, &second].map(|records| Source { may_hold_duplicates: true, records });
    let options = Options { weights: true, ..Options::default() };
    let linkage = link(&schema, &sources, &options, &Silent).expect("honest records");
    let [code] = linkage.model.codes.apart[..] else { panic!("{:?}", linkage.model.codes) };
    assert!(code.m > 0.8 && (code.u - 0.1).abs() < 0.03, "{code:?}");
    let odds = |people: std::ops::Range<u32>| {
        let pairs = linkage.weights.iter().filter(|(a, b, _)| {
            let (a, b) = (*a.min(b), *a.max(b));
            people.contains(&a) && b == 400 + a
        });
        let odds: Vec<f32> = pairs.map(|(.., odds)| *odds).collect();
        assert!(odds.len() >= 20, "{} candidates", odds.len());
        odds.iter().sum::<f32>() / odds.len() as f32
    };
    let (same, other) = (odds(100..280), odds(280..300));
    assert!(same > other + 2.0, "{same} with the same code, {other} with another");
}

/// Records that fewer and fewer traps catch: a source's share of them is caught by none, and is drawn.
#[test]
fn joins_that_nothing_tells_of_are_drawn_within_the_rules_of_the_sources() {
    let schema = schema();
    let shape = schema.shape();
    // Of a second record of a person, every key and encoding is another's with a chance of 0.7.
    let badly = |person: u64| {
        let (mut own, strange) =
            (record(&schema, person, 1, false), record(&schema, 10_000 + person, 1, false));
        let mut state = person;
        let mut lost = || crate::model::next(&mut state) % 10 < 7;
        for place in 0..shape.encodings.len() {
            if lost() {
                own.encodings[place].clone_from(&strange.encodings[place]);
            }
        }
        for place in 0..shape.match_keys {
            if lost() {
                own.match_keys[place] = strange.match_keys[place];
            }
        }
        own
    };
    let first: Vec<Record> = (0..600).map(|person| record(&schema, person, 0, false)).collect();
    let second: Vec<Record> = (0..600).map(badly).collect();
    let sources = [&first, &second].map(|records| Source { may_hold_duplicates: false, records });
    let linkage = link(&schema, &sources, &Options::default(), &Silent).expect("honest records");
    let draws = linkage.posterior.draws();
    assert!(draws.fits(&linkage.clusters));
    let clusters = f64::from(linkage.clusters.iter().max().expect("records") + 1);
    let unique = linkage.posterior.unique();
    assert!(unique.mean < clusters - 5.0, "{unique:?} of {clusters} clusters");
    let mut people = 0.0;
    for draw in 0..draws.number() {
        let labels = draws.partition(&linkage.clusters, draw);
        for source in labels.chunks(600) {
            let distinct: std::collections::BTreeSet<_> = source.iter().collect();
            assert_eq!(distinct.len(), 600, "nobody is in a source twice");
        }
        let distinct: std::collections::BTreeSet<_> = labels.iter().collect();
        people += distinct.len() as f64 / f64::from(draws.number());
    }
    assert!((people - unique.mean).abs() < 1e-6, "the draws hold {people}, {unique:?} is told");
}
