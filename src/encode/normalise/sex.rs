//! Sex.

use super::letters;

/// Sex as a registration has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// m, man, male, 1 (ISO 5218).
    Male,
    /// v, vrouw, f, female, 2 (ISO 5218).
    Female,
}

impl Sex {
    /// Reads a sex; anything else, such as 0, 9 or x, is absent.
    #[must_use]
    pub fn read(raw: &str) -> Option<Self> {
        match letters::joined(raw).as_str() {
            "m" | "man" | "mannelyk" | "male" | "jongen" | "1" => Some(Self::Male),
            "v" | "vrouw" | "vrouwelyk" | "f" | "female" | "meisje" | "w" | "2" => {
                Some(Self::Female)
            }
            _ => None,
        }
    }

    /// `m` or `v`.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::Male => "m",
            Self::Female => "v",
        }
    }
}
