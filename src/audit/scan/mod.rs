//! Looking for what must not be there: known identities in every usual coding, and anything that
//! looks like personal data.

mod markers;
mod patterns;
mod text;

pub use markers::{Coding, Hit, MIN_MARKER_LEN, MarkerError, Markers};
pub use patterns::{Kind, Suspects, suspects};
pub use text::PRINTABLE_RUN;

#[cfg(test)]
mod tests;
