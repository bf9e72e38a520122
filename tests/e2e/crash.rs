//! A power cut at a bad moment: nothing acknowledged is lost, nothing half-done is seen.

use std::time::Duration;

use anyhow::Context as _;
use samenloop_audit::inspect::{InspectJob, inspect, read_wrapping_key};
use samenloop_audit::scan::Markers;
use samenloop_ledger::Event;
use samenloop_tests::{Cast, Role, Service, Story};
use samenloop_wire::v1;
use samenloop_wire::v1::ledger_client::LedgerClient;
use samenloop_wire::v1::rounds_client::RoundsClient;
use samenloop_wire::v1::submissions_client::SubmissionsClient;
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;

use crate::SERVICE;

const ROWS: u64 = 250;

fn open(cast: &Cast, id: [u8; 16], records: u64) -> v1::OpenSubmissionRequest {
    v1::OpenSubmissionRequest {
        round_id: cast.round_bytes(),
        submission_id: id.to_vec().into(),
        key_check_value: cast.kcv_bytes(),
        records,
    }
}

fn seal(cast: &Cast, id: [u8; 16], batches: u32) -> v1::SealSubmissionRequest {
    v1::SealSubmissionRequest {
        round_id: cast.round_bytes(),
        submission_id: id.to_vec().into(),
        batches,
        records: u64::from(batches) * ROWS,
    }
}

/// Uploads the batches of this range, seals, and returns how often a batch was acknowledged.
async fn submit(channel: Channel, cast: &Cast, id: [u8; 16], batches: u32) -> anyhow::Result<()> {
    let mut client = SubmissionsClient::new(channel);
    let opened = client.open_submission(open(cast, id, u64::from(batches) * ROWS)).await?;
    let from = opened.into_inner().next_batch;
    let rest: Vec<_> = (from..batches).map(|number| cast.batch(id, number, ROWS)).collect();
    let mut answers = client.upload_batches(tokio_stream::iter(rest)).await?.into_inner();
    while answers.message().await?.is_some() {}
    client.seal_submission(seal(cast, id, batches)).await?;
    Ok(())
}

async fn ledger_size(service: &Service) -> anyhow::Result<u64> {
    let mut client = LedgerClient::new(service.channel(Role::Auditor, "auditor").await?);
    let note = client.get_checkpoint(v1::GetCheckpointRequest {}).await?.into_inner().signed_note;
    let text = String::from_utf8(note.to_vec())?;
    text.lines().nth(1).and_then(|size| size.parse().ok()).context("a checkpoint has a size")
}

#[tokio::test]
async fn an_upload_killed_half_way_goes_on_where_it_was() -> Story {
    let mut service = Service::start(SERVICE)?;
    let cast = Cast::new("killed-upload")?;
    cast.open(&service).await?;
    let (id, batches) = ([1; 16], 24);
    let mut client = SubmissionsClient::new(service.channel(Role::Partner, "ggd").await?);
    client.open_submission(open(&cast, id, u64::from(batches) * ROWS)).await?;
    let all: Vec<_> = (0..batches).map(|number| cast.batch(id, number, ROWS)).collect();
    let stream = tokio_stream::iter(all).throttle(Duration::from_millis(5));
    let mut answers = client.upload_batches(stream).await?.into_inner();
    let mut acknowledged = vec![];
    while acknowledged.len() < 6 {
        let answer = answers.message().await?.context("an acknowledgement")?;
        assert_eq!(answer.number as usize, acknowledged.len());
        acknowledged.push(answer);
    }
    service.kill()?;
    // What had been answered before the kill may still be read: it is acknowledged too.
    while let Ok(Some(answer)) = answers.message().await {
        acknowledged.push(answer);
    }
    service.restart()?;

    let channel = service.channel(Role::Partner, "ggd").await?;
    let mut client = SubmissionsClient::new(channel.clone());
    let opened = client.open_submission(open(&cast, id, u64::from(batches) * ROWS)).await?;
    let next = opened.into_inner().next_batch as usize;
    assert!(next >= acknowledged.len(), "{next} held, {} acknowledged", acknowledged.len());
    assert!(next < batches as usize, "the kill came too late to interrupt anything");
    let last = acknowledged.last().context("acknowledgements")?.ledger_index;
    assert!(ledger_size(&service).await? > last, "an acknowledged entry is gone");

    // A batch that is held is acknowledged again, with the entry that it had.
    let again = tokio_stream::iter([cast.batch(id, 0, ROWS)]);
    let answer = client.upload_batches(again).await?.into_inner().message().await?;
    assert_eq!(answer.as_ref(), acknowledged.first());

    submit(channel, &cast, id, batches).await?;
    let mine = v1::GetSubmissionsRequest { round_id: cast.round_bytes() };
    let submissions = client.get_submissions(mine).await?.into_inner().submissions;
    assert_eq!(submissions.len(), 1);
    assert_eq!(submissions[0].records, u64::from(batches) * ROWS);
    assert_eq!(submissions[0].state(), v1::SubmissionState::Sealed);
    assert!(service.stop()?, "the service ends well when asked to");
    Ok(())
}

/// A run that ends before it can be killed shows nothing, so a larger one follows.
#[tokio::test]
async fn a_run_killed_half_way_is_run_again_with_the_same_inputs() -> Story {
    for batches in [8, 24, 80] {
        if killed_run(batches).await? {
            return Ok(());
        }
    }
    panic!("no run was long enough to be killed half-way");
}

/// Kills a run of three parties with this many batches each; tells whether it was half-way.
async fn killed_run(batches: u32) -> anyhow::Result<bool> {
    let mut service = Service::start(SERVICE)?;
    let cast = Cast::new("killed-run")?;
    cast.open(&service).await?;
    for (place, party) in Cast::PARTIES.into_iter().enumerate() {
        let channel = service.channel(Role::Partner, party).await?;
        submit(channel, &cast, [place as u8 + 1; 16], batches).await?;
    }
    let round_id = cast.round_bytes();
    let mut rounds = RoundsClient::new(service.channel(Role::Coordinator, "regie").await?);
    let freeze = v1::FreezeRoundRequest { round_id: round_id.clone() };
    let inputs_root = rounds.freeze_round(freeze).await?.into_inner().inputs_root;
    let link = v1::LinkRoundRequest { round_id: round_id.clone() };
    let mut progress = rounds.link_round(link.clone()).await?.into_inner();
    loop {
        let seen = progress.message().await?.context("progress")?;
        if seen.finished {
            return Ok(false);
        }
        if seen.percent > 0 {
            break;
        }
    }
    service.kill()?;
    service.restart()?;

    let mut rounds = RoundsClient::new(service.channel(Role::Coordinator, "regie").await?);
    let request = v1::GetRoundRequest { round_id: round_id.clone() };
    let state = rounds.get_round(request.clone()).await?.into_inner().state();
    if state == v1::RoundState::Linked {
        return Ok(false);
    }
    assert_eq!(state, v1::RoundState::Frozen, "half a run shows");
    let entries = service.ledger().await?;
    let count = |kind| entries.iter().filter(|entry| entry.kind() == kind).count();
    assert_eq!((count("run_started"), count("run_finished"), count("recovered")), (1, 0, 1));
    assert_eq!(count("batch_accepted"), 3 * batches as usize);
    assert_eq!(count("submission_sealed"), 3);

    let mut progress = rounds.link_round(link).await?.into_inner();
    let (mut finished, mut percent) = (false, 0);
    while let Some(step) = progress.message().await? {
        assert!(step.percent >= percent, "progress goes back");
        (percent, finished) = (step.percent, step.finished);
    }
    assert!(finished);
    assert_eq!(rounds.get_round(request).await?.into_inner().state(), v1::RoundState::Linked);
    let frozen = service.ledger().await?.into_iter().find_map(|entry| match entry.event {
        Event::RoundFrozen { inputs_root, .. } => Some(inputs_root),
        _ => None,
    });
    assert_eq!(frozen.map(|root| root.0.to_vec()), Some(inputs_root.to_vec()));
    assert!(service.stop()?);
    // The auditor finds the same inputs under the root that was frozen before the kill.
    let data_dir = service.installation.data_dir();
    let markers = Markers::new::<&str>([])?;
    let wrapping_key = Some(read_wrapping_key(&service.installation.wrapping_key())?);
    let seen = inspect(&InspectJob { data_dir: &data_dir, wrapping_key, markers: &markers })?;
    assert!(seen.passed(), "{:?}", seen.findings);
    Ok(true)
}

#[tokio::test]
async fn a_newer_submission_takes_the_place_of_the_older_one_when_it_is_sealed() -> Story {
    let service = Service::start(SERVICE)?;
    let cast = Cast::new("replaced")?;
    cast.open(&service).await?;
    let channel = service.channel(Role::Partner, "ggd").await?;
    let mut client = SubmissionsClient::new(channel.clone());
    let states = async |client: &mut SubmissionsClient<Channel>| -> anyhow::Result<Vec<_>> {
        let mine = v1::GetSubmissionsRequest { round_id: cast.round_bytes() };
        let found = client.get_submissions(mine).await?.into_inner().submissions;
        Ok(found.into_iter().map(|submission| submission.state()).collect())
    };
    use v1::SubmissionState::{Abandoned, Open, Replaced, Sealed, Withdrawn};
    submit(channel.clone(), &cast, [1; 16], 2).await?;
    client.open_submission(open(&cast, [2; 16], ROWS)).await?;
    assert_eq!(states(&mut client).await?, [Sealed, Open]);
    submit(channel.clone(), &cast, [3; 16], 3).await?;
    assert_eq!(states(&mut client).await?, [Replaced, Abandoned, Sealed]);
    // What is replaced does not come back.
    let back = client.open_submission(open(&cast, [1; 16], 2 * ROWS)).await;
    assert!(back.is_err());
    let withdraw = v1::WithdrawSubmissionRequest {
        round_id: cast.round_bytes(),
        submission_id: vec![3; 16].into(),
    };
    client.withdraw_submission(withdraw.clone()).await?;
    client.withdraw_submission(withdraw).await?;
    assert_eq!(states(&mut client).await?, [Replaced, Abandoned, Withdrawn]);
    Ok(())
}
