//! `samenloop-service round`: the coordinator's commands as a client of the service.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use samenloop_schema::{RoundId, RoundManifest, RoundState};
use samenloop_wire::client::{ClientConfig, explain};
use samenloop_wire::v1::rounds_client::RoundsClient;
use samenloop_wire::v1::{
    CancelRunRequest, CloseRoundRequest, CorrectRoundRequest, Correction, CreateRoundRequest,
    FreezeRoundRequest, GetRoundRequest, GetRoundResponse, LinkRoundRequest, ListRoundsRequest,
    OpenRoundRequest, ReleaseRoundRequest,
};
use serde_json::{Value, json};
use tonic::Status;
use tonic::transport::Channel;

use crate::flags::{Client, Reason, Round, Which};
use crate::roll_up;

type Rounds = RoundsClient<Channel>;

pub(crate) fn run(command: Round) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Round::Create { manifest, schema, client } => create(&manifest, &schema, &client).await,
            Round::RollUp { name, of, csv } => {
                print!("{}", roll_up::section(&name, &of, &csv)?);
                Ok(())
            }
            Round::Status(which) => status(&which).await,
            Round::Open(which) => step(&which, "open", open).await,
            Round::Freeze(which) => step(&which, "frozen", freeze).await,
            Round::Link(which) => step(&which, "linked", link).await,
            Round::Cancel(which) => step(&which, "frozen", cancel).await,
            Round::Release(which) => step(&which, "released", release).await,
            Round::Correct { reason, which } => {
                let take = |rounds, round, _| correct(rounds, round, reason);
                step(&which, "frozen", take).await
            }
            Round::Close(which) => step(&which, "closed", close).await,
        }
    })
}

async fn connect(client: &Client) -> anyhow::Result<(Rounds, Option<RoundId>)> {
    let config = ClientConfig::read(&client.config)?;
    Ok((RoundsClient::new(config.connect().await?), config.round))
}

fn told(status: Status) -> anyhow::Error {
    anyhow!(explain(&status))
}

fn bytes(round: &RoundId) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(round.as_bytes())
}

async fn create(manifest: &Path, schema: &Path, client: &Client) -> anyhow::Result<()> {
    let read = |path: &Path| {
        std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let request = CreateRoundRequest {
        manifest_toml: read(manifest)?.into(),
        schema_toml: read(schema)?.into(),
    };
    let (mut rounds, _) = connect(client).await?;
    let created = rounds.create_round(request).await.map_err(told)?.into_inner();
    let round = RoundId::from_slice(&created.round_id).context("the service sent no round id")?;
    if client.json {
        println!("{}", json!({"round": round, "state": "draft"}));
    } else {
        println!("round {round} is draft: partners announce their keys now");
    }
    Ok(())
}

/// Takes one step and tells of it. The step gives what the answer adds to the report.
async fn step<F>(
    which: &Which,
    state: &str,
    take: impl FnOnce(Rounds, RoundId, bool) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = Result<Option<(&'static str, String)>, Status>>,
{
    let (rounds, configured) = connect(&which.client).await?;
    let round = which
        .round
        .or(configured)
        .context("name the round with --round, or write round = \"…\" into the configuration")?;
    let more = take(rounds, round, which.client.json).await.map_err(told)?;
    if which.client.json {
        let mut report = json!({"round": round, "state": state});
        if let Some((name, value)) = more {
            report[name] = value.into();
        }
        println!("{report}");
    } else {
        println!("round {round} is {state}");
        if let Some((name, value)) = more {
            println!("{} {value}", name.replace('_', " "));
        }
    }
    Ok(())
}

type More = Result<Option<(&'static str, String)>, Status>;

async fn open(mut rounds: Rounds, round: RoundId, _: bool) -> More {
    rounds.open_round(OpenRoundRequest { round_id: bytes(&round) }).await?;
    Ok(None)
}

async fn freeze(mut rounds: Rounds, round: RoundId, _: bool) -> More {
    let frozen = rounds.freeze_round(FreezeRoundRequest { round_id: bytes(&round) }).await?;
    Ok(Some(("inputs_root", hex(&frozen.into_inner().inputs_root))))
}

async fn link(mut rounds: Rounds, round: RoundId, json: bool) -> More {
    let request = LinkRoundRequest { round_id: bytes(&round) };
    let mut progress = rounds.link_round(request).await?.into_inner();
    let bar = if json { ProgressBar::hidden() } else { ProgressBar::new(100) };
    if let Ok(style) =
        ProgressStyle::with_template("linking {bar:40} {pos}% {elapsed}, about {eta} left")
    {
        bar.set_style(style);
    }
    while let Some(seen) = progress.message().await? {
        bar.set_position(seen.percent.into());
        if seen.finished {
            bar.finish_and_clear();
            return Ok(Some(("missed_percent", seen.missed_percent.to_string())));
        }
    }
    Err(Status::unavailable("the progress broke off; the run goes on: ask for it with round link"))
}

async fn cancel(mut rounds: Rounds, round: RoundId, _: bool) -> More {
    rounds.cancel_run(CancelRunRequest { round_id: bytes(&round) }).await?;
    Ok(None)
}

async fn release(mut rounds: Rounds, round: RoundId, _: bool) -> More {
    let released = rounds.release_round(ReleaseRoundRequest { round_id: bytes(&round) }).await?;
    Ok(Some(("release_digest", hex(&released.into_inner().release_digest))))
}

async fn correct(mut rounds: Rounds, round: RoundId, reason: Reason) -> More {
    let reason = match reason {
        Reason::Linkage => Correction::Linkage,
        Reason::Tables => Correction::Tables,
    };
    let request = CorrectRoundRequest { round_id: bytes(&round), reason: reason.into() };
    rounds.correct_round(request).await?;
    Ok(None)
}

async fn close(mut rounds: Rounds, round: RoundId, _: bool) -> More {
    rounds.close_round(CloseRoundRequest { round_id: bytes(&round) }).await?;
    Ok(None)
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

async fn status(which: &Which) -> anyhow::Result<()> {
    let (mut rounds, configured) = connect(&which.client).await?;
    let found = match which.round.or(configured) {
        Some(round) => {
            let request = GetRoundRequest { round_id: bytes(&round) };
            vec![rounds.get_round(request).await.map_err(told)?.into_inner()]
        }
        None => rounds.list_rounds(ListRoundsRequest {}).await.map_err(told)?.into_inner().rounds,
    };
    let reports = found.iter().map(report).collect::<anyhow::Result<Vec<_>>>()?;
    if which.client.json {
        println!("{}", json!({"rounds": reports}));
        return Ok(());
    }
    if reports.is_empty() {
        println!("there are no rounds");
    }
    for round in &reports {
        print(round);
    }
    Ok(())
}

fn report(round: &GetRoundResponse) -> anyhow::Result<Value> {
    let id = RoundId::from_slice(&round.round_id).context("the service sent no round id")?;
    let state: Option<RoundState> = round.state().to_vocabulary();
    let manifest = std::str::from_utf8(&round.manifest_toml)
        .ok()
        .and_then(|text| RoundManifest::from_toml(text).ok())
        .context("the service sent a manifest that this program cannot read")?;
    let parties: Vec<Value> = round
        .parties
        .iter()
        .map(|party| {
            let name = manifest.parties.get(party.party as usize).map(|party| &party.id);
            json!({
                "party": name,
                "key_announced": party.key_announced,
                "key_differs": party.key_differs,
                "sealed": party.sealed,
                "records_rounded": party.records_rounded,
            })
        })
        .collect();
    Ok(json!({"round": id, "state": state, "purpose": manifest.purpose, "parties": parties}))
}

fn print(round: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    println!("round {} is {}", text(&round["round"]), text(&round["state"]));
    println!("  {}", text(&round["purpose"]));
    for party in round["parties"].as_array().into_iter().flatten() {
        let is = |name: &str| party[name].as_bool() == Some(true);
        let key = match (is("key_announced"), is("key_differs")) {
            (false, _) => "no key announced",
            (true, true) => "another key than the others",
            (true, false) => "key announced",
        };
        let sealed = if is("sealed") {
            format!("sealed, about {} records", party["records_rounded"])
        } else {
            "nothing sealed".to_owned()
        };
        println!("  {:<32} {key}; {sealed}", text(&party["party"]));
    }
}
