//! Encoding a record, beside hashing as many bytes as its pseudonyms have with SHA-256.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use samenloop_benches::{encoder, people, schema};
use samenloop_schema::Digest;

const PEOPLE: usize = 1_000;

fn encode(criterion: &mut Criterion) {
    let schema = schema();
    let (encoder, people) = (encoder(&schema), people(PEOPLE));
    let row = vec![7_u8; schema.shape().row_len()];
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(PEOPLE as u64));
    group.bench_function("record", |bencher| {
        bencher.iter(|| people.iter().map(|person| encoder.encode(person)).collect::<Vec<_>>());
    });
    group.bench_function("sha256 of as many bytes", |bencher| {
        bencher.iter(|| (0..PEOPLE).map(|_| Digest::of(black_box(&row))).collect::<Vec<_>>());
    });
    group.finish();
}

criterion_group!(benches, encode);
criterion_main!(benches);
