//! Linking records, beside a bare XOR and popcount over one whole encoding of every pair, and the
//! stages of linking by blocks, each timed within a whole run by the progress that it reports.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use samenloop_benches::{records, schema};
use samenloop_link::{Options, Progress, Search, Silent, Source, link};
use samenloop_schema::Record;

const RECORDS: usize = 2_000;

/// People whose records are linked by blocks, each with a second record.
const PEOPLE: usize = 20_000;

/// Stages, and the thousandths of a run between which each lies.
const STAGES: [(&str, u32, u32); 5] = [
    ("canonical order and key numbers", 0, 20),
    ("blocking", 20, 800),
    ("comparison and EM", 800, 850),
    ("weights and clusters", 850, 920),
    ("posterior", 920, 1000),
];

/// When each thousandth was first reported.
struct Stopwatch(Instant, Mutex<Vec<(u32, Duration)>>);

impl Stopwatch {
    fn begin() -> Self {
        Self(Instant::now(), Mutex::new(vec![(0, Duration::ZERO)]))
    }

    fn reached(&self, permille: u32) -> Duration {
        let seen = self.1.lock().expect("nobody panicked");
        let first = seen.iter().find(|(done, _)| *done >= permille);
        first.map_or(self.0.elapsed(), |(_, at)| *at)
    }
}

impl Progress for Stopwatch {
    fn permille(&self, done: u32) {
        let mut seen = self.1.lock().expect("nobody panicked");
        if seen.last().is_none_or(|(last, _)| *last < done) {
            seen.push((done, self.0.elapsed()));
        }
    }

    fn cancelled(&self) -> bool {
        false
    }
}

fn linkage(criterion: &mut Criterion) {
    let schema = schema();
    let records = records(&schema, RECORDS);
    let sources = [
        Source { may_hold_duplicates: true, records: &records[..RECORDS / 2] },
        Source { may_hold_duplicates: true, records: &records[RECORDS / 2..] },
    ];
    let first: Vec<&[u64]> =
        records.iter().filter_map(|record| Some(record.encodings[0].as_ref()?.words())).collect();
    let mut group = criterion.benchmark_group("link");
    group.sample_size(10);
    group.throughput(Throughput::Elements((RECORDS * (RECORDS - 1) / 2) as u64));
    group.bench_function("records to clusters", |bencher| {
        bencher.iter(|| {
            link(&schema, &sources, &Options::default(), &Silent).map(|l| l.clusters.len())
        });
    });
    group.bench_function("bare popcount of one encoding", |bencher| {
        bencher.iter(|| {
            let distance = |a: &[u64], b: &[u64]| -> u32 {
                a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
            };
            let pairs = first.iter().enumerate();
            pairs
                .map(|(place, a)| {
                    first[..place].iter().map(|b| u64::from(distance(a, b))).sum::<u64>()
                })
                .sum::<u64>()
        });
    });
    group.finish();
}

fn stages(criterion: &mut Criterion) {
    let schema = schema();
    let first = records(&schema, PEOPLE);
    // The same people as another source writes them: without the second encoding.
    let second: Vec<Record> = first
        .iter()
        .cloned()
        .map(|mut record| {
            record.encodings[1] = None;
            record
        })
        .collect();
    let sources = [&first, &second].map(|records| Source { may_hold_duplicates: true, records });
    let options = Options { search: Search::Blocked, ..Options::default() };
    let mut group = criterion.benchmark_group("link by blocks");
    group.sample_size(10);
    group.throughput(Throughput::Elements(2 * PEOPLE as u64));
    for (stage, from, to) in STAGES {
        group.bench_function(stage, |bencher| {
            bencher.iter_custom(|times| {
                let once = |_| {
                    let watch = Stopwatch::begin();
                    link(&schema, &sources, &options, &watch).expect("honest records");
                    watch.reached(to) - watch.reached(from)
                };
                (0..times).map(once).sum()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, linkage, stages);
criterion_main!(benches);
