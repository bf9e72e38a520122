//! A ledger server that keeps to the protocol and lies: what no honest service can be made to do.

use std::pin::Pin;

use samenloop_ledger::{Event, Tree};
use samenloop_schema::Digest;
use samenloop_wire::v1::ledger_server::{Ledger, LedgerServer};
use samenloop_wire::v1::{
    CosignRequest, CosignResponse, GetCheckpointRequest, GetCheckpointResponse,
    GetConsistencyProofRequest, GetInclusionProofRequest, LedgerEntry, ListEntriesRequest, Proof,
};
use tokio_stream::Stream;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};

use super::samples::{signed, story, verifier};
use super::*;

/// What the server does to its honest answers.
#[derive(Clone, Copy, PartialEq)]
enum Lie {
    None,
    Entry,
    LeafAndSalt,
    Withheld,
    Order,
    Inclusion,
    Consistency,
    Signature,
}

struct Liar {
    bundle: Bundle,
    tree: Tree,
    lie: Lie,
}

fn proof(hashes: Vec<Digest>, spoil: bool) -> Response<Proof> {
    let hash = |hash: Digest| if spoil { vec![1; 32].into() } else { hash.0.to_vec().into() };
    Response::new(Proof { hashes: hashes.into_iter().map(hash).collect() })
}

#[tonic::async_trait]
impl Ledger for Liar {
    type ListEntriesStream = Pin<Box<dyn Stream<Item = Result<LedgerEntry, Status>> + Send>>;

    async fn get_checkpoint(
        &self,
        _: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let note = match self.lie {
            Lie::Signature => self.bundle.checkpoint.replacen('\n', "\n1", 1),
            _ => self.bundle.checkpoint.clone(),
        };
        Ok(Response::new(GetCheckpointResponse { signed_note: note.into_bytes().into() }))
    }

    async fn list_entries(
        &self,
        _: Request<ListEntriesRequest>,
    ) -> Result<Response<Self::ListEntriesStream>, Status> {
        let mut served: Vec<LedgerEntry> = self.bundle.entries.iter().map(to_wire).collect();
        match self.lie {
            Lie::Entry => served[6].body = served[5].body.clone(),
            Lie::LeafAndSalt => {
                served[6].salt = vec![0; 16].into();
                let hashed = [&[0; 16], &served[6].body[..]].concat();
                served[6].leaf = Digest::of(&hashed).0.to_vec().into();
            }
            Lie::Withheld => served[6].body.clear(),
            Lie::Order => served.swap(6, 7),
            _ => {}
        }
        Ok(Response::new(Box::pin(tokio_stream::iter(served.into_iter().map(Ok)))))
    }

    async fn cosign(&self, _: Request<CosignRequest>) -> Result<Response<CosignResponse>, Status> {
        Ok(Response::new(CosignResponse::default()))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<GetInclusionProofRequest>,
    ) -> Result<Response<Proof>, Status> {
        let GetInclusionProofRequest { index, size } = request.into_inner();
        let hashes = self.tree.inclusion_proof(index, size);
        Ok(proof(hashes.expect("the auditor asks for what is there"), self.lie == Lie::Inclusion))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<Proof>, Status> {
        let GetConsistencyProofRequest { old_size, new_size } = request.into_inner();
        let hashes = self.tree.consistency_proof(old_size, new_size);
        Ok(proof(hashes.expect("the auditor asks for what is there"), self.lie == Lie::Consistency))
    }
}

fn to_wire(entry: &BundledEntry) -> LedgerEntry {
    LedgerEntry {
        index: entry.index,
        leaf: entry.leaf.0.to_vec().into(),
        salt: entry.salt.map_or(vec![], |salt| salt.to_vec()).into(),
        body: entry.body.clone().unwrap_or_default().into(),
    }
}

type Outcome = Result<(Verification, Bundle), Box<dyn std::error::Error>>;

async fn verify(events: Vec<Event>, lie: Lie, kept: Option<&Kept>) -> Outcome {
    let bundle = signed(events);
    let tree = Tree::from_leaves(bundle.entries.iter().map(|entry| entry.leaf));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let ledger = LedgerServer::new(Liar { bundle, tree, lie });
    let server = tokio::spawn(Server::builder().add_service(ledger).serve_with_incoming(incoming));
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    let outcome = over(channel, &verifier(), kept).await;
    server.abort();
    Ok(outcome?)
}

#[tokio::test]
async fn each_lie_is_found_and_its_place_named() -> Result<(), Box<dyn std::error::Error>> {
    let (honest, fetched) = verify(story(), Lie::None, None).await?;
    assert_eq!(honest.findings, vec![]);
    assert_eq!(honest.inclusion_proofs, honest.entries);
    assert_eq!(fetched, signed(story()));
    let cases = [
        (Lie::Entry, "entry 6 (round_opened): an entry hashes to its leaf"),
        (Lie::LeafAndSalt, "checkpoint: the leaves have the signed root"),
        (Lie::Withheld, "entry 6: an auditor sees every entry's body"),
        (Lie::Order, "entry 6: entries are served in order and whole"),
        (Lie::Inclusion, "entry 0 (service_started): the service's inclusion proof holds"),
        (Lie::Signature, "checkpoint: the checkpoint is a signed note of this ledger's key"),
    ];
    for (lie, finding) in cases {
        let found = verify(story(), lie, None).await?.0.findings;
        assert!(found.iter().any(|found| found.to_string().starts_with(finding)), "{found:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_last_good_checkpoint_is_kept_and_a_split_view_leaves_both_notes()
-> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("audit.checkpoint");
    let kept = Kept::at(&path);
    let begin: Vec<Event> = story().into_iter().take(12).collect();
    let (first, _) = verify(begin.clone(), Lie::None, Some(&kept)).await?;
    assert!(first.passed() && first.consistent_from.is_none());
    assert_eq!(kept.read()?, Some(signed(begin.clone()).checkpoint));

    let (lied, _) = verify(story(), Lie::Consistency, Some(&kept)).await?;
    assert!(lied.findings[0].rule.contains("consistency proof"));
    assert_eq!(kept.read()?, Some(signed(begin).checkpoint));

    let (grown, _) = verify(story(), Lie::None, Some(&kept)).await?;
    assert!(grown.passed() && grown.consistent_from == Some(12));
    let good = kept.read()?;
    assert_eq!(good, Some(signed(story()).checkpoint));

    let mut other = story();
    other[0] = Event::ServiceStarted { software: Digest::of(b"another") };
    let (split, _) = verify(other.clone(), Lie::None, Some(&kept)).await?;
    assert!(split.findings[0].rule.contains("only grows"));
    assert_eq!(kept.read()?, good);
    let beside = std::fs::read_to_string(dir.path().join("audit.checkpoint.contradiction"))?;
    assert_eq!(beside, signed(other).checkpoint);
    Ok(())
}
