//! What a raw value means, in one spelling.
//!
//! Every rule here is part of version 1 of the linkage schema: a change that gives another value
//! needs another version.

mod address;
mod date;
mod given_name;
mod letters;
mod national_id;
mod sex;
mod surname;
mod variants;
mod whole_name;

use samenloop_schema::FieldKind;
use zeroize::Zeroizing;

pub use date::{BirthDate, with_century};
pub use given_name::GivenName;
pub use national_id::passes_elfproef;
pub use sex::Sex;
pub use surname::Surname;
pub(crate) use variants::Variants;
pub use whole_name::split_whole_name;

/// A text of `a-z` and `0-9` only, wiped when dropped.
pub type Letters = Zeroizing<String>;

/// A normalised value.
pub enum Value {
    /// Of a given name.
    Given(GivenName),
    /// Of a surname.
    Surname(Surname),
    /// Of a birth date.
    Birth(BirthDate),
    /// Of a sex.
    Sex(Sex),
    /// Of every other kind.
    Plain(Letters),
}

/// Reads a raw value; absent when it is empty, a filler such as "onbekend", or impossible.
#[must_use]
pub fn normalise(kind: FieldKind, raw: &str) -> Option<Value> {
    if letters::is_filler(raw) {
        return None;
    }
    let plain = |letters: Letters| (!letters.is_empty()).then_some(Value::Plain(letters));
    match kind {
        FieldKind::GivenName => GivenName::read(raw).map(Value::Given),
        FieldKind::Surname => Surname::read(raw).map(Value::Surname),
        FieldKind::BirthDate => BirthDate::read(raw).map(Value::Birth),
        FieldKind::Sex => Sex::read(raw).map(Value::Sex),
        FieldKind::SurnamePrefix => plain(surname::prefix_initials(raw)),
        FieldKind::Place => plain(address::place(raw)),
        FieldKind::Postcode => plain(address::postcode(raw)),
        FieldKind::Street => plain(address::street(raw)),
        FieldKind::HouseNumber => plain(address::house_number(raw)),
        FieldKind::NationalId => plain(national_id::national_id(raw)),
        FieldKind::Text => plain(letters::joined(raw)),
    }
}

#[cfg(test)]
mod tests;
