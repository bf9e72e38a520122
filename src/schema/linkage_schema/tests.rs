//! A schema says what is wrong with it and where; its hash is stable; defaults fit the fields.

use super::*;
use crate::dimension::DimensionSource;

const GOOD: &str = r#"
version = 1
round = "oggz-2026"

[[field]]
name = "given"
kind = "given_name"
columns = ["voornaam", "roepnaam"]

[[field]]
name = "surname"
kind = "surname"
columns = ["achternaam"]

[[field]]
name = "birth"
kind = "birth_date"
columns = ["geboortedatum"]

[[field]]
name = "sex"
kind = "sex"
columns = ["geslacht"]

[[field]]
name = "bsn"
kind = "national_id"
columns = ["bsn"]
legal_basis = "a law"

[contact]
start = ["start"]
end = ["einde"]

[[encoding]]
name = "names"
bits = 2048
filter_bits = 1024
diffusion = 10

[[encoding.features]]
field = "surname"
tokens = "bigrams"
hashes = 16
required = true

[[encoding.features]]
field = "birth"
tokens = "date_parts"
hashes = 8

[[match_key]]
name = "surname-birth"
parts = ["surname.phonetic", "birth.sorted"]

[[match_key]]
name = "bsn"
parts = ["bsn"]

[[dimension]]
name = "gemeente"
columns = ["gemeente"]
codes = ["0014", "0037"]

[[dimension]]
name = "leeftijd"
birth_date = "birth"
year = 2026
bands_from = [18, 23, 65]
"#;

fn good() -> LinkageSchema {
    LinkageSchema::from_toml(GOOD).expect("a schema without faults")
}

#[test]
fn a_schema_is_written_as_it_was_read() {
    let schema = good();
    assert_eq!(LinkageSchema::from_toml(&schema.to_toml()), Ok(schema.clone()));
    assert_eq!(schema.max_key_multiplicity, 5);
    assert_eq!(schema.shape().dimensions, [2, 4]);
    assert_eq!(schema.dimensions[1].codes(), ["0-17", "18-22", "23-64", "65+"]);
    assert!(matches!(schema.dimensions[0].source, DimensionSource::Column { .. }));
    assert_eq!(schema.match_keys[0].parts[0].to_string(), "surname.phonetic");
}

#[test]
fn the_hash_binds_what_decides_a_bit_and_nothing_else() {
    let hash = |text: &str| LinkageSchema::from_toml(text).expect("a schema").hash();
    assert_eq!(
        hash(GOOD).to_string(),
        "325055d525cac2937273cbc25386e921a8e37235cb8a4c5a2de8b35c17a28d2f"
    );
    assert_eq!(hash(&format!("# a comment\n{}", GOOD.replace(" = ", "   =   "))), hash(GOOD));
    assert_eq!(hash(&GOOD.replace("= 8\n", "= 8\nrequired = false\n")), hash(GOOD));
    for (from, to) in [
        ("oggz-2026", "oggz-2027"),
        ("hashes = 16", "hashes = 15"),
        ("birth.sorted", "birth.certain"),
        ("\"surname.phonetic\", \"birth.sorted\"", "\"birth.sorted\", \"surname.phonetic\""),
        ("\"0014\", \"0037\"", "\"0037\", \"0014\""),
        ("[18, 23, 65]", "[18, 23, 66]"),
        ("[contact]", "[given_names]\ntable = \"nl-1\"\n[contact]"),
        ("kind = \"birth_date\"", "kind = \"birth_date\"\nlatest_year = 2026"),
        ("kind = \"surname\"", "kind = \"surname\"\nwhole_name_columns = [\"naam\"]"),
    ] {
        assert_ne!(hash(&GOOD.replace(from, to)), hash(GOOD), "{to}");
    }
}

#[test]
fn a_broken_rule_is_named_with_its_place() {
    let low = "mixes fewer than two facts";
    let common = "combines fewer than two facts";
    let cases: &[(&str, &str, &[&str])] = &[
        ("version = 1", "version = 2", &["version 2 is not known", "version 1"]),
        ("\"oggz-2026\"", "\"\"", &["round: must be 1 to 48 characters"]),
        ("\"oggz-2026\"", "\"OGGZ 2026\"", &["round: must be"]),
        ("\"oggz-2026\"", "\"oggz-2026\"\nmax_key_multiplicity = 0", &["max_key_multiplicity: "]),
        ("name = \"given\"", "name = \"surname\"", &["field \"surname\": stands twice"]),
        ("name = \"given\"", "name = \"g.iven\"", &["field \"g.iven\": its name"]),
        ("columns = [\"achternaam\"]", "columns = []", &["field \"surname\": needs the headers"]),
        ("legal_basis = \"a law\"", "", &["field \"bsn\": ", "legal_basis"]),
        ("legal_basis = \"a law\"", "legal_basis = \" \"", &["field \"bsn\": ", "legal_basis"]),
        (
            "kind = \"surname\"",
            "kind = \"text\"\nwhole_name_columns = [\"naam\"]",
            &["whole_name_columns"],
        ),
        ("kind = \"surname\"", "kind = \"surname\"\nlatest_year = 2026", &["only a birth_date"]),
        ("kind = \"birth_date\"", "kind = \"birth_date\"\nlatest_year = 26", &["latest_year"]),
        ("\"surname.phonetic\"", "\"given.formal\"", &["needs [given_names]"]),
        ("[contact]", "[given_names]\n[contact]", &["given_names: needs a table"]),
        ("[contact]", "[given_names]\ntable = \"nl-9\"\n[contact]", &["nl-1"]),
        ("[contact]", "[given_names]\nsame = [[\"Jan\"]]\n[contact]", &["two names"]),
        (
            "[contact]",
            "[given_names]\nsame = [[\"a\", \"b\"], [\"c\", \"B\"]]\n[contact]",
            &["\"B\" stands twice"],
        ),
        ("legal_basis", "legal_bases", &["line 29", "unknown field `legal_bases`"]),
        ("kind = \"surname\"", "kind = \"name\"", &["unknown variant `name`"]),
        ("end = [\"einde\"]", "end = []", &["contact.end: needs the headers"]),
        ("bits = 2048", "bits = 2000", &["encoding \"names\": bits must be a multiple of 64"]),
        ("bits = 2048", "bits = 131072", &["encoding \"names\": bits must be"]),
        ("filter_bits = 1024", "filter_bits = 1000", &["filter_bits must be a power of two"]),
        ("filter_bits = 1024", "filter_bits = 32", &["filter_bits must be a power of two"]),
        ("diffusion = 10", "diffusion = 0", &["diffusion must be from 1 to 64"]),
        ("diffusion = 10", "diffusion = 1", &["bits must equal filter_bits"]),
        ("hashes = 16", "hashes = 0", &["encoding \"names\", feature \"surname\": hashes must be"]),
        ("hashes = 16", "hashes = 257", &["hashes must be"]),
        ("field = \"birth\"\n", "field = \"dob\"\n", &["feature \"dob\": names the field \"dob\""]),
        ("\"date_parts\"", "\"bigrams\"", &["feature \"birth\": its field has no tokens"]),
        ("\"bigrams\"", "\"quadgrams\"", &["unknown variant `quadgrams`"]),
        (
            "field = \"birth\"\ntokens = \"date_parts\"",
            "field = \"surname\"\ntokens = \"bigrams\"",
            &["stands twice with the same tokens"],
        ),
        (
            "field = \"birth\"\ntokens = \"date_parts\"",
            "field = \"surname\"\ntokens = \"initial\"",
            &["encoding \"names\": ", low],
        ),
        (
            "field = \"surname\"\ntokens = \"bigrams\"",
            "field = \"sex\"\ntokens = \"whole\"",
            &["encoding \"names\": ", low],
        ),
        ("\"surname.phonetic\", ", "", &["match_key \"surname-birth\": ", common]),
        ("\"surname.phonetic\"", "\"sex\"", &["match_key \"surname-birth\": ", common]),
        ("[\"surname.phonetic\", \"birth.sorted\"]", "[]", &[common]),
        (
            "\"surname.phonetic\"",
            "\"surname.loud\"",
            &["the form \"loud\" is not known", "phonetic"],
        ),
        ("\"surname.phonetic\"", "\"surname.year\"", &["\"surname\" has no form \"year\""]),
        ("\"surname.phonetic\"", "\"naam.phonetic\"", &["names the field \"naam\""]),
        ("\"surname.phonetic\"", "\"birth.sorted\"", &["the part \"birth.sorted\" stands twice"]),
        (
            "name = \"bsn\"\nparts",
            "name = \"surname-birth\"\nparts",
            &["match_key \"surname-birth\": stands twice"],
        ),
        ("parts = [\"bsn\"]", "parts = [\"bsn\"]\nform = \"whole\"", &["unknown field `form`"]),
        (
            "codes = [\"0014\", \"0037\"]",
            "codes = []",
            &["dimension \"gemeente\": needs 1 to 10,000"],
        ),
        (
            "\"0014\", \"0037\"",
            "\"0014\", \"0014\"",
            &["dimension \"gemeente\": a code stands twice"],
        ),
        ("\"0014\", \"0037\"", "\"0014\", \" 37\"", &["a code must not be empty"]),
        ("codes = [\"0014\", \"0037\"]", "code = [\"0014\"]", &["unknown field `code`"]),
        ("codes = [\"0014\", \"0037\"]", "", &["dimension \"gemeente\" needs either"]),
        ("year = 2026", "years = 2026", &["unknown field `years`"]),
        ("year = 2026", "year = 26", &["dimension \"leeftijd\": year must be"]),
        ("year = 2026", "year = 2026\ncodes = [\"a\"]", &["dimension \"leeftijd\" needs either"]),
        ("[18, 23, 65]", "[18, 18]", &["dimension \"leeftijd\": bands_from must hold ascending"]),
        ("[18, 23, 65]", "[0, 18]", &["bands_from must hold ascending ages from 1"]),
        ("[18, 23, 65]", "[]", &["bands_from must hold"]),
        ("birth_date = \"birth\"", "birth_date = \"sex\"", &["birth_date must name a field"]),
        ("birth_date = \"birth\"", "birth_date = \"dob\"", &["names the field \"dob\""]),
        ("[contact]", "[contract]", &["unknown field `contract`"]),
    ];
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        let error = match LinkageSchema::from_toml(&GOOD.replacen(from, to, 1)) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{to} was accepted"),
        };
        for text in *expected {
            assert!(error.contains(text), "{to}: {error}");
        }
    }
    let empty = LinkageSchema::from_toml("version = 1\nround = \"r\"").map_err(|e| e.to_string());
    assert_eq!(empty, Err("schema: needs at least one encoding or match_key".to_owned()));
}

#[test]
fn only_a_lab_may_use_what_is_hardly_diffused() {
    assert_eq!(good().check_hardened(), Ok(()));
    let weak = LinkageSchema::from_toml(&GOOD.replace("diffusion = 10", "diffusion = 7"));
    let error = weak.expect("a schema for a lab").check_hardened().map_err(|e| e.to_string());
    let rule = "encoding \"names\": diffusion must be 8 or more in a real round";
    assert_eq!(error, Err(rule.to_owned()));
}

const OF_CLKS: &str = r#"
version = 1
round = "clks"

[[encoding]]
name = "clk"
bits = 2048
filter_bits = 1024
diffusion = 10
clks = true
"#;

#[test]
fn an_encoding_of_clks_has_no_features_and_is_the_only_one_of_its_kind() {
    let schema = LinkageSchema::from_toml(OF_CLKS).expect("a schema");
    assert_eq!(schema.clk_encoding().map(|encoding| encoding.filter_bits), Some(1024));
    assert!(schema.check_hardened().is_ok());
    let rule = |text: &str| LinkageSchema::from_toml(text).expect_err(text).to_string();
    let twice = OF_CLKS.to_owned()
        + &OF_CLKS[OF_CLKS.find("[[").expect("an encoding")..].replace("\"clk\"", "\"other\"");
    assert!(rule(&twice).contains("can have one encoding of CLKs"));
    let with_feature =
        OF_CLKS.to_owned() + "features = [{ field = \"x\", tokens = \"whole\", hashes = 8 }]";
    assert!(rule(&with_feature).contains("takes CLKs as they are, so it has no features"));
    let of_nothing = OF_CLKS.replace("clks = true", "");
    assert!(rule(&of_nothing).contains("mixes fewer than two facts"));
    let odd = OF_CLKS.replace("1024", "1000");
    assert!(rule(&odd).contains("filter_bits must be a power of two"));
}

#[test]
fn what_takes_clks_is_bound_by_the_hash_and_what_does_not_keeps_its_hash() {
    let schema = LinkageSchema::from_toml(OF_CLKS).expect("a schema");
    let text = schema.to_toml();
    assert!(text.contains("clks = true"));
    assert_eq!(LinkageSchema::from_toml(&text).map(|again| again.hash()), Ok(schema.hash()));
    let other = LinkageSchema::from_toml(&OF_CLKS.replace("diffusion = 10", "diffusion = 12"));
    assert_ne!(other.expect("a schema").hash(), schema.hash());
    let without = LinkageSchema::from_toml(GOOD).expect("a schema").to_toml();
    assert!(!without.contains("clks"), "{without}");
}
