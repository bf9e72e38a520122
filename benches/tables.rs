//! Building a release and answering from it, beside bare counting of the same registrations.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use samenloop_disclose::{
    DimensionList, Frame, Measure, NoiseKey, RecordQuality, Registration, Release, RollUpList,
    Scope, materialise,
};
use samenloop_schema::{Digest, DisclosurePolicy, Draws, Month, MonthRange};

const PARTIES: usize = 6;
/// Municipalities, target groups, age bands, sexes.
const CODES: [(&str, u16); 4] =
    [("gemeente", 30), ("doelgroep", 8), ("leeftijd", 6), ("geslacht", 3)];
const DRAWS: usize = 100;

fn list(name: &str, codes: u16) -> DimensionList {
    DimensionList { name: name.to_owned(), codes: (0..codes).map(|c| c.to_string()).collect() }
}

/// Six organisations of three types, thirty municipalities in five regions, two years of months.
fn frame() -> Frame {
    let month = |index| Month::from_index(index).expect("a month");
    let region = RollUpList {
        list: list("regio", 5),
        of: 0,
        groups: (0..30).map(|code| Some(code % 5)).collect(),
    };
    Frame {
        parties: (0..PARTIES).map(|p| format!("p{p}").parse().expect("an id")).collect(),
        dimensions: CODES.map(|(name, codes)| list(name, codes)).into(),
        purpose: "bench".to_owned(),
        min_parties: 3,
        two_party: false,
        scope: Scope {
            types: ["zorg", "opvang", "justitie"].map(str::to_owned).into(),
            type_of: vec![0, 0, 1, 1, 2, 2],
            roll_ups: vec![region],
            months: Some(MonthRange { from: month(1500), to: month(1523) }),
            ..Scope::default()
        },
    }
}

/// Registrations of so many clients, 1.6 each, and their partition.
fn registrations(clients: u32) -> (Vec<Registration>, Vec<u32>) {
    let mut random = StdRng::seed_from_u64(20_261_124);
    let (mut rows, mut clusters) = (vec![], vec![]);
    for _ in 0..clients {
        let codes: Vec<Option<u16>> =
            CODES.iter().map(|(_, codes)| Some(random.random_range(0..*codes))).collect();
        let cluster = rows.len() as u32;
        for _ in 0..1 + u32::from(random.random_bool(0.4)) + u32::from(random.random_bool(0.2)) {
            let start = random.random_range(1490..1523);
            let end = start + random.random_range(0..12);
            let month = |index| Month::from_index(index).ok();
            rows.push(Registration {
                party: random.random_range(0..PARTIES as u16),
                codes: codes.clone(),
                start: month(start),
                end: if random.random_bool(0.2) { None } else { month(end) },
                digest: Digest::of(&(rows.len() as u64).to_be_bytes()),
                quality: RecordQuality::default(),
            });
            clusters.push(cluster);
        }
    }
    (rows, clusters)
}

/// Draws in which 2 % of the registrations have moved to the client before or stand alone.
fn draws(clusters: &[u32]) -> Draws {
    let mut random = StdRng::seed_from_u64(20_261_125);
    let mut draw = || {
        let mut labels = clusters.to_vec();
        for row in 1..labels.len() {
            if random.random_bool(0.02) {
                labels[row] = if random.random_bool(0.5) { clusters[row - 1] } else { row as u32 };
            }
        }
        labels
    };
    let draws: Vec<Vec<u32>> = (0..DRAWS).map(|_| draw()).collect();
    Draws::of_partitions(clusters, &draws)
}

fn release(
    policy: &DisclosurePolicy,
    rows: &[Registration],
    clusters: &[u32],
    draws: &Draws,
) -> Release {
    let key = NoiseKey::new([7; 32]);
    materialise(policy, frame(), rows, clusters, draws, key).expect("a release")
}

fn building(criterion: &mut Criterion) {
    let (rows, clusters) = registrations(100_000);
    let draws = draws(&clusters);
    let policy = DisclosurePolicy::default();
    let mut group = criterion.benchmark_group("100k clients");
    group.sample_size(10);
    group.bench_function("default lattice with 100 draws", |bencher| {
        bencher.iter(|| release(&policy, &rows, &clusters, &draws));
    });
    group.bench_function("default lattice without draws", |bencher| {
        bencher.iter(|| release(&policy, &rows, &clusters, &Draws::default()));
    });
    group.bench_function("bare count of clients by source", |bencher| {
        bencher.iter(|| {
            let mut counts = [0_u32; PARTIES];
            let mut before = (u32::MAX, u16::MAX);
            for (row, cluster) in rows.iter().zip(&clusters) {
                if (*cluster, row.party) != before {
                    counts[usize::from(row.party)] += 1;
                    before = (*cluster, row.party);
                }
            }
            black_box(counts)
        });
    });
    group.finish();
}

fn answering(criterion: &mut Criterion) {
    let (rows, clusters) = registrations(1_000_000);
    let policy =
        DisclosurePolicy { max_dimensions: 3, max_cells: 2_000_000, ..DisclosurePolicy::default() };
    let release = release(&policy, &rows, &clusters, &Draws::default());
    let mut group = criterion.benchmark_group("1M clients, 3 dimensions");
    group.sample_size(20);
    let by = ["gemeente", "doelgroep", "leeftijd"];
    for measure in [Measure::Unique, Measure::Overlap, Measure::Patterns] {
        group.bench_function(measure.to_string(), |bencher| {
            bencher.iter(|| release.query(measure, &by).expect("a question").cells.len());
        });
    }
    group.finish();
}

criterion_group!(benches, building, answering);
criterion_main!(benches);
