//! How well people are counted, on synthetic registrations whose truth is known.
//!
//! The very code of `samenloop-lab evaluate`, without a schema file: what a partner gets by default.

mod drafted;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use samenloop_lab::evaluate::{Clusters, Evaluation, Job, evaluate};
use samenloop_link::Silent;

/// Evaluates sources of a folder of `tests/data` in the order given.
fn evaluated(
    folder: &str,
    sources: &[&str],
    truth: &str,
) -> anyhow::Result<(Evaluation, Clusters)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(folder);
    let source = |name: &&str| ((*name).to_owned(), data.join(format!("{name}.csv")));
    let sources = sources.iter().map(source).collect();
    let truth = truth.to_owned();
    evaluate(&Job { sources, truth, schema: None, draws: None, compare: false }, &Silent)
}

/// The partition as sets of rows, each row named by its source and its place there.
fn partition(sources: &[&str], clusters: &Clusters) -> BTreeSet<BTreeSet<(String, usize)>> {
    let mut people: BTreeMap<u32, BTreeSet<(String, usize)>> = BTreeMap::new();
    for (source, rows) in sources.iter().zip(clusters) {
        for (row, cluster) in rows.iter().enumerate() {
            people.entry(*cluster).or_default().insert(((*source).to_owned(), row));
        }
    }
    people.into_values().collect()
}

const REGION: [&str; 6] = ["ggd", "ggz", "opvang", "wmo", "politie", "corporatie"];

#[test]
fn febrl4_is_linked() -> anyhow::Result<()> {
    let (evaluation, _) = evaluated("febrl4", &["a", "b"], "true_id")?;
    let (pairs, unique) = (evaluation.pairs, evaluation.unique);
    assert_eq!((evaluation.records, pairs.truth, unique.truth), (10_000, 5_000, 5_000));
    assert!(pairs.f1 >= 0.99, "{pairs:?}");
    assert!((unique.estimate / 5_000.0 - 1.0).abs() <= 0.01, "{unique:?}");
    Ok(())
}

#[test]
fn the_people_of_a_region_are_counted_whatever_the_order_of_the_sources() -> anyhow::Result<()> {
    let (evaluation, clusters) = evaluated("regio", &REGION, "person_id")?;
    let (pairs, unique) = (evaluation.pairs, evaluation.unique);
    assert_eq!((evaluation.records, unique.truth), (18_225, 6_941));
    assert!(pairs.f1 >= 0.97, "{pairs:?}");
    assert!((unique.estimate / 6_941.0 - 1.0).abs() <= 0.02, "{unique:?}");
    assert!(unique.low <= unique.estimate && unique.estimate <= unique.high, "{unique:?}");

    let mut turned = REGION;
    turned.reverse();
    let (again, clusters_again) = evaluated("regio", &turned, "person_id")?;
    assert!(partition(&REGION, &clusters) == partition(&turned, &clusters_again));
    assert_eq!(again.unique, unique);
    Ok(())
}

#[test]
fn the_clients_whom_two_organisations_share_are_found_with_their_order() -> anyhow::Result<()> {
    let (evaluation, _) = evaluated("groningen", &["oggz", "mjd"], "person_id")?;
    let both = evaluation.patterns["mjd+oggz"];
    assert_eq!(both.truth, 100);
    assert!((both.estimated - 100.0).abs() <= 6.0, "{both:?}");
    let [sequence] = &evaluation.sequence[..] else { panic!("{:?}", evaluation.sequence) };
    assert_eq!((sequence.a.as_str(), sequence.b.as_str()), ("oggz", "mjd"));
    let told = [sequence.simultaneous, sequence.first_then, sequence.then_first, sequence.unknown];
    assert!((told.iter().sum::<f64>() - both.estimated).abs() < 1e-6, "{sequence:?}");
    // Truth: 36 at the same time, 64 first the one and then the other.
    assert!((sequence.simultaneous - 36.0).abs() <= 5.0, "{sequence:?}");
    assert!((sequence.first_then - 64.0).abs() <= 6.0, "{sequence:?}");
    let table = samenloop_lab::evaluate::render(&evaluation);
    assert!(table.contains("simultaneous") && table.contains("first then"), "{table}");
    Ok(())
}

#[test]
fn a_handful_of_clients_of_many_agencies_is_linked() -> anyhow::Result<()> {
    const AGENCIES: [&str; 13] = [
        "activite",
        "binnenvest",
        "brijder",
        "cardea",
        "exodus",
        "ggz",
        "jeugdzorg",
        "kwadraad",
        "libertas",
        "mee",
        "rosa_manus",
        "sparkles",
        "stadsbank",
    ];
    let (evaluation, clusters) = evaluated("leiden", &AGENCIES, "person_id")?;
    assert_eq!((evaluation.records, evaluation.unique.truth), (90, 35));
    assert_eq!(evaluation.sources.len(), 13);
    assert!((evaluation.unique.estimate - 35.0).abs() <= 3.0, "{:?}", evaluation.unique);
    for (sources, people) in [("1", 2.0), ("2", 16.0), ("3", 12.0), ("4", 5.0)] {
        let estimated = evaluation.sources_per_person[sources].estimated;
        assert!((estimated - people).abs() <= 3.0, "{estimated} known to {sources}");
    }
    let rows: BTreeSet<_> = partition(&AGENCIES, &clusters).into_iter().flatten().collect();
    assert_eq!(rows.len(), 90, "every row is in one cluster");
    Ok(())
}
