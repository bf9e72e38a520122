//! The positive control: what is planted on the same path must be found.

use crate::scan::{Coding, Markers, suspects};

const MARKER: &str = "samenloop control 7f3a";
const NUMBER: &str = " 111222333 ";

/// Plants a marker and a citizen service number in a copy of a row and looks for both. Without a row
/// the copy is one of zeros.
pub(super) fn found(row: &[u8]) -> bool {
    let mut copy = row.to_vec();
    copy.resize(copy.len().max(256), 0);
    let wide: Vec<u8> = MARKER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut at = 3;
    for planted in [MARKER.as_bytes(), &wide, NUMBER.as_bytes()] {
        copy[at..at + planted.len()].copy_from_slice(planted);
        at += planted.len() + 5;
    }
    let Ok(markers) = Markers::new([MARKER]) else { return false };
    let hits = markers.find(&copy);
    let written = |coding| hits.iter().any(|hit| hit.coding == coding);
    markers.find(row).is_empty()
        && written(Coding::Utf8)
        && written(Coding::Utf16Le)
        && suspects(&copy).citizen_service_numbers > 0
}
