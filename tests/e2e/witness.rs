//! Witnesses watch the ledger: without enough of them nothing is released, and what each was shown is
//! compared.

use std::fs;

use anyhow::Context as _;
use samenloop_tests::{Role, Sample, Service, Story};
use serde_json::Value;

use crate::SERVICE;

/// Cosigns with a key; the checkpoint that was signed is written beside it.
fn witness(service: &Service, sample: &Sample, config: &str, key: &str) -> anyhow::Result<Value> {
    let (round, note) = (sample.round()?.to_string(), format!("{key}.note"));
    let serve = service.installation.service_config();
    let serve = serve.to_str().context("a path in UTF-8")?;
    let vkey = service.succeed("service", &["ledger-key", "--config", serve])?;
    let words = ["witness", "--config", config, "--key", key, "--round", &round, "--vkey"];
    let told = service
        .program("audit", &[&words[..], &[vkey.trim(), "--note-out", &note, "--json"]].concat())?;
    Ok(serde_json::from_slice(&told.stdout).unwrap_or_default())
}

#[test]
fn a_release_waits_for_its_witnesses_and_readers_compare_what_they_were_shown() -> Story {
    let service = Service::start(SERVICE)?;
    let mut sample = Sample::write(&service, "witness", |_, content| content.to_vec())?;
    let mut keys = vec![];
    for name in ["toezicht", "ggd", "ggz"] {
        let words = ["witness-key", "--name", &format!("{name}.example.nl/witness"), "--out", name];
        let file = format!("{name}.key");
        keys.push(
            service.succeed("audit", &[&words[..4], &[file.as_str()]].concat())?.trim().to_owned(),
        );
    }
    let auditor = service.config(Role::Auditor, "toezicht", None)?;
    let ggd = service.config(Role::Partner, "ggd", None)?;
    let monitor = service.config(Role::Monitor, "onderzoek", None)?;
    sample.agree(&format!("witnesses = {keys:?}\nmin_cosignatures = 2\n"));
    sample.open(&service)?;
    // Too early to count for the release.
    let early = witness(&service, &sample, &ggd, "ggz.key")?;
    assert_eq!(early["handed_over"], true, "{early}");
    sample.submit_and_link(&service)?;
    let refused = |found: &str| -> Story {
        let error = sample.step(&service, "release").err().context("it was released")?.to_string();
        assert!(error.contains(found), "{error}");
        Ok(())
    };
    refused("0 of 2 witnesses")?;
    let first = witness(&service, &sample, &auditor, "toezicht.key")?;
    assert_eq!((&first["handed_over"], &first["grown_from"]), (&true.into(), &Value::Null));
    refused("1 of 2 witnesses")?;
    assert_ne!(witness(&service, &sample, &monitor, "ggd.key")?["handed_over"], true);
    let again = witness(&service, &sample, &auditor, "toezicht.key")?;
    assert_eq!(again["grown_from"], first["size"]);
    refused("1 of 2 witnesses")?;
    witness(&service, &sample, &ggd, "ggd.key")?;
    sample.step(&service, "release")?;

    let serve = service.installation.service_config();
    let serve = serve.to_str().context("a path in UTF-8")?;
    let vkey = service.succeed("service", &["ledger-key", "--config", serve])?.trim().to_owned();
    let verify = |against: &[&str]| -> anyhow::Result<Value> {
        let mut words = vec!["verify", "--config", &auditor, "--vkey", &vkey, "--json"];
        against.iter().for_each(|note| words.extend(["--against", note]));
        Ok(serde_json::from_slice(&service.program("audit", &words)?.stdout)?)
    };
    let seen = verify(&["toezicht.key.note", "ggd.key.note", "ggz.key.note"])?;
    assert_eq!(seen["findings"], serde_json::json!([]), "{seen}");
    assert_eq!(seen["compared"], 3);
    assert_eq!(seen["cosignatures"][sample.round()?.to_string()], 2);
    assert_eq!(seen["kinds"]["cosigned"], 4);
    // A checkpoint that the service never signed.
    let note = fs::read_to_string(service.folder().join("ggd.key.note"))?;
    let (origin, rest) = note.split_once('\n').context("three lines")?;
    fs::write(service.folder().join("forged"), format!("{origin}\n1{rest}"))?;
    assert_ne!(verify(&["forged"])?["findings"], serde_json::json!([]));
    Ok(())
}
