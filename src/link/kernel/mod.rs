//! Hamming distances of one encoding and many, as fast as the machine counts bits.
//!
//! Records lie side by side: a [`Lanes`] holds the same 32 bits of sixteen records, so that one
//! vector instruction serves sixteen pairs and no sum ever crosses lanes. [`Packed`] cuts them into
//! tiles that stay in the first-level cache while many other records pass.
//!
//! Three paths do the same: AVX-512 with VPOPCNTDQ, AVX2 with a table of nibbles (Muła, Kurz and
//! Lemire, *Faster population counts using AVX2 instructions*, Computer Journal 61(1), 2018), and
//! portable Rust, which is the reference. All deal in whole numbers, so that they are equal bit for
//! bit; property tests hold them to it. This module alone may say `unsafe` (docs/decisions/0005).

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Records of one block.
pub const LANES: usize = 16;

/// Words of 32 bits whose counts are added before a sum goes to memory; as many registers hold the
/// record that is compared.
const CHUNK: usize = 16;

/// Bytes of one tile; half of a first-level cache of 32 KiB.
const TILE_BYTES: usize = 16 << 10;

/// A number for each record of a block, on a cache line of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Lanes<T>(pub [T; LANES]);

/// A way to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Path {
    /// Plain Rust, the reference.
    Portable,
    /// 256-bit vectors.
    Avx2,
    /// 512-bit vectors that count bits.
    Avx512,
}

/// A path that this machine has.
///
/// It cannot be made without the check, which is why calls into a path's instructions are sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Path);

impl Kernel {
    /// The path, if this machine has it.
    #[must_use]
    pub fn new(path: Path) -> Option<Self> {
        let has = match path {
            Path::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => x86::has_avx2(),
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => x86::has_avx512(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        };
        has.then_some(Self(path))
    }

    /// The fastest path of this machine.
    #[must_use]
    pub fn best() -> Self {
        let fast = [Path::Avx512, Path::Avx2].into_iter().find_map(Self::new);
        fast.unwrap_or(Self(Path::Portable))
    }

    /// The path.
    #[must_use]
    pub fn path(self) -> Path {
        self.0
    }

    /// Hamming distance of two rows of equal length.
    #[must_use]
    #[inline]
    pub fn distance(self, a: &[u64], b: &[u64]) -> u32 {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Kernel::new` has seen that the machine has the instructions.
            Path::Avx512 => unsafe { x86::avx512::distance(a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Path::Avx2 => unsafe { x86::avx2::distance(a, b) },
            _ => portable::distance(a, b),
        }
    }

    /// Hamming distances of `a` and the rows of `rows` that `which` names, into `out`; a row has
    /// the length of `a` and stands at that multiple of `stride` words.
    pub fn distances(
        self,
        a: &[u64],
        rows: &[u64],
        stride: usize,
        which: &[u32],
        out: &mut Vec<u32>,
    ) {
        out.clear();
        let row = |record: &u32| {
            let begin = *record as usize * stride;
            &rows[begin..begin + a.len()]
        };
        out.extend(which.iter().map(|record| self.distance(a, row(record))));
    }

    /// Compares a record with every record of a tile over the words that are packed. Bit `i` of
    /// the mask of a block is set where the distance is at most `slack` plus that lane's limit.
    ///
    /// `a` has the packed words, `limits` and what comes back a place per block of the tile.
    pub fn sweep<'s>(
        self,
        a: &[u32],
        packed: &Packed,
        tile: usize,
        limits: &[Lanes<i32>],
        slack: i32,
        scratch: &'s mut Scratch,
    ) -> &'s [u16] {
        let lanes = packed.lanes(tile);
        let blocks = lanes.len() / packed.words;
        assert!(a.len() == packed.words && limits.len() == blocks);
        let (sums, masks) = (&mut scratch.sums[..blocks], &mut scratch.masks[..blocks]);
        let mut rest = lanes;
        let mut chunks = a.chunks(CHUNK).peekable();
        let mut first = true;
        while let Some(words) = chunks.next() {
            let (own, next) = rest.split_at(blocks * words.len());
            let step = Step { words, lanes: own, first };
            if chunks.peek().is_some() {
                self.add(&step, sums);
            } else {
                self.decide(&step, sums, limits, slack, masks);
            }
            (rest, first) = (next, false);
        }
        masks
    }

    fn add(self, step: &Step<'_>, sums: &mut [Lanes<u32>]) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Kernel::new` has seen that the machine has the instructions.
            Path::Avx512 => unsafe { x86::avx512::add(step, sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Path::Avx2 => unsafe { x86::avx2::add(step, sums) },
            _ => portable::add(step, sums),
        }
    }

    fn decide(
        self,
        step: &Step<'_>,
        sums: &[Lanes<u32>],
        limits: &[Lanes<i32>],
        slack: i32,
        masks: &mut [u16],
    ) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Kernel::new` has seen that the machine has the instructions.
            Path::Avx512 => unsafe { x86::avx512::decide(step, sums, limits, slack, masks) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Path::Avx2 => unsafe { x86::avx2::decide(step, sums, limits, slack, masks) },
            _ => portable::decide(step, sums, limits, slack, masks),
        }
    }
}

/// Up to [`CHUNK`] words of one record and the same words of every record of a tile.
struct Step<'a> {
    words: &'a [u32],
    /// Per block, as many as there are words.
    lanes: &'a [Lanes<u32>],
    /// Whether sums begin here.
    first: bool,
}

/// Blocks of a tile at most.
const MAX_BLOCKS: usize = 64;

/// What a sweep writes to, used again and again.
#[derive(Debug)]
pub struct Scratch {
    sums: [Lanes<u32>; MAX_BLOCKS],
    masks: [u16; MAX_BLOCKS],
}

impl Default for Scratch {
    fn default() -> Self {
        Self { sums: [Lanes([0; LANES]); MAX_BLOCKS], masks: [0; MAX_BLOCKS] }
    }
}

/// The first words of many records, side by side.
#[derive(Debug)]
pub struct Packed {
    records: usize,
    /// Words of 32 bits per record.
    words: usize,
    /// Blocks per tile; the last tile may have fewer.
    tile: usize,
    /// Tile by tile, in it chunk by chunk, in it block by block, in it word by word. Lanes beyond
    /// the last record are zero.
    lanes: Vec<Lanes<u32>>,
}

impl Packed {
    /// Packs the first `words` words of 32 bits of each row.
    ///
    /// # Panics
    /// Without words, or when a row is shorter.
    #[must_use]
    pub fn new<'a>(rows: impl ExactSizeIterator<Item = &'a [u64]>, words: usize) -> Self {
        assert!(words > 0, "nothing to pack");
        let records = rows.len();
        let blocks = records.div_ceil(LANES);
        let fit = (TILE_BYTES / (words * size_of::<Lanes<u32>>())).clamp(4, MAX_BLOCKS);
        // A power of two, so that tiles of several encodings begin together.
        let tile = 1 << fit.ilog2();
        let mut packed =
            Self { records, words, tile, lanes: vec![Lanes([0; LANES]); blocks * words] };
        for (record, row) in rows.enumerate() {
            let (block, lane) = (record / LANES, record % LANES);
            let begin = block / tile * tile;
            let of_tile = tile.min(blocks - begin);
            for (word, value) in halves(row).take(words).enumerate() {
                let chunk = word / CHUNK * CHUNK;
                let wide = CHUNK.min(words - chunk);
                let place = begin * words + chunk * of_tile + (block - begin) * wide + word - chunk;
                packed.lanes[place].0[lane] = value;
            }
        }
        packed
    }

    /// Number of tiles.
    #[must_use]
    pub fn tiles(&self) -> usize {
        self.records.div_ceil(self.tile_records())
    }

    /// Records of a tile.
    #[must_use]
    pub fn tile_records(&self) -> usize {
        self.tile * LANES
    }

    /// Words of 32 bits per record.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words
    }

    /// Places of the blocks of one tile.
    #[must_use]
    pub fn blocks(&self, tile: usize) -> std::ops::Range<usize> {
        let last = self.records.div_ceil(LANES);
        tile * self.tile..last.min((tile + 1) * self.tile)
    }

    fn lanes(&self, tile: usize) -> &[Lanes<u32>] {
        let blocks = self.blocks(tile);
        &self.lanes[blocks.start * self.words..blocks.end * self.words]
    }
}

/// A value per record, in lanes; lanes beyond the last record have `rest`.
#[must_use]
pub fn in_lanes(values: impl ExactSizeIterator<Item = i32>, rest: i32) -> Vec<Lanes<i32>> {
    let mut lanes = vec![Lanes([rest; LANES]); values.len().div_ceil(LANES)];
    values.enumerate().for_each(|(place, value)| lanes[place / LANES].0[place % LANES] = value);
    lanes
}

/// The 32-bit words of a row.
pub fn halves(row: &[u64]) -> impl Iterator<Item = u32> {
    row.iter().flat_map(|word| [*word as u32, (*word >> 32) as u32])
}

#[cfg(test)]
mod tests;
