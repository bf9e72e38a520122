//! The code lists that tell how clients were put together from registrations. Every round has them.

/// The list of what registrations lack that others have.
pub const INFORMATION: &str = "linkage-information";
/// The list of how many registrations a client has.
pub const REGISTRATIONS: &str = "linkage-registrations";
/// The list of how sure it is that a client's registrations are its own.
pub const PRECISION: &str = "linkage-precision";
/// The list of how sure it is that a client has all of its registrations.
pub const RECALL: &str = "linkage-recall";
/// The list of whether a client's birth dates contradict each other.
pub const BIRTHS: &str = "linkage-births";

/// Registrations with all encodings, with too few facts to be linked, and without several encodings; one
/// that lacks a single encoding is told by [`missing`].
pub const INFORMATION_CODES: [&str; 3] = ["complete", "too little to link", "several missing"];

/// The code of registrations that lack one encoding.
#[must_use]
pub fn missing(encoding: &str) -> String {
    format!("no {encoding}")
}

/// A range of expected shares of right links.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Its code.
    pub name: &'static str,
    /// Its low end, of 1.
    pub least: f64,
    /// The share that stands for the band in a mean.
    pub typical: f64,
}

const fn band(name: &'static str, least: f64, typical: f64) -> Band {
    Band { name, least, typical }
}

/// The codes of [`PRECISION`] and [`RECALL`].
pub const BANDS: [Band; 5] = [
    band("99 to 100 %", 0.99, 0.999),
    band("90 to 99 %", 0.90, 0.95),
    band("70 to 90 %", 0.70, 0.80),
    band("40 to 70 %", 0.40, 0.55),
    band("under 40 %", 0.0, 0.25),
];

/// The codes of [`REGISTRATIONS`], each with the most that it holds.
pub const SIZES: [(&str, usize); 6] =
    [("1", 1), ("2", 2), ("3 to 4", 4), ("5 to 8", 8), ("9 to 16", 16), ("17 or more", usize::MAX)];

/// The codes of [`BIRTHS`].
pub const BIRTHS_CODES: [&str; 2] = ["agree", "contradict"];
