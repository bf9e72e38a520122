//! A person as an extract has it, in memory only.

use std::fmt;

use samenloop_schema::Month;
use zeroize::Zeroizing;

/// One raw registration. It is wiped when dropped and can be neither printed nor cloned.
#[derive(Default)]
pub struct Person {
    /// Raw values, in the order of the schema's fields; empty is missing.
    pub values: Vec<Zeroizing<String>>,
    /// The CLK that its organisation made of it before, if the schema takes CLKs: bit i of the filter is
    /// bit i % 64 of word i / 64.
    pub clk: Option<Zeroizing<Vec<u64>>>,
    /// Index into the code list per dimension of the schema; absent is unknown.
    pub codes: Vec<Option<u16>>,
    /// First month of the contact; absent is unknown.
    pub start: Option<Month>,
    /// Last month of the contact; absent while it goes on.
    pub end: Option<Month>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(..)")
    }
}
