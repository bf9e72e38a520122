//! SIGKILL at a random moment, over and over, while three parties submit over mutual TLS.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use samenloop_audit::inspect::{InspectJob, inspect, read_wrapping_key};
use samenloop_audit::scan::Markers;
use samenloop_ledger::Event;
use samenloop_tests::{Cast, Role, Service, Story};
use samenloop_wire::v1;
use samenloop_wire::v1::ledger_client::LedgerClient;
use samenloop_wire::v1::rounds_client::RoundsClient;

use crate::life::PartyLife;
use crate::{SERVICE, setting};

/// Kills that one store lives through.
const KILLS_OF_A_LIFE: u64 = 40;

/// What all lives together showed.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    kills_at_work: u64,
    kills_of_runs: u64,
    batches: u64,
    entries: u64,
    rotations: u64,
}

/// A stream of numbers that a seed decides.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }
}

/// The leaves that the service serves now. What was served before must be their beginning.
async fn grow(service: &Service, leaves: &mut Vec<Vec<u8>>) -> anyhow::Result<()> {
    let mut client = LedgerClient::new(service.channel(Role::Auditor, "auditor").await?);
    let request = v1::ListEntriesRequest { from: 0, to: 0 };
    let mut stream = client.list_entries(request).await?.into_inner();
    let mut now = vec![];
    while let Some(served) = stream.message().await? {
        now.push(served.leaf.to_vec());
    }
    ensure!(now.starts_with(leaves), "{} entries do not begin with {}", now.len(), leaves.len());
    *leaves = now;
    Ok(())
}

/// The auditor opens every row with the operator's key and compares it with the ledger.
pub fn inspect_store(service: &Service) -> anyhow::Result<()> {
    let data_dir = service.installation.data_dir();
    let markers = Markers::new::<&str>([])?;
    let wrapping_key = Some(read_wrapping_key(&service.installation.wrapping_key())?);
    let seen = inspect(&InspectJob { data_dir: &data_dir, wrapping_key, markers: &markers })?;
    ensure!(seen.passed(), "{:?}", seen.findings);
    Ok(())
}

async fn life(kills: u64, draws: &mut Draws, tally: &mut Tally) -> anyhow::Result<()> {
    let mut service = Service::start(SERVICE)?;
    let cast = Cast::new("killed")?;
    cast.open(&service).await?;
    let mut parties: Vec<_> =
        Cast::PARTIES.iter().zip(0..).map(|(name, place)| PartyLife::new(name, place)).collect();
    let mut leaves = vec![];
    for _ in 0..kills {
        let mut channels = vec![];
        for party in &parties {
            channels.push(service.channel(Role::Partner, party.name).await?);
        }
        let before: u64 = parties.iter().map(|party| party.entry).sum();
        let patience = Duration::from_micros(draws.below(250_000));
        let seeds: Vec<_> = parties.iter().map(|_| draws.below(1 << 30)).collect();
        let mut work = tokio::task::JoinSet::new();
        let shared = std::sync::Arc::new(Cast::new("killed")?);
        for ((mut party, channel), seed) in parties.drain(..).zip(channels).zip(seeds) {
            let cast = std::sync::Arc::clone(&shared);
            work.spawn(async move {
                party.work(channel, &cast, seed).await;
                party
            });
        }
        tokio::time::sleep(patience).await;
        service.kill()?;
        while let Some(party) = work.join_next().await {
            parties.push(party?);
        }
        parties.sort_by_key(|party| party.place);
        tally.kills += 1;
        tally.kills_at_work +=
            u64::from(parties.iter().map(|party| party.entry).sum::<u64>() > before);

        service.restart()?;
        grow(&service, &mut leaves).await?;
        for party in &mut parties {
            let last = party.entry;
            ensure!((leaves.len() as u64) > last, "entry {last} was acknowledged and is gone");
            let channel = service.channel(Role::Partner, party.name).await?;
            party.check(channel, &cast).await?;
        }
    }
    end(&mut service, &cast, parties, draws, tally).await?;
    grow(&service, &mut leaves).await?;
    let entries = service.ledger().await?;
    tally.entries += entries.len() as u64;
    let count = |wanted: fn(&Event) -> bool| {
        entries.iter().filter(|entry| wanted(&entry.event)).count() as u64
    };
    tally.batches += count(|event| matches!(event, Event::BatchAccepted { .. }));
    tally.rotations += count(|event| matches!(event, Event::WrappingKeyRotated {}));
    ensure!(service.stop()?, "the service ends well when asked to");
    inspect_store(&service)
}

/// The last of a life: everyone seals, the round is frozen, and its run is killed.
async fn end(
    service: &mut Service,
    cast: &Cast,
    parties: Vec<PartyLife>,
    draws: &mut Draws,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    for mut party in parties {
        let channel = service.channel(Role::Partner, party.name).await?;
        party.settle(channel, cast).await?;
    }
    let round_id = cast.round_bytes();
    let mut rounds = RoundsClient::new(service.channel(Role::Coordinator, "regie").await?);
    rounds.freeze_round(v1::FreezeRoundRequest { round_id: round_id.clone() }).await?;
    let link = v1::LinkRoundRequest { round_id: round_id.clone() };
    let _progress = rounds.link_round(link.clone()).await?.into_inner();
    tokio::time::sleep(Duration::from_micros(draws.below(60_000))).await;
    service.kill()?;
    tally.kills += 1;
    tally.kills_of_runs += 1;
    service.restart()?;
    let mut rounds = RoundsClient::new(service.channel(Role::Coordinator, "regie").await?);
    let state = rounds.get_round(v1::GetRoundRequest { round_id: round_id.clone() }).await?;
    match state.into_inner().state() {
        v1::RoundState::Linked => {}
        v1::RoundState::Frozen => {
            let mut progress = rounds.link_round(link).await?.into_inner();
            let mut finished = false;
            while let Some(seen) = progress.message().await? {
                finished = seen.finished;
            }
            ensure!(finished, "the run does not end");
        }
        other => anyhow::bail!("a killed run leaves the round {other:?}"),
    }
    Ok(())
}

/// `SAMENLOOP_KILLS` sets how often, `SAMENLOOP_SEED` which moments are drawn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_when_the_service_is_killed() -> Story {
    let (kills, seed) = (setting("SAMENLOOP_KILLS", 8), setting("SAMENLOOP_SEED", 1));
    let (begin, mut draws, mut tally) = (Instant::now(), Draws(seed), Tally::default());
    while tally.kills < kills {
        let next = (kills - tally.kills).saturating_sub(1).clamp(1, KILLS_OF_A_LIFE);
        life(next, &mut draws, &mut tally)
            .await
            .with_context(|| format!("seed {seed}, after {} kills", tally.kills))?;
    }
    println!("{tally:?} in {:.0} s", begin.elapsed().as_secs_f64());
    ensure!(tally.kills_at_work > 0, "no kill came while anything was acknowledged");
    Ok(())
}
