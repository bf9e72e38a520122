//! A part of a match key: a field and the form in which its value enters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::linkage_schema::FieldKind;

/// A field and a form, written `field` or `field.form`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// Name of the field.
    pub field: String,
    /// What of its value enters the key.
    pub form: Form,
}

/// A form that no match key knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the form \"{form}\" is not known; the forms are {}", Form::list())]
pub struct UnknownForm {
    /// As it stands in the file.
    pub form: String,
}

/// What of a normalised value enters a match key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// The value; of a surname its names in alphabetical order, of a given name the first.
    Whole,
    /// The sound (Cologne phonetics); of a surname, of its last name, which is the birth name in the
    /// Dutch order "partner name-birth name".
    Phonetic,
    /// The sound of a given name's formal name: the first of its family, or the name itself.
    Formal,
    /// The sound of the first name of a surname.
    PhoneticFirst,
    /// The last name of a surname, letter by letter.
    Last,
    /// The first letter; of a surname, of its last name.
    Initial,
    /// The first three letters, fewer if there are no more; of a surname, of its last name.
    Start3,
    /// The first four letters, fewer if there are no more; of a surname, of its last name.
    Start4,
    /// The four digits of a postcode.
    Digits4,
    /// The year of a birth date.
    Year,
    /// Day and month of a birth date, the lower first, so that swapping them changes nothing.
    DayMonth,
    /// Year, and day and month as in [`DayMonth`](Self::DayMonth).
    Sorted,
    /// Like [`Sorted`](Self::Sorted), but absent on the days that stand for an unknown date:
    /// 1 January and 1 July.
    Certain,
}

impl Form {
    const ALL: [(Self, &'static str); 13] = [
        (Self::Whole, "whole"),
        (Self::Phonetic, "phonetic"),
        (Self::Formal, "formal"),
        (Self::PhoneticFirst, "phonetic_first"),
        (Self::Last, "last"),
        (Self::Initial, "initial"),
        (Self::Start3, "start3"),
        (Self::Start4, "start4"),
        (Self::Digits4, "digits4"),
        (Self::Year, "year"),
        (Self::DayMonth, "day_month"),
        (Self::Sorted, "sorted"),
        (Self::Certain, "certain"),
    ];

    fn list() -> String {
        Self::ALL.map(|(_, name)| name).join(", ")
    }

    /// The name in a schema file.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(form, _)| *form == self).map_or("", |(_, name)| name)
    }

    /// Whether values of a field kind have this form.
    #[must_use]
    pub fn fits(self, kind: FieldKind) -> bool {
        use FieldKind as K;
        match self {
            Self::Whole => true,
            Self::Phonetic | Self::Initial | Self::Start3 | Self::Start4 => {
                matches!(kind, K::GivenName | K::Surname | K::Place | K::Street | K::Text)
            }
            Self::Formal => kind == K::GivenName,
            Self::PhoneticFirst | Self::Last => kind == K::Surname,
            Self::Digits4 => kind == K::Postcode,
            Self::Year | Self::DayMonth | Self::Sorted | Self::Certain => kind == K::BirthDate,
        }
    }
}

impl FromStr for Part {
    type Err = UnknownForm;

    fn from_str(text: &str) -> Result<Self, UnknownForm> {
        let (field, name) = text.split_once('.').unwrap_or((text, "whole"));
        let known = Form::ALL.iter().find(|(_, form)| *form == name);
        known
            .map(|(form, _)| Self { field: field.to_owned(), form: *form })
            .ok_or_else(|| UnknownForm { form: name.to_owned() })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.form {
            Form::Whole => f.write_str(&self.field),
            form => write!(f, "{}.{}", self.field, form.name()),
        }
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
