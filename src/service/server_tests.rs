use std::path::Path;

use prost::Message as _;
use samenloop_schema::{RoundId, SubmissionId};
use samenloop_wire::client::{ClientConfig, explain};
use samenloop_wire::v1::ledger_client::LedgerClient;
use samenloop_wire::v1::releases_client::ReleasesClient;
use samenloop_wire::v1::rounds_client::RoundsClient;
use samenloop_wire::v1::submissions_client::SubmissionsClient;
use samenloop_wire::v1::*;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::*;
use crate::cert::CertificateAuthority;
use crate::config::{Keys, Ledger, Limits, Log, Tls};
use crate::fixture::{KEY, PARTIES, SCHEMA, batch, manifest, record};
use crate::identity::Role;

#[path = "transport_tests.rs"]
mod transport;

type Failure = Box<dyn std::error::Error>;

/// A service on loopback with certificates of its own.
struct Running {
    dir: tempfile::TempDir,
    address: SocketAddr,
    reloader: Reloader,
    metrics: Option<SocketAddr>,
    stop: tokio::sync::oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<Result<(), ServeError>>,
}

fn config(dir: &Path) -> Config {
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: dir.join("data"),
        reflection: false,
        tls: Tls {
            certificate: dir.join("service.pem"),
            key: dir.join("service.key"),
            client_ca: dir.join("authority.pem"),
            revoked: None,
        },
        keys: Keys { wrapping_key: dir.join("wrapping"), ledger_key: dir.join("ledger") },
        ledger: Ledger { origin: "samenloop.invalid/test".into() },
        limits: Limits::default(),
        log: Log::default(),
        metrics: None,
    }
}

async fn start(dir: tempfile::TempDir) -> Result<Running, Failure> {
    start_as(dir, |_| ()).await
}

async fn start_as(
    dir: tempfile::TempDir,
    change: impl FnOnce(&mut Config),
) -> Result<Running, Failure> {
    let mut config = config(dir.path());
    change(&mut config);
    let server = Server::bind(config).await?;
    let (address, reloader, metrics) =
        (server.local_addr(), server.reloader(), server.metrics_addr());
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let ended = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    Ok(Running { dir, address, reloader, metrics, stop, ended })
}

async fn install() -> Result<Running, Failure> {
    start(files()?).await
}

/// An installation that does not run yet.
fn files() -> Result<tempfile::TempDir, Failure> {
    let dir = tempfile::tempdir()?;
    let authority = CertificateAuthority::create()?;
    authority.write(dir.path())?;
    let hosts = ["127.0.0.1".to_owned()];
    let service = authority.issue_service(&"service".parse()?, &hosts, 1)?;
    service.write(dir.path(), "service", &authority)?;
    for key in ["wrapping", "ledger"] {
        keys::create(&dir.path().join(key))?;
    }
    Ok(dir)
}

impl Running {
    async fn client(&self, role: Role, name: &str) -> Result<Channel, Failure> {
        Ok(self.client_config(role, name)?.connect().await?)
    }

    fn client_config(&self, role: Role, name: &str) -> Result<ClientConfig, Failure> {
        let (dir, file) = (self.dir.path(), format!("{role}-{name}"));
        if !dir.join(format!("{file}.pem")).exists() {
            let authority = CertificateAuthority::read(dir)?;
            authority.issue(role, &name.parse()?)?.write(dir, &file, &authority)?;
        }
        Ok(ClientConfig {
            endpoint: format!("https://{}", self.address),
            server_name: None,
            ca: dir.join("authority.pem"),
            certificate: dir.join(format!("{file}.pem")),
            key: dir.join(format!("{file}.key")),
            round: None,
            ledger_key: None,
        })
    }

    async fn restart(self) -> Result<Self, Failure> {
        let _ = self.stop.send(());
        self.ended.await??;
        start(self.dir).await
    }
}

async fn submit(
    channel: &Channel,
    round: &RoundId,
    id: u8,
    people: std::ops::Range<u64>,
) -> Result<(), Status> {
    let mut client = SubmissionsClient::new(channel.clone());
    let (submission, records) = (SubmissionId([id; 16]), people.end - people.start);
    let opened = client.open_submission(OpenSubmissionRequest {
        round_id: round.0.to_vec().into(),
        submission_id: submission.0.to_vec().into(),
        key_check_value: KEY.0.to_vec().into(),
        records,
    });
    assert_eq!(opened.await?.into_inner().next_batch, 0);
    let rows: Vec<_> = people.map(record).collect();
    let chunks = rows.chunks(64).enumerate();
    let batches: Vec<_> =
        chunks.map(|(n, rows)| batch(round, submission, n as u32, rows)).collect();
    let count = batches.len() as u32;
    let mut answers = client.upload_batches(tokio_stream::iter(batches)).await?.into_inner();
    let mut next = 0;
    while let Some(answer) = answers.message().await? {
        assert_eq!(answer.number, next);
        next += 1;
    }
    assert_eq!(next, count);
    let sealed = client.seal_submission(SealSubmissionRequest {
        round_id: round.0.to_vec().into(),
        submission_id: submission.0.to_vec().into(),
        batches: count,
        records,
    });
    sealed.await.map(|_| ())
}

async fn entries(channel: Channel) -> Result<Vec<LedgerEntry>, Status> {
    let request = ListEntriesRequest { from: 0, to: 0 };
    let mut stream = LedgerClient::new(channel).list_entries(request).await?.into_inner();
    let mut entries = vec![];
    while let Some(entry) = stream.message().await? {
        entries.push(entry);
    }
    Ok(entries)
}

#[tokio::test]
async fn a_round_walks_from_draft_to_released_and_answers_alike_after_a_restart()
-> Result<(), Failure> {
    let service = install().await?;
    let coordinator = service.client(Role::Coordinator, "hoofd").await?;
    let mut rounds = RoundsClient::new(coordinator.clone());
    let created = rounds.create_round(CreateRoundRequest {
        manifest_toml: manifest("Testing").into_bytes().into(),
        schema_toml: SCHEMA.as_bytes().into(),
    });
    let round_id = created.await?.into_inner().round_id;
    let round = RoundId::from_slice(&round_id).ok_or("no round id")?;
    let mut channels = vec![];
    for party in PARTIES {
        let channel = service.client(Role::Partner, party).await?;
        let announce = AnnounceKeyRequest {
            round_id: round_id.clone(),
            key_check_value: KEY.0.to_vec().into(),
        };
        SubmissionsClient::new(channel.clone()).announce_key(announce).await?;
        channels.push(channel);
    }
    rounds.open_round(OpenRoundRequest { round_id: round_id.clone() }).await?;
    for (place, channel) in (0_u64..).zip(&channels) {
        submit(channel, &round, place as u8, 80 * place..80 * place + 200).await?;
    }
    rounds.freeze_round(FreezeRoundRequest { round_id: round_id.clone() }).await?;
    let link = LinkRoundRequest { round_id: round_id.clone() };
    let mut progress = rounds.link_round(link).await?.into_inner();
    let mut last = LinkRoundProgress::default();
    while let Some(seen) = progress.message().await? {
        assert!(seen.percent >= last.percent);
        last = seen;
    }
    assert_eq!(last, LinkRoundProgress { percent: 100, finished: true, missed_percent: 0 });
    let release = ReleaseRoundRequest { round_id: round_id.clone() };
    rounds.release_round(release.clone()).await?;
    let again = rounds.release_round(release).await.map_err(|status| status.code());
    assert_eq!(again.map(|_| ()), Err(Code::FailedPrecondition));

    let question = QueryTableRequest {
        round_id: round_id.clone(),
        measure: Measure::Overlap.into(),
        by: vec!["gemeente".into()],
    };
    let monitor = service.client(Role::Monitor, "onderzoek").await?;
    let mut releases = ReleasesClient::new(monitor.clone());
    let first = releases.query_table(question.clone()).await?.into_inner();
    let second = releases.query_table(question.clone()).await?.into_inner();
    assert_eq!(first.encode_to_vec(), second.encode_to_vec());
    assert!(first.cells.iter().any(|cell| !cell.suppressed && cell.count > 20));

    let auditor = service.client(Role::Auditor, "toezicht").await?;
    let all = entries(auditor).await?;
    assert!(all.iter().all(|entry| !entry.body.is_empty()));
    let own = entries(channels.swap_remove(0)).await?;
    let readable = own.iter().filter(|entry| !entry.body.is_empty()).count();
    assert!(readable > 8 && readable < own.len());
    assert!(entries(monitor).await?.iter().all(|entry| entry.body.is_empty()));

    let service = service.restart().await?;
    let monitor = service.client(Role::Monitor, "onderzoek").await?;
    let third = ReleasesClient::new(monitor).query_table(question).await?.into_inner();
    assert_eq!(first.encode_to_vec(), third.encode_to_vec());
    let auditor = service.client(Role::Auditor, "toezicht").await?;
    let after = entries(auditor).await?;
    assert_eq!(after[..all.len()], all);
    Ok(())
}

#[tokio::test]
async fn callers_keep_to_their_role_and_strangers_stay_out() -> Result<(), Failure> {
    let service = install().await?;
    let refused = |status: Status| (status.code(), status.message().to_owned());
    let monitor = service.client(Role::Monitor, "onderzoek").await?;
    let announce = AnnounceKeyRequest::default();
    let answer = SubmissionsClient::new(monitor.clone()).announce_key(announce).await;
    let (code, message) = answer.map_err(refused).map(|_| ()).err().ok_or("not refused")?;
    assert_eq!(code, Code::PermissionDenied);
    assert!(message.contains("monitor") && message.contains("AnnounceKey"), "{message}");
    let partner = service.client(Role::Partner, "ggd").await?;
    let answer =
        RoundsClient::new(partner.clone()).create_round(CreateRoundRequest::default()).await;
    let code = answer.map_err(|status| status.code()).map(|_| ());
    assert_eq!(code, Err(Code::PermissionDenied));
    let answer = RoundsClient::new(partner.clone())
        .get_round(GetRoundRequest { round_id: vec![1; 31].into() })
        .await;
    let (code, message) = answer.map_err(refused).map(|_| ()).err().ok_or("not refused")?;
    assert_eq!((code, message.contains("31 bytes")), (Code::InvalidArgument, true));
    let unnamed = refusals(entries(service.client(Role::Auditor, "toezicht").await?).await?);
    assert_eq!(unnamed, 2);

    // Under TLS 1.3 a client without a trusted certificate learns of it at its first call.
    let stranger = tempfile::tempdir()?;
    let authority = CertificateAuthority::create()?;
    let issued = authority.issue(Role::Coordinator, &"hoofd".parse()?)?;
    issued.write(stranger.path(), "hoofd", &authority)?;
    let config = ClientConfig {
        endpoint: format!("https://{}", service.address),
        server_name: None,
        ca: service.dir.path().join("authority.pem"),
        certificate: stranger.path().join("hoofd.pem"),
        key: stranger.path().join("hoofd.key"),
        round: None,
        ledger_key: None,
    };
    let told = match config.connect().await {
        Err(error) => error.to_string(),
        Ok(channel) => match RoundsClient::new(channel).list_rounds(ListRoundsRequest {}).await {
            Ok(_) => return Err("a stranger was let in".into()),
            Err(status) => explain(&status),
        },
    };
    assert!(!told.is_empty());
    Ok(())
}

fn refusals(entries: Vec<LedgerEntry>) -> usize {
    let refused = |entry: &LedgerEntry| {
        samenloop_ledger::Entry::from_bytes(&entry.body)
            .is_ok_and(|entry| entry.kind() == "access_refused")
    };
    entries.iter().filter(|entry| refused(entry)).count()
}
