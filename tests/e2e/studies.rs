//! Two published studies as real rounds: what they could tell, and what must not be told.

use std::fs;

use anyhow::Context as _;
use samenloop_tests::{Role, Sample, Service, Story};
use serde_json::Value;

use crate::SERVICE;

/// The monitor's report as JSON.
fn report(service: &Service, sample: &Sample, words: &[&str]) -> anyhow::Result<Value> {
    let config = service.config(Role::Monitor, "monitor", None)?;
    let round = sample.round()?.to_string();
    let to = ["--config", &config, "--round", &round, "--json"];
    Ok(serde_json::from_str(&service.succeed("monitor", &[&["report"][..], words, &to].concat())?)?)
}

fn rows(report: &Value) -> impl Iterator<Item = &Value> {
    report["rows"].as_array().into_iter().flatten()
}

/// People by whom the linkage may be off besides: its intervals do not cover everything
/// (`docs/linkage-model.md`), and each run has a key and so pseudonyms of its own.
const MISSED: i64 = 6;

/// Whether a shown number tells the truth: its own noise beyond what linkage may have missed.
fn tells(row: &Value, truth: i64) -> bool {
    let number = |name: &str| row[name].as_i64();
    let noise = row["max_noise"].as_i64().unwrap_or(0);
    number("low")
        .zip(number("high"))
        .is_some_and(|(low, high)| (low - noise - MISSED..=high + noise + MISSED).contains(&truth))
}

const GRONINGEN: &str = "purpose = \"How many clients came from OGGZ to social and legal services\"\nretention_days = 30\n\
    min_parties = 2\ntwo_party = true\n\
    [questions]\nmonths = { from = \"2001-01\", to = \"2004-06\" }\njoint_variance = 3\n";

#[test]
fn groningen_tells_the_overlap_and_its_order_and_no_month_of_it() -> Story {
    let service = Service::start(SERVICE)?;
    let mut groningen = Sample::study(&service, "groningen", &["oggz", "mjd"], GRONINGEN)?;
    groningen.open(&service)?;
    groningen.submit_and_link(&service)?;
    groningen.step(&service, "release")?;
    let truth = concat!(env!("CARGO_MANIFEST_DIR"), "/data/groningen/truth.json");
    let truth: Value = serde_json::from_str(&fs::read_to_string(truth)?)?;
    let of = |name: &str| truth[name].as_i64().context(name.to_owned());

    let overlap = report(&service, &groningen, &["overlap"])?;
    assert!(tells(&overlap["rows"][0], of("both")?), "{overlap:#}");
    let unique = report(&service, &groningen, &["unique"])?;
    let people = unique["rows"][0]["count"].as_f64().context("a number of people")?;
    let true_people = of("unique_people")? as f64;
    assert!((people / true_people - 1.0).abs() < 0.01, "{people} of {true_people}");

    let order = report(&service, &groningen, &["sequence"])?;
    for (name, truth) in
        [("simultaneous", of("simultaneous")?), ("first_then", of("oggz_then_mjd")?)]
    {
        let row = rows(&order).find(|row| row["order"] == name).context(name)?;
        assert!(tells(row, truth), "{name}: {truth} in {row:#}");
    }
    for name in ["then_first", "unknown"] {
        let row = rows(&order).find(|row| row["order"] == name).context(name)?;
        assert_eq!(row["suppressed"], true, "{row:#}");
    }

    let by_month = truth["oggz_then_mjd_by_month"].as_object().context("flows by month")?;
    let months = report(&service, &groningen, &["sequence", "--per", "month"])?;
    assert_eq!(rows(&months).count(), 2 * 42);
    // Noise lifts a month of 7 over the threshold 1 time in 10, one of 4 never.
    let told = rows(&months).filter(|row| row["suppressed"] == false).count();
    assert!(told <= 2, "{months:#}");
    let years = report(&service, &groningen, &["sequence", "--per", "year"])?;
    let joint = |name: &str| years["noise"]["joint"][name].as_i64().context("the noise");
    let (threshold, most) = (joint("threshold")?, joint("max_noise")?);
    let mut shown = 0;
    for row in rows(&years) {
        let year = row["period"].as_str().context("a year")?;
        let of_year = by_month.iter().filter(|(month, _)| month.starts_with(year));
        let truth: i64 = match row["order"] == "first_then" {
            true => of_year.filter_map(|(_, people)| people.as_i64()).sum(),
            false => 0,
        };
        if row["suppressed"] == true {
            assert!(truth < threshold + most, "{truth} of {row:#}");
        } else {
            assert!(tells(row, truth), "{truth} of {row:#}");
            shown += 1;
        }
    }
    assert!(shown >= 2, "2003 and 2004: {years:#}");
    a_page_can_be_shown(&service, &groningen)
}

/// Every report in every form, by the monitor's program.
fn a_page_can_be_shown(service: &Service, sample: &Sample) -> Story {
    let config = service.config(Role::Monitor, "monitor", None)?;
    let round = sample.round()?.to_string();
    let questions: &[&[&str]] = &[
        &["unique", "--by", "gemeente"],
        &["patterns"],
        &["overlap"],
        &["trend", "--per", "quarter"],
        &["sequence", "--per", "year"],
        &["recidivism"],
        &["population"],
    ];
    for question in questions {
        for format in ["table", "csv", "svg", "html"] {
            let to = ["--config", &config, "--round", &round, "--format", format];
            let words = [&["report"][..], question, &to, &["--language", "nl"]].concat();
            let told = service.succeed("monitor", &words)?;
            assert!(told.len() > 40, "{question:?} {format}: {told}");
            let drawn = told.starts_with("<svg ") || told.starts_with("<!DOCTYPE html>");
            assert_eq!(drawn, matches!(format, "svg" | "html"), "{question:?} {format}");
        }
    }
    let refused = ["report", "overlap", "--types", "--config", &config, "--round", &round];
    let refused = service.program("monitor", &refused)?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr)?.contains("this round has no source types"));
    Ok(())
}

const LEIDEN: &str = "purpose = \"How many agencies know one client\"\nretention_days = 30\n";

#[test]
fn leiden_is_too_small_and_is_told_so_kindly() -> Story {
    let service = Service::start(SERVICE)?;
    let agencies = [
        "activite",
        "binnenvest",
        "brijder",
        "cardea",
        "exodus",
        "ggz",
        "jeugdzorg",
        "kwadraad",
        "libertas",
        "mee",
        "rosa_manus",
        "sparkles",
        "stadsbank",
    ];
    let mut leiden = Sample::study(&service, "leiden", &agencies, LEIDEN)?;
    leiden.open(&service)?;
    leiden.submit_and_link(&service)?;
    let config = service.config(Role::Coordinator, "regie", None)?;
    let round = leiden.round()?.to_string();
    let release = ["round", "release", "--config", &config, "--round", &round];
    let refused = service.program("service", &release)?;
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr)?;
    for words in ["nothing is released", "at least 100 different people", "a count soon points at"]
    {
        assert!(told.contains(words), "{told}");
    }
    assert!(
        !told.contains("35") && !told.contains("90"),
        "how many there are stays untold: {told}"
    );
    let config = service.config(Role::Monitor, "monitor", None)?;
    let asked = ["report", "unique", "--config", &config, "--round", &round];
    let asked = service.program("monitor", &asked)?;
    assert_eq!(asked.status.code(), Some(1));
    assert!(asked.stdout.is_empty());
    let told = String::from_utf8(asked.stderr)?;
    assert!(told.contains("cannot query while the round is linked"), "{told}");
    Ok(())
}
