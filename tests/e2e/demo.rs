//! The demo plays the whole round and tells the truth beside what was released.

use std::fs;
use std::sync::Mutex;

use anyhow::Context as _;
use samenloop_tests::Story;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_tells_what_is_true_estimated_released_and_audited() -> Story {
    let folder = tempfile::tempdir()?;
    let told = Mutex::new(vec![]);
    let narrate = |line: &str| {
        if let Ok(mut told) = told.lock() {
            told.push(line.to_owned());
        }
    };
    let outcome = samenloop_lab::demo::play(folder.path(), &narrate).await?;
    assert!(told.lock().is_ok_and(|told| told.len() >= 8));
    assert!(outcome.passed());

    let json = outcome.json()?;
    assert_eq!(json["audit"]["passed"], true, "{}", json["audit"]);
    assert_eq!(json["audit"]["identities_found"], 0);
    assert_eq!(json["audit"]["control_found"], true);
    let number =
        |path: &str| json.pointer(path).and_then(|value| value.as_f64()).context(path.to_owned());
    let people = number("/true/unique")?;
    assert!(people > 1000.0);
    let (low, high) = (number("/estimated/unique/low")?, number("/estimated/unique/high")?);
    let estimate = number("/estimated/unique/estimate")?;
    assert!(low <= estimate && estimate <= high);
    assert!((estimate / people - 1.0).abs() <= 0.03, "{estimate} of {people}");
    let unique = &json["released"][0];
    assert_eq!(unique["measure"], "unique", "{unique}");
    let released = unique["rows"][0]["count"].as_f64().context("a released number")?;
    // A release counts on one partition, which lacks the joins that nothing tells of; the estimate has
    // them taken off. The round has a key of its own, so its pseudonyms differ a little, too.
    assert!((released / people - 1.0).abs() <= 0.06, "{released} released of {people}");
    let measures = json["released"].as_array().map(Vec::len);
    assert_eq!(measures, Some(5));
    let stacked = json["true"]["sources_per_person"].as_object().context("people by sources")?;
    let all: u64 = stacked.values().filter_map(|people| people.as_u64()).sum();
    assert_eq!(all as f64, people);
    // Nothing but the folder was used.
    assert!(fs::read_dir(folder.path())?.count() >= 4);
    Ok(())
}
