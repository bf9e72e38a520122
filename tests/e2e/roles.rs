//! Who may do what: identity comes from the certificate, and another's state is nobody's business.

use prost::Message as _;
use samenloop_schema::SubmissionId;
use samenloop_tests::{Cast, Role, Service, Story, upload_bytes};
use samenloop_wire::v1;
use samenloop_wire::v1::ledger_client::LedgerClient;
use samenloop_wire::v1::releases_client::ReleasesClient;
use samenloop_wire::v1::rounds_client::RoundsClient;
use samenloop_wire::v1::submissions_client::SubmissionsClient;
use tonic::Code;

use crate::SERVICE;

#[tokio::test]
async fn a_partner_neither_sees_nor_touches_another_partners_submission() -> Story {
    let service = Service::start(SERVICE)?;
    let cast = Cast::new("roles-partner")?;
    cast.open(&service).await?;
    let id = vec![7; 16];
    let mut ggd = SubmissionsClient::new(service.channel(Role::Partner, "ggd").await?);
    let open = v1::OpenSubmissionRequest {
        round_id: cast.round_bytes(),
        submission_id: id.clone().into(),
        key_check_value: cast.kcv_bytes(),
        records: 10,
    };
    ggd.open_submission(open).await?;

    let mut ggz = SubmissionsClient::new(service.channel(Role::Partner, "ggz").await?);
    let mine = v1::GetSubmissionsRequest { round_id: cast.round_bytes() };
    assert_eq!(ggz.get_submissions(mine.clone()).await?.into_inner().submissions, []);
    assert_eq!(ggd.get_submissions(mine).await?.into_inner().submissions.len(), 1);

    let withdraw = v1::WithdrawSubmissionRequest {
        round_id: cast.round_bytes(),
        submission_id: id.clone().into(),
    };
    let refused = ggz.withdraw_submission(withdraw).await.expect_err("it is another's");
    assert_eq!(refused.code(), Code::NotFound);
    // A batch for it is refused in the words for one that nobody has.
    let channel = service.channel(Role::Partner, "ggz").await?;
    for id in [[7; 16], [8; 16]] {
        let batch = cast.batch(id, 0, 10).encode_to_vec().into();
        let refused = upload_bytes(&channel, batch).await.expect_err("it is another's");
        assert_eq!(refused.code(), Code::FailedPrecondition);
        let told = format!("batch 0: submission {} is not open: open it first", SubmissionId(id));
        assert_eq!(refused.message(), told);
    }

    let request = v1::GetRoundRequest { round_id: cast.round_bytes() };
    let mut rounds = RoundsClient::new(service.channel(Role::Partner, "ggz").await?);
    let parties = rounds.get_round(request).await?.into_inner().parties;
    assert_eq!(parties.iter().map(|party| party.party).collect::<Vec<_>>(), [1]);
    Ok(())
}

#[tokio::test]
async fn an_organisation_outside_the_manifest_is_refused() -> Story {
    let service = Service::start(SERVICE)?;
    let cast = Cast::new("roles-stranger")?;
    cast.open(&service).await?;
    let mut client = SubmissionsClient::new(service.channel(Role::Partner, "politie").await?);
    let request = v1::GetSubmissionsRequest { round_id: cast.round_bytes() };
    let refused = client.get_submissions(request).await.expect_err("it takes no part");
    assert!([Code::PermissionDenied, Code::NotFound].contains(&refused.code()), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_role_does_only_what_its_row_in_the_table_says() -> Story {
    let service = Service::start(SERVICE)?;
    let cast = Cast::new("roles-table")?;
    cast.open(&service).await?;
    let round_id = cast.round_bytes();
    for (role, name) in
        [(Role::Monitor, "monitor"), (Role::Auditor, "auditor"), (Role::Coordinator, "regie")]
    {
        let mut client = SubmissionsClient::new(service.channel(role, name).await?);
        let open = v1::OpenSubmissionRequest {
            round_id: round_id.clone(),
            submission_id: vec![1; 16].into(),
            key_check_value: cast.kcv_bytes(),
            records: 10,
        };
        let refused = client.open_submission(open).await.expect_err("only partners submit");
        assert_eq!(refused.code(), Code::PermissionDenied, "{role}");
    }
    for (role, name) in
        [(Role::Monitor, "monitor"), (Role::Auditor, "auditor"), (Role::Partner, "ggd")]
    {
        let mut client = RoundsClient::new(service.channel(role, name).await?);
        let freeze = v1::FreezeRoundRequest { round_id: round_id.clone() };
        let refused = client.freeze_round(freeze).await.expect_err("only coordinators freeze");
        assert_eq!(refused.code(), Code::PermissionDenied, "{role}");
        let close = v1::CloseRoundRequest { round_id: round_id.clone() };
        let refused = client.close_round(close).await.expect_err("only coordinators close");
        assert_eq!(refused.code(), Code::PermissionDenied, "{role}");
    }
    let mut monitor = ReleasesClient::new(service.channel(Role::Monitor, "monitor").await?);
    let query = v1::QueryTableRequest {
        round_id: round_id.clone(),
        measure: v1::Measure::Unique.into(),
        by: vec![],
    };
    let refused = monitor.query_table(query).await.expect_err("nothing is released yet");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    Ok(())
}

#[tokio::test]
async fn without_a_certificate_of_the_authority_nothing_is_answered() -> Story {
    use samenloop_lab::installation::Installation;
    use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

    let service = Service::start(SERVICE)?;
    let known = service.client(Role::Auditor, "auditor")?;
    let authority = Certificate::from_pem(std::fs::read(&known.ca)?);
    let anonymous = Endpoint::from_shared(known.endpoint.clone())?
        .tls_config(ClientTlsConfig::new().ca_certificate(authority))?;
    // Under TLS 1.3 the refusal may reach the client with its first call only.
    if let Ok(channel) = anonymous.connect().await {
        let answer = LedgerClient::new(channel).get_checkpoint(v1::GetCheckpointRequest {}).await;
        assert!(answer.is_err());
    }

    let elsewhere = tempfile::tempdir()?;
    let other = Installation::create(elsewhere.path())?;
    let (mut stranger, _) = other.client(Role::Auditor, "auditor", service.address())?;
    stranger.ca = known.ca.clone();
    if let Ok(channel) = stranger.connect().await {
        let answer = LedgerClient::new(channel).get_checkpoint(v1::GetCheckpointRequest {}).await;
        assert!(answer.is_err());
    }

    let answer = LedgerClient::new(known.connect().await?);
    assert!(answer.clone().get_checkpoint(v1::GetCheckpointRequest {}).await.is_ok());
    Ok(())
}
