//! Ten times as many callers as the service takes: it refuses what is too much before its memory grows,
//! loses nothing that it acknowledged, and serves everyone once the rush is over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use samenloop_schema::RoundManifest;
use samenloop_tests::{Cast, Role, Service, Story};
use samenloop_wire::v1;
use samenloop_wire::v1::rounds_client::RoundsClient;
use samenloop_wire::v1::submissions_client::SubmissionsClient;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::SERVICE;

/// Uploads that the service takes at the same time, and a tenth of those that come.
const CAPACITY: usize = 8;

/// A round of so many parties, open.
async fn round(
    service: &Service,
    label: &str,
    parties: &[String],
    most: u64,
) -> anyhow::Result<Arc<Cast>> {
    let mut cast = Cast::new(label)?;
    let list: String = parties
        .iter()
        .map(|id| format!("[[party]]\nid = \"{id}\"\nmax_records = {most}\n"))
        .collect();
    cast.manifest_toml = format!(
        "purpose = \"Overload\"\nschema_hash = \"{}\"\nretention_days = 1\n{list}",
        cast.schema.hash()
    );
    cast.round = RoundManifest::round_id(&cast.manifest_toml);
    let mut rounds = RoundsClient::new(service.channel(Role::Coordinator, "regie").await?);
    let create = v1::CreateRoundRequest {
        manifest_toml: cast.manifest_toml.clone().into(),
        schema_toml: cast.schema_toml.clone().into(),
    };
    rounds.create_round(create).await?;
    for party in parties {
        let announce = v1::AnnounceKeyRequest {
            round_id: cast.round_bytes(),
            key_check_value: cast.kcv_bytes(),
        };
        let channel = service.channel(Role::Partner, party).await?;
        SubmissionsClient::new(channel).announce_key(announce).await?;
    }
    rounds.open_round(v1::OpenRoundRequest { round_id: cast.round_bytes() }).await?;
    Ok(Arc::new(cast))
}

fn id(number: usize) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    id
}

async fn open(
    channel: &Channel,
    cast: &Cast,
    submission: [u8; 16],
    records: u64,
) -> Result<v1::OpenSubmissionResponse, Status> {
    let request = v1::OpenSubmissionRequest {
        round_id: cast.round_bytes(),
        submission_id: submission.to_vec().into(),
        key_check_value: cast.kcv_bytes(),
        records,
    };
    Ok(SubmissionsClient::new(channel.clone()).open_submission(request).await?.into_inner())
}

/// Uploads from the batch on that the service asks for, and seals. Gives the batches sent.
async fn submit(
    channel: &Channel,
    cast: &Arc<Cast>,
    submission: [u8; 16],
    batches: u32,
    rows: u64,
) -> Result<u32, Status> {
    let records = u64::from(batches) * rows;
    let next = open(channel, cast, submission, records).await?.next_batch;
    let (send, receive) = mpsc::channel(1);
    let source = Arc::clone(cast);
    tokio::task::spawn_blocking(move || {
        for number in next..batches {
            if send.blocking_send(source.batch(submission, number, rows)).is_err() {
                return;
            }
        }
    });
    let mut client = SubmissionsClient::new(channel.clone());
    let mut answers = client.upload_batches(ReceiverStream::new(receive)).await?.into_inner();
    while answers.message().await?.is_some() {}
    let seal = v1::SealSubmissionRequest {
        round_id: cast.round_bytes(),
        submission_id: submission.to_vec().into(),
        batches,
        records,
    };
    client.seal_submission(seal).await?;
    Ok(batches - next)
}

/// The same as a partner's program does it: again after a while when the service has too much to do.
/// Gives how often it was told so.
async fn submit_patiently(
    channel: &Channel,
    cast: &Arc<Cast>,
    submission: [u8; 16],
    batches: u32,
    rows: u64,
) -> anyhow::Result<u32> {
    for refused in 0..2000 {
        match submit(channel, cast, submission, batches, rows).await {
            Ok(_) => return Ok(refused),
            Err(status) if status.code() == Code::ResourceExhausted => {
                let spread = u64::from(submission[7]) * 3;
                tokio::time::sleep(Duration::from_millis(100 + spread)).await;
            }
            Err(status) => return Err(status.into()),
        }
    }
    bail!("the service was never free")
}

/// Opens an upload, sends a batch, waits for its acknowledgement and keeps the upload open. Gives the
/// batches acknowledged, and what holds the upload open.
async fn hold(
    channel: Channel,
    cast: Arc<Cast>,
    submission: [u8; 16],
) -> Result<(u32, mpsc::Sender<v1::Batch>), Status> {
    open(&channel, &cast, submission, 400).await?;
    let (send, receive) = mpsc::channel(1);
    // The receiver is held by the call.
    let _ = send.send(cast.batch(submission, 0, 200)).await;
    let mut client = SubmissionsClient::new(channel);
    let mut answers = client.upload_batches(ReceiverStream::new(receive)).await?.into_inner();
    let acknowledged = u32::from(answers.message().await?.is_some());
    tokio::spawn(async move { while let Ok(Some(_)) = answers.message().await {} });
    Ok((acknowledged, send))
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_the_capacity_is_refused_in_part_and_nothing_acknowledged_is_lost() -> Story {
    let limits = format!(
        "[limits]\nuploads = {CAPACITY}\nrequests = {CAPACITY}\nrequests_per_caller = 4\n\
         connections = 400\nconnections_per_caller = 8\n"
    );
    let service = Service::start_with(SERVICE, &limits)?;
    let parties: Vec<String> = (0..10 * CAPACITY).map(|number| format!("party-{number}")).collect();
    let cast = round(&service, "overload", &parties, 1000).await?;
    let idle = service.peak_mib()?;

    let mut channels = vec![];
    for party in &parties {
        channels.push(service.channel(Role::Partner, party).await?);
    }
    let mut uploads = JoinSet::new();
    let mut calls = JoinSet::new();
    for (number, channel) in channels.iter().enumerate() {
        let (held, cast) =
            (hold(channel.clone(), Arc::clone(&cast), id(number)), Arc::clone(&cast));
        uploads.spawn(async move { (number, held.await) });
        for _ in 0..2 {
            let (mut client, cast) = (SubmissionsClient::new(channel.clone()), Arc::clone(&cast));
            calls.spawn(async move {
                let request = v1::GetSubmissionsRequest { round_id: cast.round_bytes() };
                client.get_submissions(request).await.map(|_| ())
            });
        }
    }
    let mut acknowledged = BTreeMap::new();
    let (mut refused, mut senders) = (0, vec![]);
    while let Some(held) = uploads.join_next().await {
        match held? {
            (number, Ok((batches, sender))) => {
                acknowledged.insert(number, batches);
                senders.push(sender);
            }
            (_, Err(status)) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                refused += 1;
            }
        }
    }
    while let Some(called) = calls.join_next().await {
        if let Err(status) = called? {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        }
    }
    assert!(acknowledged.len() <= CAPACITY, "{} uploads at the same time", acknowledged.len());
    assert_eq!(refused + acknowledged.len(), parties.len());
    assert!(!acknowledged.is_empty());
    drop(senders);

    // Afterwards everyone is served, the refused ones too, and what was acknowledged is there.
    for (number, channel) in channels.iter().enumerate() {
        let mut next = None;
        for _ in 0..100 {
            match open(channel, &cast, id(number), 400).await {
                Ok(resume) => {
                    next = Some(resume.next_batch);
                    break;
                }
                Err(status) => assert_eq!(status.code(), Code::ResourceExhausted, "{status}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let held = acknowledged.get(&number).copied().unwrap_or_default();
        assert!(next.context("never served")? >= held, "party {number} lost a batch");
        submit_patiently(channel, &cast, id(number), 2, 200).await?;
    }
    let peak = service.peak_mib()?;
    println!(
        "{} uploads at once, {} held and {refused} refused; peak {idle} MiB idle, {peak} MiB after",
        parties.len(),
        acknowledged.len()
    );
    // A held upload may keep 16 MiB of batches and 2 MiB on their way; the rest is the program.
    let most = idle + 18 * CAPACITY as u64 + 100;
    assert!(peak < most, "{peak} MiB, {most} MiB would be bounded");
    Ok(())
}

/// `SAMENLOOP_OVERLOAD=1 cargo test --release -p samenloop-tests --test e2e many_small -- --nocapture`:
/// 1,000 small sources at the same time and one of a million records, under the shipped limits.
#[tokio::test(flavor = "multi_thread")]
async fn many_small_sources_and_a_large_one_are_taken_at_the_same_time() -> Story {
    if std::env::var_os("SAMENLOOP_OVERLOAD").is_none() {
        return Ok(());
    }
    let service = Service::start(SERVICE)?;
    let mut casts = vec![];
    for number in 0..25 {
        let parties: Vec<String> = (0..40).map(|place| format!("r{number}-p{place}")).collect();
        casts.push((round(&service, &format!("small-{number}"), &parties, 100).await?, parties));
    }
    let large = ["groot", "ander", "derde"].map(str::to_owned);
    let large_cast = round(&service, "large", &large, 1_000_000).await?;
    let idle = service.peak_mib()?;
    let began = std::time::Instant::now();
    let mut work = JoinSet::new();
    let channel = service.channel(Role::Partner, &large[0]).await?;
    work.spawn(async move {
        let refused = submit_patiently(&channel, &large_cast, id(0), 2500, 400).await?;
        println!("a million records after {:?}, refused {refused} times", began.elapsed());
        anyhow::Ok(refused)
    });
    let mut small = JoinSet::new();
    for (round, (cast, parties)) in casts.into_iter().enumerate() {
        for (place, party) in parties.into_iter().enumerate() {
            let own = id(1 + 40 * round + place);
            let (config, cast) = (service.client(Role::Partner, &party)?, Arc::clone(&cast));
            small.spawn(async move {
                let channel = config.connect().await?;
                submit_patiently(&channel, &cast, own, 1, 20).await
            });
        }
    }
    let (mut done, mut refused) = (0, 0);
    while let Some(submitted) = small.join_next().await {
        refused += submitted??;
        done += 1;
    }
    println!("{done} small sources after {:?}, refused {refused} times", began.elapsed());
    ensure!(done == 1000, "{done}");
    while let Some(submitted) = work.join_next().await {
        submitted??;
    }
    println!("peak {idle} MiB idle, {} MiB after", service.peak_mib()?);
    Ok(())
}
