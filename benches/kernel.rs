//! One record against a thousand: each path and length, beside a bare loop over the first-level
//! cache that does nothing but AND, count and add.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use samenloop_link::kernel::{Kernel, LANES, Lanes, Packed, Path, Scratch, halves, in_lanes};
use samenloop_link::{Filters, Pruning, similar};
use samenloop_schema::Clk;

const RECORDS: usize = 1_024;

fn rows(records: usize, words: usize) -> Vec<Vec<u64>> {
    let mut random = StdRng::seed_from_u64(words as u64);
    (0..records).map(|_| (0..words).map(|_| random.random()).collect()).collect()
}

fn sweep(criterion: &mut Criterion) {
    for bits in [512, 1024, 2048] {
        let rows = rows(RECORDS, bits / 64);
        let packed = Packed::new(rows.iter().map(Vec::as_slice), bits / 32);
        let limits = in_lanes((0..RECORDS).map(|_| bits as i32 / 4), 0);
        let a: Vec<u32> = halves(&rows[0]).collect();
        let mut group = criterion.benchmark_group("sweep");
        group.throughput(Throughput::Elements(RECORDS as u64));
        for path in [Path::Portable, Path::Avx2, Path::Avx512] {
            let Some(kernel) = Kernel::new(path) else {
                eprintln!("this machine has no {path:?}");
                continue;
            };
            let mut scratch = Scratch::default();
            group.bench_function(BenchmarkId::new(format!("{path:?}"), bits), |bencher| {
                bencher.iter(|| {
                    for tile in 0..packed.tiles() {
                        let limits = &limits[packed.blocks(tile)];
                        let own = black_box(&a[..]);
                        black_box(kernel.sweep(own, &packed, tile, limits, 0, &mut scratch));
                    }
                });
            });
            // Row by row, as the pairs that a sweep leaves are compared whole.
            let which: Vec<u32> = (0..RECORDS as u32).collect();
            let flat = rows.concat();
            let mut out = vec![];
            group.bench_function(BenchmarkId::new(format!("{path:?} rows"), bits), |bencher| {
                bencher.iter(|| {
                    kernel.distances(black_box(&rows[0]), &flat, bits / 64, &which, &mut out);
                });
            });
        }
        // As many bits of 16 KiB that never leave the nearest cache, nothing decided, nothing stored.
        let tile: Vec<Lanes<u32>> = vec![Lanes([0x5a5a_0ff0; LANES]); 16 << 10 >> 6];
        let rounds = RECORDS * bits / (tile.len() * 512);
        if Kernel::best().count_in_cache(&tile, 1).is_some() {
            group.bench_function(BenchmarkId::new("bare AND and count", bits), |bencher| {
                bencher.iter(|| Kernel::best().count_in_cache(black_box(&tile), rounds));
            });
        }
        group.finish();
    }
}

fn join(criterion: &mut Criterion) {
    const SIDE: usize = 2_000;
    let filters = |seed: usize| {
        let clks: Vec<Clk> = rows(SIDE, 16 + seed)
            .into_iter()
            .map(|row| Clk::from_words(row[..16].to_vec()))
            .collect();
        Filters::new(&clks).expect("one length")
    };
    let (a, b) = (filters(0), filters(1));
    let mut group = criterion.benchmark_group("join");
    group.sample_size(20);
    group.throughput(Throughput::Elements((SIDE * SIDE) as u64));
    for (name, threshold, pruning) in [
        ("0.8", 0.8, Pruning::Exact),
        ("0.9", 0.9, Pruning::Exact),
        ("unpruned", 0.8, Pruning::Off),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| similar(Kernel::best(), &a, &b, threshold, pruning).pairs.len());
        });
    }
    group.finish();
}

criterion_group!(benches, sweep, join);
criterion_main!(benches);
