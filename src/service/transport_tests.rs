//! Connections and certificates: changed while the service runs, ended, too many, and silent.

use std::collections::BTreeMap;

use prost::bytes::Bytes;
use samenloop_ledger::Entry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_stream::wrappers::ReceiverStream;

use super::*;

/// What a call of every role gets: whether it was answered, or why not.
async fn rounds(channel: Channel) -> Result<(), Code> {
    let answer = RoundsClient::new(channel).list_rounds(ListRoundsRequest {}).await;
    answer.map(|_| ()).map_err(|status| status.code())
}

/// The same over a new connection; under TLS 1.3 a refusal may show at connecting or at the call.
async fn called(config: &ClientConfig) -> bool {
    match config.connect().await {
        Ok(channel) => rounds(channel).await.is_ok(),
        Err(_) => false,
    }
}

fn kinds(entries: &[LedgerEntry]) -> BTreeMap<&'static str, usize> {
    let mut kinds = BTreeMap::new();
    for entry in entries {
        let kind = Entry::from_bytes(&entry.body).map_or("unreadable", |entry| entry.kind());
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}

/// A round that takes submissions.
async fn open_round(service: &Running) -> Result<(RoundId, Bytes), Failure> {
    let mut client = RoundsClient::new(service.client(Role::Coordinator, "hoofd").await?);
    let create = CreateRoundRequest {
        manifest_toml: manifest("Testing").into_bytes().into(),
        schema_toml: SCHEMA.as_bytes().into(),
    };
    let id = client.create_round(create).await?.into_inner().round_id;
    for party in PARTIES {
        let announce =
            AnnounceKeyRequest { round_id: id.clone(), key_check_value: KEY.0.to_vec().into() };
        let channel = service.client(Role::Partner, party).await?;
        SubmissionsClient::new(channel).announce_key(announce).await?;
    }
    client.open_round(OpenRoundRequest { round_id: id.clone() }).await?;
    Ok((RoundId::from_slice(&id).ok_or("no round id")?, id))
}

fn replace(
    dir: &Path,
    name: &str,
    make: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    for ending in ["pem", "key"] {
        std::fs::remove_file(dir.join(format!("{name}.{ending}")))?;
    }
    make()
}

#[tokio::test]
async fn certificates_change_and_are_revoked_without_a_restart_or_a_dropped_request()
-> Result<(), Failure> {
    let dir = files()?;
    let revoked = dir.path().join("revoked.pem");
    let authority = CertificateAuthority::read(dir.path())?;
    authority.revoke(dir.path(), &[])?;
    let service = start_as(dir, |config| config.tls.revoked = Some(revoked)).await?;
    let dir = service.dir.path();
    let (round, round_id) = open_round(&service).await?;

    // An upload that goes on while everything is changed.
    let ggd = service.client(Role::Partner, "ggd").await?;
    let mut client = SubmissionsClient::new(ggd.clone());
    let submission = SubmissionId([1; 16]);
    let open = OpenSubmissionRequest {
        round_id: round_id.clone(),
        submission_id: submission.0.to_vec().into(),
        key_check_value: KEY.0.to_vec().into(),
        records: 4,
    };
    client.open_submission(open).await?;
    let (send, batches) = tokio::sync::mpsc::channel(1);
    let next = |number: u32| batch(&round, submission, number, &[record(u64::from(number))]);
    send.send(next(0)).await?;
    let mut answers = client.upload_batches(ReceiverStream::new(batches)).await?.into_inner();
    assert_eq!(answers.message().await?.map(|answer| answer.number), Some(0));

    // The service gets a new certificate.
    assert!(!service.reloader.reload()?, "nothing has changed yet");
    replace(dir, "service", || {
        let hosts = ["127.0.0.1".to_owned()];
        let issued = authority.issue_service(&"service".parse()?, &hosts, 1)?;
        Ok(issued.write(dir, "service", &authority)?)
    })?;
    assert!(service.reloader.reload()?);
    send.send(next(1)).await?;
    assert_eq!(answers.message().await?.map(|answer| answer.number), Some(1));

    // A second authority comes beside the first one.
    let second = CertificateAuthority::create()?;
    let both = authority.certificate_pem().to_owned() + second.certificate_pem();
    std::fs::write(dir.join("authority.pem"), both)?;
    assert!(service.reloader.reload()?);
    second.issue(Role::Partner, &"ggz".parse()?)?.write(dir, "second-ggz", &second)?;
    let of_second = ClientConfig {
        certificate: dir.join("second-ggz.pem"),
        key: dir.join("second-ggz.key"),
        ..service.client_config(Role::Partner, "ggz")?
    };
    assert!(called(&of_second).await);
    assert_eq!(rounds(ggd.clone()).await, Ok(()));
    send.send(next(2)).await?;
    assert_eq!(answers.message().await?.map(|answer| answer.number), Some(2));

    // Files that cannot be used change nothing.
    let good = std::fs::read(dir.join("service.pem"))?;
    for bad in [&b"no certificate"[..], authority.certificate_pem().as_bytes()] {
        std::fs::write(dir.join("service.pem"), bad)?;
        assert!(service.reloader.reload().is_err());
        assert_eq!(rounds(ggd.clone()).await, Ok(()));
    }
    std::fs::write(dir.join("service.pem"), good)?;

    // The partner's certificate is revoked: its calls and its upload end, open connections included.
    std::fs::write(dir.join("authority.pem"), authority.certificate_pem())?;
    authority.revoke(dir, &[dir.join("partner-ggd.pem")])?;
    assert!(service.reloader.reload()?);
    assert_eq!(rounds(ggd.clone()).await, Err(Code::Unauthenticated));
    send.send(next(3)).await?;
    let ended = answers.message().await.map_err(|status| status.code());
    assert_eq!(ended.map(|_| ()), Err(Code::Unauthenticated));
    assert!(!called(&service.client_config(Role::Partner, "ggd")?).await);
    assert!(!called(&of_second).await, "the second authority is gone again");
    assert!(called(&service.client_config(Role::Partner, "opvang")?).await);
    // With a new certificate the upload goes on where it stopped.
    let fresh = authority.issue(Role::Partner, &"ggd".parse()?)?;
    fresh.write(dir, "fresh-ggd", &authority)?;
    let fresh = ClientConfig {
        certificate: dir.join("fresh-ggd.pem"),
        key: dir.join("fresh-ggd.key"),
        ..service.client_config(Role::Partner, "ggd")?
    };
    let mut client = SubmissionsClient::new(fresh.connect().await?);
    let open = OpenSubmissionRequest {
        round_id,
        submission_id: submission.0.to_vec().into(),
        key_check_value: KEY.0.to_vec().into(),
        records: 4,
    };
    assert_eq!(client.open_submission(open).await?.into_inner().next_batch, 3);

    let entries = entries(service.client(Role::Auditor, "toezicht").await?).await?;
    let kinds = kinds(&entries);
    assert_eq!(kinds["certificates_loaded"], 4, "{kinds:?}");
    assert_eq!(kinds["access_refused"], 1);
    assert_eq!(kinds["certificate_used"], 7, "coordinator, auditor, three partners and two anew");
    Ok(())
}

#[tokio::test]
async fn expired_and_strange_certificates_are_not_let_in() -> Result<(), Failure> {
    let service = install().await?;
    let dir = service.dir.path();
    let authority = CertificateAuthority::read(dir)?;
    let stranger = CertificateAuthority::create()?;
    let name = "hoofd".parse()?;
    let elsewhere = tempfile::tempdir()?;
    let made = [
        ("good", authority.issue(Role::Coordinator, &name)?),
        ("expired", authority.issue_for_days(Role::Coordinator, &name, 0)?),
        ("strange", stranger.issue(Role::Coordinator, &name)?),
        ("server", authority.issue_service(&name, &["127.0.0.1".to_owned()], 1)?),
    ];
    // A certificate holds until the end of the second in which it expires.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for (file, issued) in made {
        issued.write(elsewhere.path(), file, &authority)?;
        let config = ClientConfig {
            certificate: elsewhere.path().join(format!("{file}.pem")),
            key: elsewhere.path().join(format!("{file}.key")),
            ..service.client_config(Role::Auditor, "toezicht")?
        };
        assert_eq!(called(&config).await, file == "good", "{file}");
    }
    let mut wrong = service.client_config(Role::Auditor, "toezicht")?;
    wrong.ca = elsewhere.path().join("other.pem");
    std::fs::write(&wrong.ca, stranger.certificate_pem())?;
    assert!(!called(&wrong).await, "a client does not talk to a service that it does not trust");
    Ok(())
}

#[test]
fn only_certificates_of_the_authority_can_be_revoked_by_it() -> Result<(), Failure> {
    let (dir, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (authority, stranger) = (CertificateAuthority::create()?, CertificateAuthority::create()?);
    let name = "ggd".parse()?;
    for number in 0..3 {
        let issued = authority.issue(Role::Partner, &name)?;
        issued.write(dir.path(), &format!("{number}"), &authority)?;
    }
    stranger.issue(Role::Partner, &name)?.write(other.path(), "ggd", &stranger)?;
    let file = |number: u32| dir.path().join(format!("{number}.pem"));
    assert_eq!(authority.revoke(dir.path(), &[file(0)])?, 1);
    assert_eq!(authority.revoke(dir.path(), &[file(0), file(1)])?, 2);
    assert_eq!(authority.revoke(dir.path(), &[file(2)])?, 3);
    assert!(authority.revoke(dir.path(), &[other.path().join("ggd.pem")]).is_err());
    assert_eq!(authority.revoke(dir.path(), &[])?, 3);
    Ok(())
}

#[tokio::test]
async fn too_many_connections_and_silent_ones_hinder_nobody_else() -> Result<(), Failure> {
    let service = start_as(files()?, |config| {
        config.limits.connections_per_caller = 2.try_into().expect("two");
    })
    .await?;
    let mut silent = vec![];
    for _ in 0..150 {
        silent.push(TcpStream::connect(service.address).await?);
    }
    let greedy = service.client_config(Role::Partner, "ggd")?;
    let held = [greedy.connect().await?, greedy.connect().await?];
    for channel in &held {
        assert_eq!(rounds(channel.clone()).await, Ok(()));
    }
    assert!(!called(&greedy).await);
    assert!(called(&service.client_config(Role::Partner, "ggz")?).await);
    drop(held);
    let mut again = false;
    for _ in 0..100 {
        again = again || called(&greedy).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(again, "places are free again once connections end");
    // Who says nothing is not waited for: the service closes, and its side has nothing more to say.
    let mut one = silent.swap_remove(0);
    let closed = tokio::time::timeout(Duration::from_secs(60), one.read(&mut [0; 1])).await?;
    assert!(matches!(closed, Ok(0) | Err(_)));
    Ok(())
}

async fn told(address: SocketAddr, path: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

#[tokio::test]
async fn metrics_tell_how_the_service_is_doing_and_nothing_of_the_data() -> Result<(), Failure> {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let service = start_as(files()?, |config| {
        config.metrics = Some(crate::config::MetricsEndpoint { listen: loopback });
    })
    .await?;
    let metrics = service.metrics.ok_or("no metrics")?;
    let (round, _) = open_round(&service).await?;
    for (place, party) in (0_u64..).zip(PARTIES) {
        let channel = service.client(Role::Partner, party).await?;
        submit(&channel, &round, place as u8, 17 * place..17 * place + 137).await?;
    }
    let monitor = service.client(Role::Monitor, "onderzoek").await?;
    let refused = SubmissionsClient::new(monitor.clone())
        .announce_key(AnnounceKeyRequest::default())
        .await
        .err()
        .ok_or("a monitor announced a key")?;
    assert!(refused.metadata().get("x-request-id").is_some_and(|id| id.as_bytes().len() == 16));
    let text = told(metrics, "/metrics").await?;
    for line in [
        r#"samenloop_requests_total{rpc="/samenloop.v1.Submissions/SealSubmission",code="OK"} 3"#,
        r#"samenloop_requests_total{rpc="/samenloop.v1.Submissions/AnnounceKey",code="PERMISSION_DENIED"} 1"#,
        "samenloop_uploads_now 0",
        "samenloop_requests_now 0",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    for hidden in ["ggd", "ggz", "opvang", "137", "411", &round.to_string()] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    assert!(told(metrics, "/alive").await?.starts_with("HTTP/1.1 200"));
    assert!(told(metrics, "/ready").await?.starts_with("HTTP/1.1 200"));
    assert!(told(metrics, "/rounds").await?.starts_with("HTTP/1.1 404"));
    let _ = service.stop.send(());
    service.ended.await??;
    assert!(told(metrics, "/alive").await?.starts_with("HTTP/1.1 200"));
    assert!(told(metrics, "/ready").await?.starts_with("HTTP/1.1 503"));
    Ok(())
}
