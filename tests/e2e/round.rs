//! The whole round, by the programs that people run, with the mishaps that people have.

use std::fs;
use std::process::Child;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use prost::bytes::Bytes;
use samenloop_audit::verify::{self, Verifier};
use samenloop_ledger::Entry;
use samenloop_tests::{Role, Sample, Service, Story, query_bytes, stall, store};
use samenloop_wire::v1;
use samenloop_wire::v1::submissions_client::SubmissionsClient;
use serde_json::Value;

use crate::SERVICE;

/// A partner's program whose upload has got stuck after its first batch.
async fn stuck_upload(
    service: &Service,
    sample: &mut Sample,
    party: &'static str,
) -> anyhow::Result<Child> {
    // Everything that writes the party's configuration comes before the program that reads it.
    let mut client = SubmissionsClient::new(service.channel(Role::Partner, party).await?);
    sample.relay(party, stall(service, party, 1).await?);
    let words = sample.submission(service, party, "clients.csv")?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut partner = service.command("partner", &words).spawn()?;
    let round_id = Bytes::copy_from_slice(sample.round()?.as_bytes());
    for _ in 0..600 {
        let mine = v1::GetSubmissionsRequest { round_id: round_id.clone() };
        let own = client.get_submissions(mine).await?.into_inner().submissions;
        let last = own.last().filter(|last| last.state() == v1::SubmissionState::Open);
        if last.is_some_and(|last| last.batches == 1) {
            sample.direct(party);
            return Ok(partner);
        }
        ensure!(partner.try_wait()?.is_none(), "the partner's program ended");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    partner.kill()?;
    bail!("no batch arrived")
}

fn states(status: &Value) -> Vec<&str> {
    let own = status["submissions"].as_array().into_iter().flatten();
    own.filter_map(|submission| submission["state"].as_str()).collect()
}

/// Four submissions: one interrupted and resumed, one left and one replaced for a newer extract,
/// one withdrawn and submitted anew, one without a mishap.
async fn submit_all(service: &mut Service, sample: &mut Sample) -> Story {
    sample.encode(service, "ggd", "clients.csv")?;
    let mut partner = stuck_upload(service, sample, "ggd").await?;
    partner.kill()?;
    partner.wait()?;
    service.kill()?;
    service.restart()?;
    assert_eq!(states(&sample.partner(service, "ggd", "status")?), ["open"]);
    let resumed = sample.submit(service, "ggd", "clients.csv")?;
    let sent = resumed["batch_ledger_indices"].as_array().map(Vec::len);
    let batches = resumed["batches"].as_u64().context("a number of batches")?;
    assert!(batches > 1, "{resumed}");
    assert_eq!(sent, Some(batches as usize - 1), "the first batch was sent before: {resumed}");
    assert_eq!(sample.submit(service, "ggd", "clients.csv")?["sealed_before"], true);

    let all = fs::read(sample.file("ggz", "clients.csv"))?;
    let lines: Vec<&[u8]> = all.split_inclusive(|byte| *byte == b'\n').collect();
    fs::write(sample.file("ggz", "early.csv"), lines[..500].concat())?;
    sample.encode(service, "ggz", "early.csv")?;
    sample.submit(service, "ggz", "early.csv")?;
    sample.encode(service, "ggz", "clients.csv")?;
    let mut left = stuck_upload(service, sample, "ggz").await?;
    left.kill()?;
    left.wait()?;
    sample.encode(service, "ggz", "clients.csv")?;
    sample.submit(service, "ggz", "clients.csv")?;
    let status = sample.partner(service, "ggz", "status")?;
    assert_eq!(states(&status), ["replaced", "abandoned", "sealed"]);

    sample.encode(service, "opvang", "clients.csv")?;
    sample.submit(service, "opvang", "clients.csv")?;
    sample.partner(service, "opvang", "withdraw")?;
    sample.encode(service, "opvang", "clients.csv")?;
    sample.submit(service, "opvang", "clients.csv")?;
    assert_eq!(states(&sample.partner(service, "opvang", "status")?), ["withdrawn", "sealed"]);

    sample.encode(service, "politie", "clients.csv")?;
    sample.submit(service, "politie", "clients.csv")?;
    Ok(())
}

/// Every question of the lattice without dimensions, and one with, as bytes.
async fn answers(service: &Service, sample: &Sample) -> anyhow::Result<Vec<Bytes>> {
    let channel = service.channel(Role::Monitor, "monitor").await?;
    let round_id = Bytes::copy_from_slice(sample.round()?.as_bytes());
    let mut answers = vec![];
    for measure in 1..=6 {
        for by in [vec![], vec!["gemeente".to_owned()]] {
            let question = v1::QueryTableRequest { round_id: round_id.clone(), measure, by };
            answers.push(query_bytes(&channel, &question).await?);
        }
    }
    Ok(answers)
}

fn monitor(service: &Service, sample: &Sample, words: &[&str]) -> anyhow::Result<String> {
    let (config, round) =
        (service.config(Role::Monitor, "monitor", None)?, sample.round()?.to_string());
    let to = ["--config", &config, "--round", &round];
    service.succeed("monitor", &[&["report"][..], words, &to].concat())
}

/// The monitor's reports, in each form.
fn report(service: &Service, sample: &Sample) -> Story {
    let told: Value = serde_json::from_str(&monitor(service, sample, &["unique", "--json"])?)?;
    let count = told["rows"][0]["count"].as_f64();
    let count = count.with_context(|| format!("a released number: {told}"))?;
    let people = sample.people()? as f64;
    assert!((count / people - 1.0).abs() <= 0.1, "released {count} of {people} people");
    let table = monitor(service, sample, &["overlap"])?;
    assert!(table.contains("ggd") && table.contains("politie"), "{table}");
    let csv = monitor(service, sample, &["patterns", "--format", "csv"])?;
    assert!(csv.lines().count() > 4, "{csv}");
    Ok(())
}

/// What the coordinator is told of how clients were put together: released numbers and nothing else.
fn quality(service: &Service, sample: &Sample) -> Story {
    let config = service.config(Role::Coordinator, "coordinator", None)?;
    let round = sample.round()?.to_string();
    let to = ["quality", "--config", &config, "--round", &round];
    let told: Value =
        serde_json::from_str(&service.succeed("monitor", &[&to[..], &["--json"]].concat())?)?;
    for share in ["precision", "recall"] {
        let estimated = told[share].as_f64().with_context(|| format!("a {share}: {told:#}"))?;
        assert!((0.8..1.0).contains(&estimated), "{share} {estimated}");
    }
    let numbers = |list: &str| -> Vec<(Option<&str>, Option<u64>)> {
        let parts = told[list].as_array().into_iter().flatten();
        parts.map(|part| (part["code"].as_str(), part["clients"].as_u64())).collect()
    };
    let all = told["clients"].as_u64().context("a number of clients")?;
    for list in ["by_precision", "by_recall", "by_registrations", "by_births"] {
        let shown: Vec<u64> =
            numbers(list).into_iter().filter_map(|(_, clients)| clients).collect();
        let noise = 5 * (1 + shown.len() as u64);
        assert!(shown.iter().all(|clients| *clients >= 10), "{list}: {shown:?}");
        assert!(shown.iter().sum::<u64>() <= all + noise, "{list}: {shown:?} of {all}");
    }
    assert!(numbers("by_registrations").iter().any(|(code, n)| *code == Some("2") && n.is_some()));
    let sources = told["sources"].as_array().context("sources")?;
    assert_eq!(sources.len(), 4, "{told:#}");
    for source in sources {
        assert!(source["duplicates"].as_f64().is_some_and(|twice| twice < 0.5), "{source:#}");
        let complete = source["information"].as_array().into_iter().flatten();
        let mut complete = complete.filter(|part| part["code"] == "complete");
        assert!(complete.any(|part| part["clients"].as_u64() > Some(100)), "{source:#}");
    }
    let dutch = service.succeed("monitor", &[&to[..], &["--language", "nl"]].concat())?;
    assert!(dutch.contains("Geschatte precisie") && dutch.contains("opvang"), "{dutch}");
    println!("{}", service.succeed("monitor", &to)?);
    Ok(())
}

struct Auditor {
    config: String,
    key: String,
}

impl Auditor {
    fn new(service: &Service) -> anyhow::Result<Self> {
        let serve = service.installation.service_config();
        let serve = serve.to_str().context("a path in UTF-8")?;
        let key = service.succeed("service", &["ledger-key", "--config", serve])?.trim().to_owned();
        Ok(Self { config: service.config(Role::Auditor, "auditor", None)?, key })
    }

    /// Verifies online, keeps what was fetched in `bundle`, and returns the program's report.
    fn verify(&self, service: &Service, bundle: &str) -> anyhow::Result<Value> {
        let to = ["--config", &self.config, "--vkey", &self.key];
        let kept = ["--bundle-out", bundle, "--json"];
        let told = service.succeed("audit", &[&["verify"][..], &to, &kept].concat())?;
        Ok(serde_json::from_str(&told)?)
    }

    /// Inspects the stopped service's data directory, sealed and unsealed; both must pass.
    fn inspect(&self, service: &Service) -> anyhow::Result<[Value; 2]> {
        let data = service.installation.data_dir();
        let key = service.installation.wrapping_key();
        let data = data.to_str().context("a path in UTF-8")?;
        let key = key.to_str().context("a path in UTF-8")?;
        let sealed = ["inspect", "--data-dir", data, "--json"];
        let unseal = ["--unseal", "--wrapping-key", key];
        let told = [&sealed[..], &[&sealed[..], &unseal].concat()]
            .map(|words| anyhow::Ok(serde_json::from_str(&service.succeed("audit", words)?)?));
        let [sealed, unsealed] = told;
        Ok([sealed?, unsealed?])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_goes_from_files_to_numbers_and_can_be_checked() -> Story {
    let mut service = Service::start(SERVICE)?;
    let mut sample = Sample::write(&service, "whole-round", |_, content| content.to_vec())?;
    sample.open(&service)?;
    submit_all(&mut service, &mut sample).await?;
    for step in ["freeze", "link", "release"] {
        sample.step(&service, step)?;
    }
    report(&service, &sample)?;
    quality(&service, &sample)?;
    let first = answers(&service, &sample).await?;
    assert!(first.iter().all(|answer| answer.len() > 4));
    assert!(answers(&service, &sample).await? == first, "asked twice");

    let auditor = Auditor::new(&service)?;
    let verified = auditor.verify(&service, "released.jsonl")?;
    assert_eq!(verified["rounds"][sample.round()?.to_string()], "released");
    for kind in ["recovered", "submission_replaced", "submission_abandoned", "submission_withdrawn"]
    {
        assert_eq!(verified["kinds"][kind], 1, "{verified}");
    }
    assert!(service.stop()?);
    let [sealed, unsealed] = auditor.inspect(&service)?;
    assert_eq!(sealed["unsealed"], Value::Null);
    assert_eq!(unsealed["unsealed"]["submissions"], 4, "{unsealed}");

    service.restart()?;
    assert!(answers(&service, &sample).await? == first, "asked after a restart");
    sample.step(&service, "close")?;
    assert!(answers(&service, &sample).await? == first, "a release outlives its inputs");
    let verified = auditor.verify(&service, "closed.jsonl")?;
    assert_eq!(verified["rounds"][sample.round()?.to_string()], "closed");
    assert!(verified["consistent_from"].is_u64(), "{verified}");
    a_flipped_byte_in_a_bundle_is_named(&service, &auditor)?;
    let entries = service.ledger().await?;
    assert!(service.stop()?);
    let [_, unsealed] = auditor.inspect(&service)?;
    assert_eq!(unsealed["unsealed"]["rows"], 0, "{unsealed}");
    a_flipped_byte_in_the_store_is_named(&mut service, &entries)
}

/// Every entry of the bundle in turn gets another body; the program tells of one of them.
fn a_flipped_byte_in_a_bundle_is_named(service: &Service, auditor: &Auditor) -> Story {
    let verify = ["verify", "--vkey", &auditor.key, "--bundle"];
    service.succeed("audit", &[&verify[..], &["closed.jsonl"]].concat())?;
    let good = fs::read_to_string(service.folder().join("closed.jsonl"))?;
    let verifier = Verifier::from_text(&auditor.key)?;
    let entries = good.lines().count() - 1;
    for (index, line) in good.lines().skip(1).enumerate() {
        let body = line.find("\"body\":\"").context("a body")? + "\"body\":\"".len() + 8;
        let mut bytes = good.clone().into_bytes();
        let at = line.as_ptr() as usize - good.as_ptr() as usize + body;
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        let found = verify::bundle_bytes(&bytes, &verifier, None).0.findings;
        let named = format!("entry {index} (");
        assert!(found.iter().any(|finding| finding.to_string().starts_with(&named)), "{found:?}");
        if index == entries / 2 {
            fs::write(service.folder().join("flipped.jsonl"), bytes)?;
            let refused = service.program("audit", &[&verify[..], &["flipped.jsonl"]].concat())?;
            assert_eq!(refused.status.code(), Some(1));
            let told = String::from_utf8(refused.stdout)?;
            assert!(told.contains(&format!("FINDING {named}")), "{told}");
        }
    }
    Ok(())
}

/// The service does not start on a changed ledger, and the auditor sees which entry was changed.
fn a_flipped_byte_in_the_store_is_named(service: &mut Service, entries: &[Entry]) -> Story {
    let frozen = entries.iter().position(|entry| entry.kind() == "round_frozen");
    let frozen = frozen.context("the round was frozen")? as u64;
    let data_dir = service.installation.data_dir();
    store::flip_entry(&data_dir, frozen)?;
    let refused = service.restart().expect_err("a changed ledger").to_string();
    let told = format!("ledger entry {frozen} does not hash to its leaf");
    assert!(refused.contains(&told), "{refused}");
    let data_dir = data_dir.to_str().context("a path in UTF-8")?;
    let inspected = service.program("audit", &["inspect", "--data-dir", data_dir])?;
    assert_eq!(inspected.status.code(), Some(1));
    let told = String::from_utf8(inspected.stdout)?;
    let named = format!("FINDING entry {frozen}: an entry hashes to its leaf");
    assert!(told.contains(&named), "{told}");
    Ok(())
}
