//! The manifests agree with the table in `docs/architecture.md`, and the walls hold transitively.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::{files, read};

type Rooms = BTreeMap<String, BTreeSet<String>>;

fn table() -> Rooms {
    let text = read("docs/architecture.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let rooms = rows.filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [room, _, uses] = cells[..] else { return None };
        let uses = uses.split(", ").filter(|name| *name != "–").map(str::to_owned).collect();
        Some((room.trim_matches('`').to_owned(), uses))
    });
    rooms.collect()
}

fn manifests(sections: &[&str]) -> Rooms {
    let rooms = files("src", &["Cargo.toml"]).into_iter().map(|path| {
        let manifest: toml::Table = read(&path).parse().expect("a manifest is TOML");
        let uses = sections
            .iter()
            .filter_map(|section| manifest.get(*section)?.as_table())
            .flat_map(|section| section.keys())
            .filter_map(|name| name.strip_prefix("samenloop-"))
            .map(str::to_owned)
            .collect();
        let room = path.components().nth(1).expect("src/<room>/Cargo.toml");
        (room.as_os_str().to_string_lossy().into_owned(), uses)
    });
    rooms.collect()
}

#[test]
fn the_manifests_say_what_the_architecture_says() {
    assert_eq!(manifests(&["dependencies", "build-dependencies"]), table());
}

#[test]
fn no_test_of_a_room_climbs_a_wall() {
    let allowed = table();
    for (room, uses) in manifests(&["dev-dependencies"]) {
        let beyond: Vec<_> = uses.difference(&allowed[&room]).collect();
        assert!(beyond.is_empty(), "{room} tests with {beyond:?}");
    }
}

#[test]
fn the_service_the_monitor_and_the_auditor_cannot_encode() {
    let rooms = table();
    for room in ["service", "monitor", "audit"] {
        let mut reached = BTreeSet::from([room.to_owned()]);
        let mut next = vec![room.to_owned()];
        while let Some(room) = next.pop() {
            next.extend(
                rooms[&room].iter().filter(|used| reached.insert((*used).clone())).cloned(),
            );
        }
        assert!(!reached.contains("encode"), "{room} reaches encode");
        assert!(!reached.contains("partner"), "{room} reaches partner");
    }
}

#[test]
fn only_one_file_turns_a_release_into_a_message() {
    let builders: Vec<_> = files("src", &[".rs"])
        .into_iter()
        .filter(|path| {
            let text = read(path);
            ["ReleasedTable {", "ReleasedCell {"].iter().any(|form| {
                text.lines().any(|line| {
                    line.contains(form)
                        && !line.trim_start().starts_with("//")
                        && !line.contains("struct")
                })
            })
        })
        .filter(|path| path.starts_with("src/service") || path.starts_with("src/wire"))
        .collect();
    assert_eq!(builders, [std::path::PathBuf::from("src/service/rpc/release.rs")]);
}

#[test]
fn pure_rooms_neither_wait_nor_listen() {
    let manifests = files("src", &["Cargo.toml"]);
    for room in ["schema", "encode", "link", "disclose", "ledger"] {
        let path = manifests.iter().find(|path| path.starts_with(format!("src/{room}")));
        let manifest = read(path.expect("the room has a manifest"));
        for banned in ["tokio", "tonic", "prost", "redb", "hyper"] {
            assert!(!manifest.contains(banned), "{room} depends on {banned}");
        }
    }
}

#[test]
fn unsafe_stands_in_the_kernel_alone() {
    let allowed = |path: &Path| path.to_string_lossy().contains("src/link/kernel/");
    let word = concat!("uns", "afe");
    for path in files("src", &["rs"]).into_iter().chain(files("benches", &["rs"])) {
        let text = read(&path);
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        let found = code.filter(|line| {
            // A hyphen belongs to a word: content security policies have such a value.
            line.split(|c: char| !c.is_alphanumeric() && !"_-".contains(c)).any(|w| w == word)
        });
        assert!(found.count() == 0 || allowed(&path), "{}: {word} code", path.display());
        let lets = text.matches(concat!("allow(uns", "afe_code")).count();
        let expected = usize::from(path.ends_with("src/link/lib.rs"));
        assert_eq!(lets, expected, "{}: lets the lint pass", path.display());
    }
}
