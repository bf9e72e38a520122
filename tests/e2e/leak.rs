//! No identity leaves a partner: not in what is sent, kept, logged, answered or told as an error.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;
use prost::Message as _;
use samenloop_audit::inspect::{InspectJob, Inspection, inspect, read_wrapping_key};
use samenloop_audit::scan::Markers;
use samenloop_tests::planted::{PLANTED, markers, plant, search};
use samenloop_tests::{Role, Sample, Service, Story, Tapped, query_bytes, tap, upload_bytes};
use samenloop_wire::v1;

use crate::{SERVICE, planted};

pub(crate) fn unsealed(service: &Service, markers: &Markers) -> anyhow::Result<Inspection> {
    let data_dir = service.installation.data_dir();
    let wrapping_key = Some(read_wrapping_key(&service.installation.wrapping_key())?);
    Ok(inspect(&InspectJob { data_dir: &data_dir, wrapping_key, markers })?)
}

pub(crate) fn tapped(tapped: &Tapped) -> Vec<u8> {
    tapped.lock().map(|bytes| bytes.clone()).unwrap_or_default()
}

/// Errors that have an identity before their eyes.
async fn provoke(service: &Service, sample: &Sample) -> anyhow::Result<Vec<String>> {
    let good = fs::read(sample.file("ggz", "clients.csv"))?;
    let [given, surname, place, street] = PLANTED[0];
    let faults = [
        ("ragged", format!("ggz-x,p,{given},,{surname},1971-03-11,V,{place}\r\n")),
        (
            "long",
            format!("ggz-x,p,{given},,{surname},,V,{place},,0014,overig,,,{street},{surname}\r\n"),
        ),
        ("quote", format!("ggz-x,p,{given},,\"{surname},1971-03-11,V,{place},,0014,overig,,,\r\n")),
        (
            "odd",
            format!(
                "ggz-x,p,{given},,{surname},{place},{street},{place},{surname},{given},{given},{place},{place},\r\n"
            ),
        ),
    ];
    for (name, row) in faults {
        fs::write(
            sample.file("ggz", &format!("{name}.csv")),
            [&good[..], row.as_bytes()].concat(),
        )?;
        let csv = format!("ggz/{name}.csv");
        let out = format!("{csv}.extract");
        let job = ["--schema", "schema.toml", "--key", "round.key", "--csv", &csv, "--out", &out];
        let encoded = service.program("partner", &[&["encode"][..], &job].concat())?;
        assert_eq!(encoded.status.success(), name == "odd", "{name}");
        service
            .program("partner", &["schema", "check", "--schema", "schema.toml", "--csv", &csv])?;
    }

    let mut messages = vec![];
    let channel = service.channel(Role::Partner, "politie").await?;
    let record = v1::Record {
        match_keys: vec![surname.as_bytes().to_vec().into()],
        encodings: vec![place.as_bytes().to_vec().into()],
        ..Default::default()
    };
    let batch = |key: &str, id: [u8; 16]| v1::Batch {
        round_id: sample.round().map(|round| round.0.to_vec()).unwrap_or_default().into(),
        submission_id: id.to_vec().into(),
        key_check_value: key.as_bytes().to_vec().into(),
        number: 0,
        records: vec![record.encode_to_vec().into()],
    };
    let with_name = [&[15 << 3 | 2, surname.len() as u8][..], surname.as_bytes()].concat();
    let bad = [
        batch(given, [1; 16]).encode_to_vec(),
        batch("sixteen bytes ok", [1; 16]).encode_to_vec(),
        [batch("sixteen bytes ok", [1; 16]).encode_to_vec(), with_name].concat(),
    ];
    for bytes in bad {
        let refused = upload_bytes(&channel, bytes.into()).await.expect_err("a bad batch");
        messages.push(refused.to_string());
    }
    Ok(messages)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_identity_is_sent_kept_logged_or_told() -> Story {
    let mut service = Service::start(SERVICE)?;
    let mut sample = Sample::write(&service, "leak", plant)?;
    let markers = markers(&sample)?;
    let mut taps = BTreeMap::new();
    for party in Sample::PARTIES {
        let (relay, seen) = tap(&service, party.name).await?;
        sample.relay(party.name, relay);
        taps.insert(party.name, seen);
    }
    sample.open(&service)?;
    for party in Sample::PARTIES {
        sample.encode(&service, party.name, "clients.csv")?;
        sample.submit(&service, party.name, "clients.csv")?;
        sample.partner(&service, party.name, "status")?;
    }
    for step in ["freeze", "link", "release"] {
        sample.step(&service, step)?;
    }
    let channel = service.channel(Role::Monitor, "monitor").await?;
    let round_id = sample.round()?.0.to_vec();
    let question = v1::QueryTableRequest {
        round_id: round_id.into(),
        measure: v1::Measure::Patterns.into(),
        by: vec!["gemeente".to_owned()],
    };
    let answer = query_bytes(&channel, &question).await?;
    let errors = provoke(&service, &sample).await?;
    assert!(service.stop()?);

    for (party, seen) in &taps {
        let seen = tapped(seen);
        assert!(seen.len() > 500_000, "{party}: {} bytes tapped", seen.len());
        assert_eq!(markers.find(&seen), [], "{party}: what the service received");
    }
    assert_eq!(markers.find(&answer), []);
    for error in &errors {
        assert_eq!(markers.find(error.as_bytes()), [], "{error}");
    }
    assert_eq!(markers.find(&service.told()), [], "what the programs printed");
    // The partners' own files apart, nothing in the whole installation holds an identity: not the
    // data directory, the log, the temporary files, the extracts, the receipts, the schema.
    let own = service.folder().join("own");
    fs::create_dir(&own)?;
    for party in Sample::PARTIES {
        let folder = service.folder().join(party.name);
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|ending| ending == "csv") {
                let name = path.file_name().context("a file has a name")?.to_string_lossy();
                fs::rename(&path, own.join(format!("{}-{name}", party.name)))?;
            }
        }
    }
    let folder = tempfile::tempdir()?;
    fs::rename(&own, folder.path().join("own"))?;
    let (found, searched) = search(&markers, service.folder())?;
    assert_eq!(found, Vec::<String>::new());
    assert!(searched > 5_000_000, "{searched} bytes searched");
    let (found, _) = search(&markers, folder.path())?;
    assert!(found.len() >= 4, "the control: the partners' own files hold identities: {found:?}");
    let seen = unsealed(&service, &markers)?;
    assert!(seen.passed(), "{:?}", seen.findings);
    assert!(seen.hits.is_empty(), "{:?}", seen.hits);
    let rows = seen.unsealed.context("unsealed")?.rows;
    assert!(rows > 5_000, "{rows} rows unsealed");
    println!("{} identities in {searched} bytes of files and {rows} rows", markers.len());

    planted::what_is_planted_is_found(&mut service, &markers).await
}
