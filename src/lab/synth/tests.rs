use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{HEADERS, Plan, Population, Row, Truth, generate};

const PLAN: Plan = Plan { people: 6941, seed: 4, sources: 6, noise: 1.0 };

/// Shares of the records of `regio` (18,225 records of 6,941 people), in percent: the values that are
/// empty, per source.
const EMPTY: [(&str, [(&str, f64); 6]); 6] = [
    (
        "ggd",
        [
            ("tussenvoegsel", 80.9),
            ("geboortedatum", 2.0),
            ("geboorteplaats", 22.1),
            ("postcode", 29.1),
            ("bsn", 25.8),
            ("einde", 29.8),
        ],
    ),
    (
        "ggz",
        [
            ("tussenvoegsel", 78.8),
            ("geboortedatum", 0.8),
            ("geboorteplaats", 10.9),
            ("postcode", 28.4),
            ("bsn", 15.5),
            ("einde", 30.9),
        ],
    ),
    (
        "opvang",
        [
            ("tussenvoegsel", 85.4),
            ("geboortedatum", 3.1),
            ("geboorteplaats", 42.3),
            ("postcode", 43.5),
            ("bsn", 54.4),
            ("einde", 31.8),
        ],
    ),
    (
        "wmo",
        [
            ("tussenvoegsel", 79.3),
            ("geboortedatum", 1.0),
            ("geboorteplaats", 10.8),
            ("postcode", 28.5),
            ("bsn", 13.7),
            ("einde", 30.5),
        ],
    ),
    (
        "politie",
        [
            ("tussenvoegsel", 85.5),
            ("geboortedatum", 4.0),
            ("geboorteplaats", 48.7),
            ("postcode", 34.4),
            ("bsn", 75.7),
            ("einde", 29.0),
        ],
    ),
    (
        "corporatie",
        [
            ("tussenvoegsel", 82.1),
            ("geboortedatum", 2.4),
            ("geboorteplaats", 26.9),
            ("postcode", 31.5),
            ("bsn", 87.4),
            ("einde", 30.4),
        ],
    ),
];

/// Shares of the pairs of records of one person in `regio`, in percent: both have the value; the value
/// is then the same but for capitals.
const PAIRS: [(&str, f64, f64); 6] = [
    ("voornaam", 100.0, 56.3),
    ("achternaam", 100.0, 68.1),
    ("geboortedatum", 96.0, 94.8),
    ("geboorteplaats", 53.6, 91.7),
    ("postcode", 55.7, 71.6),
    ("bsn", 36.0, 99.1),
];

/// People of `regio` by the number of sources that know them, in percent.
const SOURCES: [f64; 6] = [29.1, 29.4, 21.0, 12.0, 6.2, 2.2];

fn value<'a>(row: &'a Row, column: &str) -> &'a str {
    let place = HEADERS.iter().position(|header| *header == column).expect("a column");
    row.values()[place - 2]
}

#[test]
fn registrations_are_as_dirty_as_those_of_a_region() {
    let sources = generate(PLAN).expect("a population");
    for (rows, (source, columns)) in sources.iter().zip(EMPTY) {
        for (column, regio) in columns {
            let empty = rows.iter().filter(|(_, row)| value(row, column).is_empty()).count();
            let share = 100.0 * empty as f64 / rows.len() as f64;
            assert!((share - regio).abs() < 5.0, "{source}, {column}: {share:.1}, regio {regio}");
        }
    }
    let mut people: HashMap<u64, Vec<&Row>> = HashMap::new();
    sources.iter().flatten().for_each(|(person, row)| people.entry(*person).or_default().push(row));
    for (column, there, equal) in PAIRS {
        let [mut pairs, mut both, mut same] = [0.0; 3];
        for rows in people.values() {
            for (place, a) in rows.iter().enumerate() {
                for b in &rows[..place] {
                    let (a, b) = (value(a, column), value(b, column));
                    pairs += 1.0;
                    if !a.is_empty() && !b.is_empty() {
                        both += 1.0;
                        same += f64::from(a.to_uppercase() == b.to_uppercase());
                    }
                }
            }
        }
        let shares = [100.0 * both / pairs, 100.0 * same / both];
        assert!((shares[0] - there).abs() < 4.0, "{column}: {shares:?}, regio {there}");
        assert!((shares[1] - equal).abs() < 5.0, "{column}: {shares:?}, regio {equal}");
    }
}

#[test]
fn the_truth_is_what_the_files_say() {
    let dir = tempfile::tempdir().expect("a directory");
    let plan = Plan { people: 1500, seed: 9, sources: 4, noise: 1.0 };
    let population = Population::new(plan).expect("a population");
    let told = population.write(dir.path()).expect("files");
    let mut counted = Truth::default();
    let mut known: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for name in population.sources() {
        let mut file =
            csv::Reader::from_path(dir.path().join(format!("{name}.csv"))).expect("a file");
        let (mut records, mut here) = (0, BTreeSet::new());
        for row in file.records() {
            let row = row.expect("a row");
            records += 1;
            here.insert(row[1].to_owned());
            known.entry(row[1].to_owned()).or_default().insert(name);
        }
        counted.records += records;
        counted.records_per_source.insert(name.to_owned(), records);
        counted.unique_per_source.insert(name.to_owned(), here.len() as u64);
    }
    counted.unique_people = known.len() as u64;
    for set in known.values() {
        *counted.sources_per_person.entry(set.len()).or_default() += 1;
        let set: Vec<&str> = set.iter().copied().collect();
        *counted.patterns.entry(set.join("+")).or_default() += 1;
    }
    assert_eq!(counted, told);
    assert_eq!(told.unique_people, plan.people);
    let text = std::fs::read_to_string(dir.path().join("truth.json")).expect("the truth");
    let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(read, serde_json::to_value(&told).expect("JSON"));
}

#[test]
fn a_seed_gives_the_same_people_and_another_seed_others() {
    let rows = |people, seed| {
        generate(Plan { people, seed, sources: 2, noise: 1.0 }).expect("a population")
    };
    assert_eq!(rows(300, 1), rows(300, 1));
    assert_ne!(rows(300, 1), rows(300, 2));
    let sorted = |people| {
        let mut rows = rows(people, 1).concat();
        rows.retain(|(person, _)| *person < 300);
        rows.sort_by(|(a, x), (b, y)| (a, x.values()).cmp(&(b, y.values())));
        rows
    };
    assert_eq!(
        sorted(300),
        sorted(900),
        "a larger population begins with the smaller one's people"
    );
}

#[test]
fn people_are_known_to_as_many_sources_as_in_a_region() {
    let dir = tempfile::tempdir().expect("a directory");
    let truth = Population::new(PLAN).and_then(|all| all.write(dir.path())).expect("files");
    for (count, regio) in (1..).zip(SOURCES) {
        let share = 100.0 * truth.sources_per_person[&count] as f64 / truth.unique_people as f64;
        assert!((share - regio).abs() < 2.5, "{count} sources: {share:.1}, regio {regio}");
    }
}

#[test]
fn a_population_without_people_or_with_a_seventh_source_is_refused() {
    for (people, sources) in [(0, 6), (10, 0), (10, 7), (u64::MAX, 6)] {
        assert!(
            Population::new(Plan { people, seed: 1, sources, noise: 1.0 }).is_err(),
            "{people}, {sources}"
        );
    }
}

#[test]
fn national_numbers_pass_the_elfproef_and_surnames_grow_with_the_population() {
    let distinct = |people| {
        let rows = generate(Plan { people, seed: 3, sources: 1, noise: 1.0 })
            .expect("a population")
            .concat();
        let numbers = rows.iter().map(|(_, row)| &row.bsn).filter(|bsn| !bsn.is_empty());
        let wrong = numbers.clone().filter(|bsn| !passes_elfproef(bsn)).count();
        assert!(wrong * 100 < numbers.count(), "hardly one in a hundred is mistyped");
        rows.iter().map(|(_, row)| row.surname.to_uppercase()).collect::<BTreeSet<_>>().len()
    };
    assert!(distinct(20_000) > 3 * distinct(2_000));
}

fn passes_elfproef(bsn: &str) -> bool {
    let digits = bsn.bytes().map(|digit| i32::from(digit - b'0'));
    digits.zip([9, 8, 7, 6, 5, 4, 3, 2, -1]).map(|(digit, weight)| digit * weight).sum::<i32>() % 11
        == 0
}
