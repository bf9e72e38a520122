//! Reading a JSON document by place, so that what breaks a rule is named.

use serde_json::Value;

/// What breaks a rule of a linkage schema, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {rule}")]
pub struct SchemaFault {
    /// Path in the document, such as `features[2].hashing.strategy`.
    pub place: String,
    /// The rule, and what to do.
    pub rule: String,
}

/// A value and its place.
pub(super) struct Node<'a> {
    value: &'a Value,
    place: String,
}

type Result<T> = std::result::Result<T, SchemaFault>;

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, place: String::new() }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn fault<T>(&self, rule: impl Into<String>) -> Result<T> {
        let place = if self.place.is_empty() { "the schema" } else { &self.place };
        Err(SchemaFault { place: place.to_owned(), rule: rule.into() })
    }

    /// Fails unless it is an object.
    pub(super) fn object(self) -> Result<Self> {
        if self.value.is_object() { Ok(self) } else { self.fault("must be an object {...}") }
    }

    /// Fails if the object has another member than these.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        let members = self.value.as_object().into_iter().flatten();
        match members.map(|(name, _)| name).find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                self.fault(format!("\"{name}\" is not known here; known: {}", known.join(", ")))
            }
            None => Ok(()),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Self> {
        let dot = if self.place.is_empty() { "" } else { "." };
        let value = self.value.get(name)?;
        Some(Self { value, place: format!("{}{dot}{name}", self.place) })
    }

    pub(super) fn need(&self, name: &str) -> Result<Self> {
        match self.get(name) {
            Some(node) => Ok(node),
            None => self.fault(format!("needs \"{name}\"")),
        }
    }

    pub(super) fn items(&self) -> Result<Vec<Self>> {
        let Some(items) = self.value.as_array() else { return self.fault("must be a list [...]") };
        let place = |at| format!("{}[{at}]", self.place);
        Ok(items.iter().enumerate().map(|(at, value)| Self { value, place: place(at) }).collect())
    }

    pub(super) fn text(&self) -> Result<&'a str> {
        self.value.as_str().map_or_else(|| self.fault("must be a string"), Ok)
    }

    pub(super) fn flag(&self) -> Result<bool> {
        self.value.as_bool().map_or_else(|| self.fault("must be true or false"), Ok)
    }

    pub(super) fn number(&self) -> Result<f64> {
        self.value.as_f64().map_or_else(|| self.fault("must be a number"), Ok)
    }

    /// A whole number; JSON Schema of 2018 also calls 20.0 whole, and where clkhash goes on with
    /// such a number it is one here.
    pub(super) fn whole(&self, least: i64, most: i64, point_zero: bool) -> Result<i64> {
        let number = self.value.as_i64().or_else(|| {
            let float = self.value.as_f64().filter(|_| point_zero && !self.value.is_u64())?;
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
        });
        match number {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            _ if most == i64::MAX && least == i64::MIN => self.fault("must be a whole number"),
            _ if most == i64::MAX => self.fault(format!("must be a whole number from {least}")),
            _ => self.fault(format!("must be a whole number from {least} to {most}")),
        }
    }

    pub(super) fn raw(&self) -> &'a Value {
        self.value
    }

    /// The member of that name, if it is there, by a reader.
    pub(super) fn maybe<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Self) -> Result<T>,
    ) -> Result<Option<T>> {
        self.get(name).map(|node| read(&node)).transpose()
    }

    /// The place in `of` of a string that must be one of them.
    pub(super) fn one_of(&self, of: &[&str]) -> Result<usize> {
        let text = self.text()?;
        match of.iter().position(|known| *known == text) {
            Some(at) => Ok(at),
            None => self.fault(format!("\"{text}\" is not known; known: {}", of.join(", "))),
        }
    }
}
