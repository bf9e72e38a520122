//! Files stay short enough to read, links lead somewhere, and no machine's paths are told.

use crate::{files, read, root};

#[test]
fn files_are_short_enough_to_read() {
    for folder in ["src", "tests", "benches"] {
        for path in files(folder, &[".rs"]) {
            let lines = read(&path).lines().count();
            assert!(lines <= 600, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn every_link_in_the_documents_leads_to_a_file() {
    let documents = files("docs", &[".md"]).into_iter().chain(["README.md".into()]);
    for document in documents {
        let text = read(&document);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || target.starts_with("http") {
                continue;
            }
            let path = root().join(&document).with_file_name("").join(file);
            assert!(path.exists(), "{} links to {target}", document.display());
        }
    }
}

#[test]
fn no_hole_is_left_in_the_code() {
    let holes = [["to", "do!("].concat(), ["unimple", "mented!("].concat(), ["FIX", "ME"].concat()];
    for folder in ["src", "tests", "benches"] {
        for path in files(folder, &[".rs"]) {
            let text = read(&path);
            for hole in &holes {
                assert!(!text.contains(hole), "{} has {hole}", path.display());
            }
        }
    }
}

#[test]
fn the_readme_names_the_two_commands() {
    let readme = read("README.md");
    for command in ["cargo run --release --bin demo", "cargo test --workspace"] {
        assert!(
            readme.lines().any(|line| line == command),
            "{command} stands on no line of its own"
        );
    }
}
