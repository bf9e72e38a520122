//! Given names that one person may go by: roepnaam and voornaam, and the spellings of one name.

use std::collections::HashMap;

use samenloop_schema::{GivenNames, NameTable};
use zeroize::Zeroizing;

use super::GivenName;

/// One family a line, the formal name first. A change that moves a name gives other bits, so that it
/// needs a table of another name.
const NL_1: &str = include_str!("names/nl-1.txt");

/// The formal name of each name that has one.
#[derive(Debug, Default)]
pub(crate) struct Variants(HashMap<String, String>);

fn folded(name: &str) -> Option<String> {
    Some(GivenName::read(name)?.name()?.to_owned())
}

impl Variants {
    /// Of a schema's table, and of its own families on top: a family whose first name has a formal
    /// name already gives that to all its names.
    pub(crate) fn new(given_names: &GivenNames) -> Self {
        let mut variants = Self::default();
        match given_names.table {
            Some(NameTable::Nl1) => {
                NL_1.lines().for_each(|family| variants.add(family.split(' ')));
            }
            None => {}
        }
        for family in &given_names.same {
            variants.add(family.iter().map(String::as_str));
        }
        variants
    }

    fn add<'n>(&mut self, family: impl Iterator<Item = &'n str>) {
        let mut names = family.filter_map(folded);
        let Some(first) = names.next() else { return };
        let formal = self.0.get(&first).cloned().unwrap_or(first);
        for name in names {
            self.0.insert(name, formal.clone());
        }
    }

    /// Gives a name its formal name.
    pub(crate) fn formalise(&self, given: &mut GivenName) {
        let formal = given.name().and_then(|name| self.0.get(name));
        given.formal = formal.map(|formal| Zeroizing::new(formal.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn formal(table: &GivenNames, name: &str) -> Option<String> {
        let mut given = GivenName::read(name)?;
        Variants::new(table).formalise(&mut given);
        given.formal().map(str::to_owned)
    }

    #[test]
    fn a_shipped_table_never_changes_and_names_each_name_once() {
        let mut seen = BTreeSet::new();
        for name in NL_1.lines().flat_map(|family| family.split(' ')) {
            let folded = folded(name).unwrap_or_else(|| panic!("{name} is no name"));
            assert!(seen.insert(folded.clone()), "{name} stands twice, {folded}");
        }
        let digest = samenloop_schema::Digest::of(NL_1.as_bytes()).to_string();
        assert_eq!(
            digest, "7558ab3f997720895fcf8b8f043617706d40458cdc4da8ae441337c1fda3a517",
            "a changed table needs another name"
        );
    }

    #[test]
    fn names_of_one_family_have_one_formal_name() {
        let shipped = GivenNames { table: Some(NameTable::Nl1), same: vec![] };
        for (name, expected) in [
            ("Jan", "johannes"),
            ("Kees", "cornelis"),
            ("PIET", "petrus"),
            ("Mo", "mohamed"),
            ("محمد", "mohamed"),
            ("Thijs", "mattheus"),
            ("Małgorzata", "margaretha"),
            ("Ayşe", "aicha"),
            ("J. (Sjaak)", "jacobus"),
            ("Johannes", "johannes"),
            ("Lindsey", "lindsey"),
        ] {
            assert_eq!(formal(&shipped, name).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(formal(&shipped, "J."), None);
        assert_eq!(formal(&GivenNames::default(), "Kees").as_deref(), Some("kees"));
    }

    #[test]
    fn own_families_join_the_table_and_come_before_it() {
        let families = [&["Mohamed", "Moos"][..], &["Keesje", "Kees"], &["Bülent", "Bul"]];
        let same = families.map(|family| family.iter().map(|name| (*name).to_owned()).collect());
        let table = GivenNames { table: Some(NameTable::Nl1), same: same.to_vec() };
        for (name, expected) in
            [("Moos", "mohamed"), ("Kees", "keesje"), ("Cees", "cornelis"), ("Bul", "bulent")]
        {
            assert_eq!(formal(&table, name).as_deref(), Some(expected), "{name}");
        }
    }
}
