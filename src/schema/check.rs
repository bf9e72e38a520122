//! The rules of a linkage schema that span several keys.

use std::collections::BTreeSet;

use crate::dimension::{Dimension, DimensionSource};
use crate::given_names::GivenNames;
use crate::linkage_schema::{Encoding, FieldKind, LinkageSchema, MatchKey, SchemaError, Tokens};
use crate::part::Form;

/// Fewest filter bits XORed into each submitted bit of a hardened encoding. Of what was measured
/// against known-pair and graph-matching attacks, less than this falls to a few hundred known pairs.
const HARDENED_DIFFUSION: u32 = 8;

const SLUG: &str =
    "must be 1 to 48 characters out of a-z, 0-9, '-' and '_', and begin with a letter or digit";

fn broken<T>(place: impl Into<String>, rule: impl Into<String>) -> Result<T, SchemaError> {
    Err(SchemaError::Rule { place: place.into(), rule: rule.into() })
}

fn require(holds: bool, place: &str, rule: &str) -> Result<(), SchemaError> {
    if holds { Ok(()) } else { broken(place, rule) }
}

fn is_slug(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (1..=48).contains(&text.len()) && text.bytes().all(legal) && !text.starts_with(['-', '_'])
}

fn check_names<'a>(kind: &str, names: impl Iterator<Item = &'a String>) -> Result<(), SchemaError> {
    let mut seen = BTreeSet::new();
    for name in names {
        let place = format!("{kind} \"{name}\"");
        require(is_slug(name), &place, &format!("its name {SLUG}"))?;
        require(seen.insert(name), &place, "stands twice")?;
    }
    Ok(())
}

fn check_columns(place: &str, columns: &[String]) -> Result<(), SchemaError> {
    let filled = !columns.is_empty() && columns.iter().all(|column| !column.trim().is_empty());
    require(filled, place, "needs the headers under which an extract may have it")
}

fn check_families(given_names: &GivenNames) -> Result<(), SchemaError> {
    let some = given_names.table.is_some() || !given_names.same.is_empty();
    require(some, "given_names", "needs a table or families of its own in `same`")?;
    let mut seen = BTreeSet::new();
    for family in &given_names.same {
        let several = family.len() >= 2 && family.iter().all(|name| !name.trim().is_empty());
        require(several, "given_names.same", "a family needs two names at least")?;
        // Only the formal name may stand in several families, which it joins.
        for name in &family[1..] {
            let once = seen.insert(name.trim().to_lowercase());
            require(once, "given_names.same", &format!("the name \"{name}\" stands twice"))?;
        }
    }
    Ok(())
}

impl FieldKind {
    /// The fact that a field of this kind tells: a sex alone is none worth counting, and a
    /// tussenvoegsel belongs to its surname.
    #[must_use]
    pub fn fact(self) -> Option<Self> {
        match self {
            Self::Sex => None,
            Self::SurnamePrefix => Some(Self::Surname),
            kind => Some(kind),
        }
    }

    /// How many different facts fields of these kinds tell together.
    #[must_use]
    pub fn facts(kinds: impl IntoIterator<Item = Self>) -> usize {
        kinds.into_iter().filter_map(Self::fact).collect::<BTreeSet<_>>().len()
    }
}

impl Tokens {
    /// Whether values of a field kind can be cut so.
    #[must_use]
    pub fn fits(self, kind: FieldKind) -> bool {
        use FieldKind as K;
        match self {
            Self::Whole => true,
            Self::Bigrams | Self::Trigrams => {
                !matches!(kind, K::BirthDate | K::Sex | K::SurnamePrefix)
            }
            Self::Phonetic | Self::Initial => {
                matches!(kind, K::GivenName | K::Surname | K::Place | K::Street | K::Text)
            }
            Self::DateParts | Self::CertainParts => kind == K::BirthDate,
            Self::Prefixes => kind == K::Postcode,
        }
    }
}

impl LinkageSchema {
    /// Checks every rule; [`from_toml`](Self::from_toml) has done so already.
    pub fn check(&self) -> Result<(), SchemaError> {
        if self.version != Self::VERSION {
            return Err(SchemaError::Version { found: self.version, known: Self::VERSION });
        }
        require(is_slug(&self.round), "round", SLUG)?;
        let multiplicity = (1..=1000).contains(&self.max_key_multiplicity);
        require(multiplicity, "max_key_multiplicity", "must be from 1 to 1000")?;
        let keyed = self.encodings.len() + self.match_keys.len();
        require(keyed > 0, "schema", "needs at least one encoding or match_key")?;
        require(keyed <= 64, "schema", "can have at most 64 encodings and match keys together")?;
        require(self.dimensions.len() <= 32, "schema", "can have at most 32 dimensions")?;
        check_names("field", self.fields.iter().map(|field| &field.name))?;
        check_names("encoding", self.encodings.iter().map(|encoding| &encoding.name))?;
        check_names("match_key", self.match_keys.iter().map(|key| &key.name))?;
        check_names("dimension", self.dimensions.iter().map(|dimension| &dimension.name))?;
        let of_clks = self.encodings.iter().filter(|encoding| encoding.clks).count();
        require(of_clks <= 1, "schema", "can have one encoding of CLKs: a record has one CLK")?;
        for field in &self.fields {
            let place = format!("field \"{}\"", field.name);
            check_columns(&place, &[&field.columns[..], &field.whole_name_columns].concat())?;
            let of_name = matches!(field.kind, FieldKind::GivenName | FieldKind::Surname);
            require(
                of_name || field.whole_name_columns.is_empty(),
                &place,
                "only a given_name or a surname has whole_name_columns",
            )?;
            let of_birth = field.kind == FieldKind::BirthDate;
            require(
                field.latest_year.is_none_or(|year| of_birth && (1950..=2199).contains(&year)),
                &place,
                "only a birth_date has a latest_year, which must be from 1950 to 2199",
            )?;
            let lawful = field.legal_basis.as_ref().is_some_and(|basis| !basis.trim().is_empty());
            require(
                lawful || field.kind != FieldKind::NationalId,
                &place,
                "a national identifier needs legal_basis, the law that allows its use",
            )?;
        }
        if let Some(given_names) = &self.given_names {
            check_families(given_names)?;
        }
        if let Some(contact) = &self.contact {
            check_columns("contact.start", &contact.start)?;
            check_columns("contact.end", &contact.end)?;
        }
        self.encodings.iter().try_for_each(|encoding| self.check_encoding(encoding))?;
        self.match_keys.iter().try_for_each(|key| self.check_match_key(key))?;
        self.dimensions.iter().try_for_each(|dimension| self.check_dimension(dimension))
    }

    /// Checks that every encoding is diffused enough to leave a partner. A plain filter falls to
    /// graph matching by anyone with a population list (Schäfer et al., ACSAC 2024), so only a lab
    /// may use a schema that fails here.
    pub fn check_hardened(&self) -> Result<(), SchemaError> {
        for encoding in &self.encodings {
            require(
                encoding.diffusion >= HARDENED_DIFFUSION,
                &format!("encoding \"{}\"", encoding.name),
                &format!("diffusion must be {HARDENED_DIFFUSION} or more in a real round"),
            )?;
        }
        Ok(())
    }

    fn kind_of(&self, place: &str, name: &str) -> Result<FieldKind, SchemaError> {
        match self.field(name) {
            Some(field) => Ok(field.kind),
            None => broken(place, format!("names the field \"{name}\", which is not there")),
        }
    }

    pub(crate) fn check_encoding(&self, encoding: &Encoding) -> Result<(), SchemaError> {
        let Encoding { name, bits, filter_bits, diffusion, clks, features } = encoding;
        let place = format!("encoding \"{name}\"");
        let whole_words = bits % 64 == 0 && (64..=1 << 16).contains(bits);
        require(whole_words, &place, "bits must be a multiple of 64 from 64 to 65536")?;
        let power = filter_bits.is_power_of_two() && (64..=1 << 16).contains(filter_bits);
        require(power, &place, "filter_bits must be a power of two from 64 to 65536")?;
        require((1..=64).contains(diffusion), &place, "diffusion must be from 1 to 64")?;
        require(
            *diffusion > 1 || bits == filter_bits,
            &place,
            "diffusion = 1 submits the filter itself, so bits must equal filter_bits",
        )?;
        if *clks {
            return require(
                features.is_empty(),
                &place,
                "takes CLKs as they are, so it has no features; leave them out or `clks`",
            );
        }
        let mut cuts = BTreeSet::new();
        let mut kinds = vec![];
        for feature in features {
            let place = format!("{place}, feature \"{}\"", feature.field);
            let kind = self.kind_of(&place, &feature.field)?;
            kinds.push(kind);
            let hashes = (1..=256).contains(&feature.hashes) && feature.hashes <= filter_bits / 4;
            require(hashes, &place, "hashes must be from 1 to 256, at most filter_bits / 4")?;
            require(feature.tokens.fits(kind), &place, "its field has no tokens of that kind")?;
            let once = cuts.insert((&feature.field, feature.tokens));
            require(once, &place, "stands twice with the same tokens")?;
        }
        require(
            FieldKind::facts(kinds) >= 2,
            &place,
            "mixes fewer than two facts (a sex is none): whoever knows one person would read the \
             fact off every equal encoding",
        )
    }

    fn check_match_key(&self, key: &MatchKey) -> Result<(), SchemaError> {
        let place = format!("match_key \"{}\"", key.name);
        let few = key.parts.len() <= MatchKey::MAX_PARTS;
        require(few, &place, &format!("has more than {} parts", MatchKey::MAX_PARTS))?;
        let mut seen = BTreeSet::new();
        let mut kinds = vec![];
        for part in &key.parts {
            let kind = self.kind_of(&place, &part.field)?;
            kinds.push(kind);
            let form = part.form;
            require(
                form != Form::Formal || self.given_names.is_some(),
                &place,
                "the form \"formal\" needs [given_names], which says which names stand for each other",
            )?;
            let unfit = format!("the field \"{}\" has no form \"{}\"", part.field, form.name());
            require(form.fits(kind), &place, &unfit)?;
            require(seen.insert(part), &place, &format!("the part \"{part}\" stands twice"))?;
        }
        require(
            kinds == [FieldKind::NationalId] || FieldKind::facts(kinds) >= 2,
            &place,
            "combines fewer than two facts (a sex is none), so that its values would be common",
        )
    }

    fn check_dimension(&self, dimension: &Dimension) -> Result<(), SchemaError> {
        let place = format!("dimension \"{}\"", dimension.name);
        match &dimension.source {
            DimensionSource::Column { columns, codes } => {
                check_columns(&place, columns)?;
                let range = (1..=10_000).contains(&codes.len());
                require(range, &place, "needs 1 to 10,000 codes")?;
                let filled = codes.iter().all(|code| !code.is_empty() && code.trim() == code);
                require(filled, &place, "a code must not be empty or have blanks around it")?;
                let distinct = codes.iter().collect::<BTreeSet<_>>().len() == codes.len();
                require(distinct, &place, "a code stands twice")
            }
            DimensionSource::AgeBand { birth_date, year, bands_from } => {
                let kind = self.kind_of(&place, birth_date)?;
                require(
                    kind == FieldKind::BirthDate,
                    &place,
                    "birth_date must name a field of the kind birth_date",
                )?;
                require((1900..=2199).contains(year), &place, "year must be from 1900 to 2199")?;
                let ascending = bands_from.iter().is_sorted_by(|a, b| a < b);
                let range = bands_from.iter().all(|from| (1..=120).contains(from));
                require(
                    !bands_from.is_empty() && ascending && range,
                    &place,
                    "bands_from must hold ascending ages from 1 to 120",
                )
            }
        }
    }
}
