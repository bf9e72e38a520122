//! The noise key of a release, and the keys of records and cells under it.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use samenloop_schema::Digest;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::ptable::PerturbationTable;

/// The one secret of a release: 32 bytes from the operating system's generator, drawn when the
/// release is made, consumed by [`materialise`](crate::materialise) and erased with it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct NoiseKey([u8; 32]);

impl NoiseKey {
    /// Takes over 32 random bytes; the caller erases its own copy.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn mac(&self, purpose: &[u8], parts: [&[u8]; 2]) -> u64 {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(purpose);
        for part in parts {
            mac.update(part);
        }
        let tag: [u8; 32] = mac.finalize().into_bytes().into();
        u64::from_be_bytes([tag[0], tag[1], tag[2], tag[3], tag[4], tag[5], tag[6], tag[7]])
    }

    /// The key of a registration. It hangs on the record's content only, so that another order of
    /// rows or sources changes nothing.
    pub(crate) fn record(&self, record: &Digest) -> u64 {
        self.mac(b"samenloop/v1/record-key\0", [record.as_bytes(), b""])
    }

    /// The noise of a set of `count` people whose clients' keys add up to `sum`, for what one source
    /// alone tells.
    ///
    /// The sum goes through the MAC once more, so that keys of sets that overlap have no linear
    /// relation (so the table's intervals need no splitting and shuffling, which other
    /// implementations use against it), and only the table is bound in: not the question, or one set of people would have
    /// several numbers, whose average would be its true size.
    pub(crate) fn perturb(&self, table: &PerturbationTable, count: u32, sum: u64) -> u32 {
        if count == 0 {
            return 0;
        }
        table.perturb(count, self.mac(b"samenloop/v1/cell-key\0", [&sum.to_be_bytes(), table.id()]))
    }

    /// The noise of the same set at a place of the lattice, for what several sources tell together.
    ///
    /// The place is bound in, so that two places have unrelated noise whether their sets are equal or
    /// not: equal numbers would prove equal sets. That one set has several numbers, whose average is
    /// nearer to its size, is what [`JointNoise`](crate::JointNoise) reckons with.
    pub(crate) fn perturb_at(
        &self,
        table: &PerturbationTable,
        count: u32,
        sum: u64,
        place: u64,
    ) -> u32 {
        if count == 0 {
            return 0;
        }
        let key = [sum.to_be_bytes(), place.to_be_bytes()].concat();
        table.perturb(count, self.mac(b"samenloop/v1/joint-key\0", [&key, table.id()]))
    }
}

impl fmt::Debug for NoiseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NoiseKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ptable::NoiseShape;

    #[test]
    fn sets_that_differ_by_one_person_have_unrelated_noise() {
        const PAIRS: u64 = 20_000;
        let table = PerturbationTable::new(&NoiseShape::new(5, 3.0, 2)).expect("a table");
        let key = NoiseKey::new([7; 32]);
        let noise = |sum: u64| f64::from(key.perturb(&table, 100, sum)) - 100.0;
        // With plain sums a person with a small key would leave the noise of every set nearly alone.
        for person in [1_u64, 1 << 20, 1 << 63] {
            let pairs = (0..PAIRS).map(|k| k.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let product: f64 = pairs.map(|sum| noise(sum) * noise(sum.wrapping_add(person))).sum();
            // Four standard errors of a covariance of 0 with variance 3 each.
            let bound = 4.0 * 3.0 / (PAIRS as f64).sqrt();
            assert!((product / PAIRS as f64).abs() < bound, "{person}: {product}");
        }
    }
}
