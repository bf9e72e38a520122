//! The paths of x86-64.

pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")
}

pub(super) fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vpopcntdq")
}

/// Calls `$name::<W>` for the number of words that a step has.
macro_rules! by_words {
    (one $words:literal, $step:expr, $name:ident($($argument:expr),*)) => {
        if $step.first {
            $name::<$words, true>($step, $($argument),*)
        } else {
            $name::<$words, false>($step, $($argument),*)
        }
    };
    (each $step:expr, $call:ident $arguments:tt, $($words:literal)*) => {
        match $step.words.len() {
            $($words => by_words!(one $words, $step, $call $arguments),)*
            _ => unreachable!("a step has 1 to 16 words"),
        }
    };
    ($step:expr, $call:ident $arguments:tt) => {
        by_words!(each $step, $call $arguments, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
    };
}

pub(super) mod avx512 {
    //! Sixteen lanes in one register.

    use std::arch::x86_64::*;

    use crate::kernel::{Lanes, Step};

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load<T>(lanes: &Lanes<T>) -> __m512i {
        const { assert!(size_of::<Lanes<T>>() == 64 && align_of::<Lanes<T>>() == 64) };
        // SAFETY: a reference to 64 readable bytes at a multiple of 64; any bits are a vector.
        unsafe { _mm512_load_si512(std::ptr::from_ref(lanes).cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load_row(words: &[u64; 8]) -> __m512i {
        // SAFETY: a reference to 64 readable bytes; the load asks for no alignment.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vpopcntdq,popcnt")]
    pub(in crate::kernel) fn distance(a: &[u64], b: &[u64]) -> u32 {
        let (a, rest_a) = a.as_chunks::<8>();
        let (b, rest_b) = b.as_chunks::<8>();
        let mut sum = _mm512_setzero_si512();
        for (a, b) in a.iter().zip(b) {
            let differ = _mm512_xor_si512(load_row(a), load_row(b));
            sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(differ));
        }
        let mut total = _mm512_reduce_add_epi64(sum) as u32;
        for (a, b) in rest_a.iter().zip(rest_b) {
            total += (a ^ b).count_ones();
        }
        total
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn broadcast<const W: usize>(step: &Step<'_>) -> [__m512i; W] {
        let mut words = [_mm512_setzero_si512(); W];
        for (vector, word) in words.iter_mut().zip(step.words) {
            *vector = _mm512_set1_epi32(*word as i32);
        }
        words
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    fn sum<const W: usize>(a: &[__m512i; W], lanes: &[Lanes<u32>; W], begin: __m512i) -> __m512i {
        let mut sums = [begin, _mm512_setzero_si512()];
        for word in 0..W {
            let differ = _mm512_xor_si512(a[word], load(&lanes[word]));
            sums[word % 2] = _mm512_add_epi32(sums[word % 2], _mm512_popcnt_epi32(differ));
        }
        _mm512_add_epi32(sums[0], sums[1])
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vpopcntdq")]
    pub(in crate::kernel) fn add(step: &Step<'_>, sums: &mut [Lanes<u32>]) {
        by_words!(step, add_words(sums));
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vpopcntdq")]
    fn add_words<const W: usize, const FIRST: bool>(step: &Step<'_>, sums: &mut [Lanes<u32>]) {
        let a = broadcast::<W>(step);
        for (lanes, total) in step.lanes.as_chunks::<W>().0.iter().zip(sums) {
            let begin = if FIRST { _mm512_setzero_si512() } else { load(total) };
            let sum = sum(&a, lanes, begin);
            // SAFETY: an exclusive reference to 64 writable bytes at a multiple of 64; any bits are
            // sixteen numbers.
            unsafe { _mm512_store_si512(std::ptr::from_mut(total).cast(), sum) };
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vpopcntdq")]
    pub(in crate::kernel) fn decide(
        step: &Step<'_>,
        sums: &[Lanes<u32>],
        limits: &[Lanes<i32>],
        slack: i32,
        masks: &mut [u16],
    ) {
        by_words!(step, decide_words(sums, limits, slack, masks));
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vpopcntdq")]
    fn decide_words<const W: usize, const FIRST: bool>(
        step: &Step<'_>,
        sums: &[Lanes<u32>],
        limits: &[Lanes<i32>],
        slack: i32,
        masks: &mut [u16],
    ) {
        let a = broadcast::<W>(step);
        let begin = _mm512_set1_epi32(-slack);
        let blocks = step.lanes.as_chunks::<W>().0.iter().zip(sums);
        for (((lanes, before), limits), mask) in blocks.zip(limits).zip(masks) {
            let begin = if FIRST { begin } else { _mm512_add_epi32(begin, load(before)) };
            *mask = _mm512_cmple_epi32_mask(sum(&a, lanes, begin), load(limits));
        }
    }
}

pub(super) mod avx2 {
    //! Sixteen lanes in two registers; bits are counted nibble by nibble.

    use std::arch::x86_64::*;

    use crate::kernel::{LANES, Lanes, Step};

    /// Halves of a block.
    const HALVES: usize = 2;

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load<T>(lanes: &Lanes<T>, half: usize) -> __m256i {
        const { assert!(size_of::<Lanes<T>>() == 64 && align_of::<Lanes<T>>() == 64) };
        assert!(half < HALVES);
        // SAFETY: `half` is 0 or 1, so that 32 readable bytes at a multiple of 32 lie behind; any
        // bits are a vector.
        unsafe { _mm256_load_si256(std::ptr::from_ref(lanes).cast::<__m256i>().add(half)) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_row(words: &[u64; 4]) -> __m256i {
        // SAFETY: a reference to 32 readable bytes; the load asks for no alignment.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    /// Set bits of each byte.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn ones(vector: __m256i) -> __m256i {
        let table = _mm256_setr_epi8(
            0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2,
            3, 3, 4,
        );
        let nibble = _mm256_set1_epi8(15);
        let low = _mm256_shuffle_epi8(table, _mm256_and_si256(vector, nibble));
        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(vector), nibble);
        _mm256_add_epi8(low, _mm256_shuffle_epi8(table, high))
    }

    #[target_feature(enable = "avx2,popcnt")]
    pub(in crate::kernel) fn distance(a: &[u64], b: &[u64]) -> u32 {
        let (a, rest_a) = a.as_chunks::<4>();
        let (b, rest_b) = b.as_chunks::<4>();
        let mut sum = _mm256_setzero_si256();
        for (a, b) in a.iter().zip(b) {
            let differ = ones(_mm256_xor_si256(load_row(a), load_row(b)));
            sum = _mm256_add_epi64(sum, _mm256_sad_epu8(differ, _mm256_setzero_si256()));
        }
        let pair = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
        let mut total = (_mm_extract_epi64::<0>(pair) + _mm_extract_epi64::<1>(pair)) as u32;
        for (a, b) in rest_a.iter().zip(rest_b) {
            total += (a ^ b).count_ones();
        }
        total
    }

    /// Sums of half a block. A byte counts at most 8 per word, so 16 words fit it.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn sum<const W: usize>(words: &[u32], lanes: &[Lanes<u32>; W], half: usize) -> __m256i {
        let mut bytes = _mm256_setzero_si256();
        for (word, lanes) in words.iter().zip(lanes) {
            let differ = _mm256_xor_si256(_mm256_set1_epi32(*word as i32), load(lanes, half));
            bytes = _mm256_add_epi8(bytes, ones(differ));
        }
        let pairs = _mm256_maddubs_epi16(bytes, _mm256_set1_epi8(1));
        _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
    }

    #[target_feature(enable = "avx2")]
    pub(in crate::kernel) fn add(step: &Step<'_>, sums: &mut [Lanes<u32>]) {
        by_words!(step, add_words(sums));
    }

    #[target_feature(enable = "avx2")]
    fn add_words<const W: usize, const FIRST: bool>(step: &Step<'_>, sums: &mut [Lanes<u32>]) {
        for (lanes, total) in step.lanes.as_chunks::<W>().0.iter().zip(sums) {
            for half in 0..HALVES {
                let before = if FIRST { _mm256_setzero_si256() } else { load(total, half) };
                let sum = _mm256_add_epi32(before, sum(step.words, lanes, half));
                // SAFETY: `half` is 0 or 1, so that 32 writable bytes at a multiple of 32 lie
                // behind the exclusive reference; any bits are eight numbers.
                unsafe {
                    _mm256_store_si256(std::ptr::from_mut(total).cast::<__m256i>().add(half), sum);
                }
            }
        }
    }

    #[target_feature(enable = "avx2")]
    pub(in crate::kernel) fn decide(
        step: &Step<'_>,
        sums: &[Lanes<u32>],
        limits: &[Lanes<i32>],
        slack: i32,
        masks: &mut [u16],
    ) {
        by_words!(step, decide_words(sums, limits, slack, masks));
    }

    #[target_feature(enable = "avx2")]
    fn decide_words<const W: usize, const FIRST: bool>(
        step: &Step<'_>,
        sums: &[Lanes<u32>],
        limits: &[Lanes<i32>],
        slack: i32,
        masks: &mut [u16],
    ) {
        let begin = _mm256_set1_epi32(-slack);
        let blocks = step.lanes.as_chunks::<W>().0.iter().zip(sums);
        for (((lanes, before), limits), mask) in blocks.zip(limits).zip(masks) {
            *mask = 0;
            for half in 0..HALVES {
                let mut sum = _mm256_add_epi32(begin, sum(step.words, lanes, half));
                if !FIRST {
                    sum = _mm256_add_epi32(sum, load(before, half));
                }
                let beyond = _mm256_cmpgt_epi32(sum, load(limits, half));
                let beyond = _mm256_movemask_ps(_mm256_castsi256_ps(beyond)) as u16;
                *mask |= (!beyond & 0xff) << (half * LANES / HALVES);
            }
        }
    }
}
