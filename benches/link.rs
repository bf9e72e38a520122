//! Linking records, beside a bare XOR and popcount over one whole encoding of every pair.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use samenloop_benches::{records, schema};
use samenloop_link::{Options, Silent, Source, link};

const RECORDS: usize = 2_000;

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

criterion_group!(benches, linkage);
criterion_main!(benches);
