//! Every path against the plainest count of bits.

use proptest::prelude::*;

use super::{Kernel, LANES, Packed, Path, Scratch, halves, in_lanes};

/// The paths of this machine; says which it lacks and are not tested.
fn kernels() -> Vec<Kernel> {
    let paths = [Path::Portable, Path::Avx2, Path::Avx512];
    let kernels = paths.map(|path| {
        let kernel = Kernel::new(path);
        if kernel.is_none() {
            eprintln!("this machine has no {path:?}: that path is not tested here");
        }
        kernel
    });
    kernels.into_iter().flatten().collect()
}

fn differing(a: &[u64], b: &[u64], words: usize) -> i32 {
    let bits = halves(a).zip(halves(b)).take(words).map(|(a, b)| (a ^ b).count_ones());
    bits.sum::<u32>() as i32
}

/// Rows of one width, dense or sparse, and equal ones among them.
fn rows() -> impl Strategy<Value = Vec<Vec<u64>>> {
    (1..36_usize).prop_flat_map(|width| {
        let word = prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)];
        prop::collection::vec(prop::collection::vec(word, width), 1..150)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_path_counts_the_differing_bits(rows in rows()) {
        let flat: Vec<u64> = rows.concat();
        let width = rows[0].len();
        let which: Vec<u32> = (0..rows.len() as u32).rev().step_by(2).collect();
        for kernel in kernels() {
            let mut found = vec![7];
            kernel.distances(&rows[0], &flat, width, &which, &mut found);
            for (record, distance) in which.iter().zip(&found) {
                let expected = differing(&rows[0], &rows[*record as usize], 2 * width);
                prop_assert_eq!(*distance as i32, expected, "{:?}", kernel);
            }
            prop_assert_eq!(found.len(), which.len());
        }
    }

    #[test]
    fn every_path_sweeps_alike(
        rows in rows(),
        part in 0.01..1.0_f64,
        slack in -40..40_i32,
        seed in any::<u64>(),
    ) {
        let words = ((2 * rows[0].len()) as f64 * part).ceil() as usize;
        let packed = Packed::new(rows.iter().map(Vec::as_slice), words);
        // Limits lie about the distances, so that equality, one less and one more all occur.
        let limit = |place: usize| {
            let near = (seed >> (place % 61)) as i32 & 3;
            differing(&rows[0], &rows[place], words) - slack + near - 2
        };
        let limits = in_lanes((0..rows.len()).map(limit), i32::MIN / 2);
        let a: Vec<u32> = halves(&rows[0]).take(words).collect();
        for kernel in kernels() {
            let mut seen = 0;
            for tile in 0..packed.tiles() {
                let blocks = packed.blocks(tile);
                let mut scratch = Scratch::default();
                let of_tile = &limits[blocks.clone()];
                let masks = kernel.sweep(&a, &packed, tile, of_tile, slack, &mut scratch);
                prop_assert_eq!(masks.len(), blocks.len());
                for (block, mask) in blocks.zip(masks) {
                    for lane in 0..LANES {
                        let record = block * LANES + lane;
                        let within = record < rows.len()
                            && differing(&rows[0], &rows[record], words) - slack <= limit(record);
                        prop_assert_eq!(mask >> lane & 1 == 1, within, "{:?} {}", kernel, record);
                        seen += usize::from(record < rows.len());
                    }
                }
            }
            prop_assert_eq!(seen, rows.len());
        }
    }
}

#[test]
fn the_best_path_is_one_that_the_machine_has() {
    assert!(kernels().contains(&Kernel::best()));
    assert_eq!(Kernel::best(), *kernels().last().expect("the portable path"));
}
