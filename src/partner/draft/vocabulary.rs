//! The words by which Dutch and English registrations head their columns.

use samenloop_schema::FieldKind;

/// What a column is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Meaning {
    /// Given names in full.
    GivenName,
    /// The name a person goes by.
    Nickname,
    /// Initials.
    Initials,
    /// A tussenvoegsel by itself.
    SurnamePrefix,
    /// Surname.
    Surname,
    /// Given names and surname together.
    WholeName,
    /// Birth date.
    BirthDate,
    /// Sex.
    Sex,
    /// Place of birth.
    BirthPlace,
    /// Place of living.
    Residence,
    /// Postcode.
    Postcode,
    /// Street, with or without house number.
    Street,
    /// House number.
    HouseNumber,
    /// A further line of the address.
    Address,
    /// First month of the contact.
    Start,
    /// Last month of the contact.
    End,
    /// Municipality.
    Municipality,
    /// Target group.
    TargetGroup,
    /// State or province.
    State,
    /// A national identifier.
    NationalId,
    /// A number or name that only says which record, client or dossier this is.
    RecordNumber,
    /// Known, and of no use for linking people or not worth its risk.
    Unneeded,
}

/// Words as [`fold`] leaves them, with blanks between.
const VOCABULARY: &[(Meaning, &str)] = &[
    (
        Meaning::GivenName,
        "voornaam voornamen voornm vnaam vn doopnaam doopnamen givenname givennames firstname \
         firstnames forename forenames fname eerstevoornaam",
    ),
    (Meaning::Nickname, "roepnaam roepnamen nickname knownas callname"),
    (Meaning::Initials, "voorletters voorletter voorl vrl vl initialen initials initial"),
    (
        Meaning::SurnamePrefix,
        "tussenvoegsel tussenvoegsels tussenvgsl tussenv tussenvoeg tsv tv tvs voorvoegsel \
         voorvoegsels vvgsl voorvoeg prefix surnameprefix nameprefix infix",
    ),
    (
        Meaning::Surname,
        "achternaam achternm anaam geslachtsnaam familienaam familyname surname lastname \
         lname geboortenaam meisjesnaam maidenname",
    ),
    (
        Meaning::WholeName,
        "naam name fullname volledigenaam clientnaam naamclient clientname patientnaam",
    ),
    (
        Meaning::BirthDate,
        "geboortedatum geboortedat gebdatum gebdat gebdt datumgeboorte geboortedag geborenop \
         geboren gbdatum gd dob dateofbirth birthdate birthday bdate born",
    ),
    (Meaning::Sex, "geslacht geslachtsaanduiding gesl sex sekse gender mv mvx vm"),
    (
        Meaning::BirthPlace,
        "geboorteplaats gebplaats gebpl plaatsgeboorte birthplace placeofbirth cityofbirth",
    ),
    (Meaning::Residence, "woonplaats plaats plaatsnaam stad suburb city town residence locality"),
    (
        Meaning::Postcode,
        "postcode pc pc6 pc4 postkode zip zipcode postalcode postcodewoonadres postcodeadres",
    ),
    (
        Meaning::Street,
        "straat straatnaam adres woonadres street streetname address address1 addressline1 \
         adres1 adresregel1",
    ),
    (Meaning::HouseNumber, "huisnummer huisnr hnr housenumber houseno streetnumber streetno"),
    (Meaning::Address, "address2 addressline2 adres2 adresregel2"),
    (
        Meaning::Start,
        "start startdatum begin begindatum datumbegin datumstart startdate datestart \
         startmaand beginmaand inzorg datuminzorg inzorgdatum inzorgsinds aanvang \
         aanvangsdatum ingangsdatum datumingang instroom instroomdatum opnamedatum \
         datumopname inschrijfdatum aanmelddatum van vanaf from admission admissiondate \
         firstcontact eerstecontact datumin startmonth begindatumzorg begindatumtraject",
    ),
    (
        Meaning::End,
        "einde eind einddatum datumeinde datumeind end enddate dateend eindmaand uitzorg \
         datumuitzorg uitzorgdatum afsluitdatum datumafsluiting afsluiting uitstroom \
         uitstroomdatum ontslagdatum uitschrijfdatum tot totenmet tm until till to discharge \
         dischargedate lastcontact laatstecontact datumuit endmonth einddatumzorg \
         einddatumtraject",
    ),
    (
        Meaning::Municipality,
        "gemeente gemeentecode gemcode gem gemnr woongemeente gemeentenaam cbscode \
         municipality municipalitycode",
    ),
    (
        Meaning::TargetGroup,
        "doelgroep doelgroepcode groep clientgroep categorie targetgroup category",
    ),
    (Meaning::State, "state province provincie regio region"),
    (
        Meaning::NationalId,
        "bsn burgerservicenummer bsnnummer bsnnr sofi sofinummer sofinr socsecid ssn \
         socialsecuritynumber nationalid nhsnumber vnummer vreemdelingennummer \
         rijksregisternummer insz paspoortnummer",
    ),
    (
        Meaning::RecordNumber,
        "id recid recordid record nr no nummer volgnummer volgnr rownumber registratienummer \
         registratienr clientid clientnr clientnummer clientnumber client personid personnr \
         persoonsnummer persoonid patientnummer patientnr patientid dossiernummer dossiernr \
         dossier zaaknummer kenmerk casenumber trueid entityid uuid guid",
    ),
    (
        Meaning::Unneeded,
        "telefoon telefoonnummer tel mobiel phone email emailadres mail nationaliteit \
         nationality geboorteland countryofbirth land country leeftijd age partnernaam \
         naampartner partnername toevoeging huisnummertoevoeging huisletter overlijdensdatum \
         status opmerking opmerkingen notes burgerlijkestaat titel title aanhef",
    ),
];

/// How a header's meaning was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Likeness {
    pub meaning: Meaning,
    /// The word of the vocabulary.
    pub word: &'static str,
    /// 1 if the header is that word, less if it only resembles it.
    pub similarity: f64,
}

/// Least similarity at which two words are held to be the same; `voorletrs` is at 0.82 from
/// `voorletters`, `status` at 0.5 from `straat`.
const RESEMBLES: f64 = 0.8;

/// Shorter words resemble too many others and must be equal.
const SHORT: usize = 6;

/// What a header means, if it is or resembles a word of the vocabulary.
pub(super) fn meaning(header: &str) -> Option<Likeness> {
    let folded = fold(header);
    let words = || {
        let split = |(meaning, words): &'static (Meaning, &'static str)| {
            words.split_whitespace().map(|word| (*meaning, word))
        };
        VOCABULARY.iter().flat_map(split)
    };
    if let Some((meaning, word)) = words().find(|(_, word)| *word == folded) {
        return Some(Likeness { meaning, word, similarity: 1.0 });
    }
    if folded.chars().count() < SHORT {
        return None;
    }
    words()
        .filter(|(_, word)| word.len() >= SHORT)
        .map(|(meaning, word)| Likeness {
            meaning,
            word,
            similarity: strsim::normalized_damerau_levenshtein(&folded, word),
        })
        .filter(|likeness| likeness.similarity >= RESEMBLES)
        .max_by(|one, other| one.similarity.total_cmp(&other.similarity))
}

/// Whether a header is, to the letter, a word of the vocabulary.
pub(crate) fn is_known_header(header: &str) -> bool {
    meaning(header).is_some_and(|likeness| likeness.similarity >= 1.0)
}

/// Letters and digits in lower case, without accents.
fn fold(header: &str) -> String {
    header
        .chars()
        .flat_map(char::to_lowercase)
        .filter(|letter| letter.is_alphanumeric())
        .map(|letter| match letter {
            'é' | 'è' | 'ë' | 'ê' => 'e',
            'ï' | 'í' => 'i',
            'ö' | 'ó' => 'o',
            'ü' | 'ú' => 'u',
            'á' | 'à' | 'ä' => 'a',
            other => other,
        })
        .collect()
}

impl Meaning {
    /// The field that it fills, by name and kind; columns of one name fill the same field.
    pub(super) fn field(self) -> Option<(&'static str, FieldKind)> {
        Some(match self {
            Self::GivenName | Self::Nickname | Self::Initials => {
                ("given_name", FieldKind::GivenName)
            }
            Self::SurnamePrefix => ("surname_prefix", FieldKind::SurnamePrefix),
            Self::Surname | Self::WholeName => ("surname", FieldKind::Surname),
            Self::BirthDate => ("birth_date", FieldKind::BirthDate),
            Self::Sex => ("sex", FieldKind::Sex),
            Self::BirthPlace => ("birth_place", FieldKind::Place),
            Self::Residence => ("residence", FieldKind::Place),
            Self::Postcode => ("postcode", FieldKind::Postcode),
            Self::Street => ("street", FieldKind::Street),
            Self::HouseNumber => ("house_number", FieldKind::HouseNumber),
            Self::Address => ("address", FieldKind::Street),
            _ => return None,
        })
    }

    /// The dimension whose codes it holds.
    pub(super) fn dimension(self) -> Option<&'static str> {
        match self {
            Self::Municipality => Some("gemeente"),
            Self::TargetGroup => Some("doelgroep"),
            Self::State => Some("state"),
            _ => None,
        }
    }

    /// In plain words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::GivenName => "given names",
            Self::Nickname => "the name a person goes by",
            Self::Initials => "initials",
            Self::SurnamePrefix => "tussenvoegsel",
            Self::Surname => "surname",
            Self::WholeName => "a whole name",
            Self::BirthDate => "birth date",
            Self::Sex => "sex",
            Self::BirthPlace => "place of birth",
            Self::Residence => "place of living",
            Self::Postcode => "postcode",
            Self::Street => "street",
            Self::HouseNumber => "house number",
            Self::Address => "a further line of the address",
            Self::Start => "first month of the contact",
            Self::End => "last month of the contact",
            Self::Municipality => "municipality",
            Self::TargetGroup => "target group",
            Self::State => "state or province",
            Self::NationalId => "a national identifier",
            Self::RecordNumber => "a record number",
            Self::Unneeded => "something that is not needed for linking",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_real_exports_are_understood() {
        let cases: &[(&str, Option<Meaning>)] = &[
            ("geb.dat", Some(Meaning::BirthDate)),
            ("Geboortedatum", Some(Meaning::BirthDate)),
            ("geboorte datum", Some(Meaning::BirthDate)),
            ("geboortedatun", Some(Meaning::BirthDate)),
            ("DOB", Some(Meaning::BirthDate)),
            ("date_of_birth", Some(Meaning::BirthDate)),
            ("Geb. datum", Some(Meaning::BirthDate)),
            ("geb.plaats", Some(Meaning::BirthPlace)),
            ("Voorletters", Some(Meaning::Initials)),
            ("Voorletrs", Some(Meaning::Initials)),
            ("roepnaam", Some(Meaning::Nickname)),
            ("given_name", Some(Meaning::GivenName)),
            ("tussenv.", Some(Meaning::SurnamePrefix)),
            ("Voorvoegsel", Some(Meaning::SurnamePrefix)),
            ("Geslachtsnaam", Some(Meaning::Surname)),
            ("Naam cliënt", Some(Meaning::WholeName)),
            ("geslacht", Some(Meaning::Sex)),
            ("m/v", Some(Meaning::Sex)),
            ("street_number", Some(Meaning::HouseNumber)),
            ("address_1", Some(Meaning::Street)),
            ("address_2", Some(Meaning::Address)),
            ("suburb", Some(Meaning::Residence)),
            ("Woonplaats", Some(Meaning::Residence)),
            ("gemeentecode", Some(Meaning::Municipality)),
            ("Groep", Some(Meaning::TargetGroup)),
            ("in zorg", Some(Meaning::Start)),
            ("Van", Some(Meaning::Start)),
            ("Tot", Some(Meaning::End)),
            ("Einddatum", Some(Meaning::End)),
            ("BSN", Some(Meaning::NationalId)),
            ("soc_sec_id", Some(Meaning::NationalId)),
            ("Cliëntnr", Some(Meaning::RecordNumber)),
            ("person_id", Some(Meaning::RecordNumber)),
            ("waarheid", None),
            ("bijzonderheden", None),
            ("bs", None),
        ];
        for (header, expected) in cases {
            assert_eq!(meaning(header).map(|likeness| likeness.meaning), *expected, "{header}");
        }
    }

    #[test]
    fn every_word_is_folded_and_stands_once() {
        let mut seen = std::collections::BTreeSet::new();
        for word in VOCABULARY.iter().flat_map(|(_, words)| words.split_whitespace()) {
            assert_eq!(fold(word), word);
            assert!(seen.insert(word), "{word} stands twice");
        }
    }
}
