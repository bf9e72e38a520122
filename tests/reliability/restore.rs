//! The disk is lost: a backup, the auditor's ledger and today's keys bring the round back, without
//! what was withdrawn.

use std::fs;

use anyhow::{Context as _, ensure};
use samenloop_tests::{Cast, Role, Service, Story};
use samenloop_wire::v1;
use samenloop_wire::v1::submissions_client::SubmissionsClient;
use serde_json::Value;

use crate::SERVICE;
use crate::kill::inspect_store;
use crate::life::PartyLife;

#[tokio::test]
async fn a_lost_disk_is_restored_without_what_was_withdrawn() -> Story {
    let mut service = Service::start(SERVICE)?;
    let cast = Cast::new("restored")?;
    cast.open(&service).await?;
    let mut parties: Vec<_> =
        Cast::PARTIES.iter().zip(0..).map(|(name, place)| PartyLife::new(name, place)).collect();
    for party in &mut parties {
        party.settle(service.channel(Role::Partner, party.name).await?, &cast).await?;
    }
    let config = service.installation.service_config();
    let config = config.to_str().context("a path in UTF-8")?.to_owned();
    let backup = ["backup", "--config", &config, "--out", "backup.redb", "--json"];
    let refused = service.program("service", &backup)?;
    ensure!(refused.status.code() == Some(1), "a running service is backed up: {refused:?}");
    ensure!(String::from_utf8(refused.stderr)?.contains("stop it first"));
    ensure!(service.stop()?);
    let told: Value = serde_json::from_str(&service.succeed("service", &backup)?)?;
    service.restart()?;

    let ggd = service.channel(Role::Partner, "ggd").await?;
    let mine = v1::GetSubmissionsRequest { round_id: cast.round_bytes() };
    let own = SubmissionsClient::new(ggd.clone()).get_submissions(mine.clone()).await?.into_inner();
    let withdraw = v1::WithdrawSubmissionRequest {
        round_id: cast.round_bytes(),
        submission_id: own.submissions[0].submission_id.clone(),
    };
    SubmissionsClient::new(ggd).withdraw_submission(withdraw).await?;
    let audit = service.config(Role::Auditor, "auditor", None)?;
    let key = service.succeed("service", &["ledger-key", "--config", &config])?;
    let verify = ["verify", "--config", &audit, "--vkey", key.trim(), "--json"];
    service.succeed("audit", &[&verify[..], &["--bundle-out", "ledger.jsonl"]].concat())?;
    service.kill()?;

    let data = service.installation.data_dir();
    fs::rename(&data, service.folder().join("lost"))?;
    let restore =
        ["restore", "--config", &config, "--backup", "backup.redb", "--ledger", "ledger.jsonl"];
    service.succeed("service", &restore)?;
    service.restart()?;
    // The auditor's kept checkpoint is of the time after the backup: the ledger goes on from it.
    let verified: Value = serde_json::from_str(&service.succeed("audit", &verify)?)?;
    let before = told["entries"].as_u64().context("a number")?;
    let from = verified["consistent_from"].as_u64().context("a checkpoint was kept")?;
    ensure!(from > before, "{from} entries kept, {before} backed up");
    ensure!(verified["kinds"]["restored"] == 1, "{verified}");
    let channel = service.channel(Role::Partner, "ggd").await?;
    let own = SubmissionsClient::new(channel.clone()).get_submissions(mine).await?.into_inner();
    ensure!(own.submissions[0].state() == v1::SubmissionState::Withdrawn, "{own:?}");

    // The round goes on to its end.
    parties[0].settle(channel, &cast).await?;
    let coordinator = service.config(Role::Coordinator, "regie", None)?;
    let round = cast.round.to_string();
    for step in ["freeze", "link"] {
        let words = ["round", step, "--config", &coordinator, "--round", &round];
        service.succeed("service", &words)?;
    }
    service.succeed("audit", &verify)?;
    ensure!(service.stop()?);
    let replay = ["replay", "--config", &config, "--round", &round, "--json"];
    let replayed: Value = serde_json::from_str(&service.succeed("service", &replay)?)?;
    ensure!(replayed["same"] == true, "{replayed}");
    inspect_store(&service)
}
