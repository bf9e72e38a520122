//! Given names that stand for each other, such as a roepnaam for a voornaam.

use serde::{Deserialize, Serialize};

/// Families of given names that one person may go by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenNames {
    /// The families that the program brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<NameTable>,
    /// Further families, the formal name first. A family whose first name is in the table joins the
    /// family there; any other name that is in the table leaves it for this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same: Vec<Vec<String>>,
}

/// A table of families. A table never changes; another one has another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NameTable {
    /// Dutch names, and those of the larger groups of migrants.
    #[serde(rename = "nl-1")]
    Nl1,
}
