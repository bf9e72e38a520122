//! Who may call what: one table, applied before any handler.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use samenloop_ledger::{Event, Role as LedgerRole};
use samenloop_schema::Digest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::config::Limits;
use crate::identity::{Caller, IdentityError, Role};
use crate::keys::random;
use crate::metrics::{Call, Metrics, Ongoing};
use crate::rpc::blocking;
use crate::store::Store;
use crate::trust::{Standing, Trust};

use Role::{Auditor, Coordinator, Monitor, Partner};

/// Every RPC and the roles that may call it. Whether a partner belongs to the round is decided where
/// the round is known; a role that is not here never gets that far.
pub const TABLE: &[(&str, &[Role])] = &[
    ("/samenloop.v1.Rounds/CreateRound", &[Coordinator]),
    ("/samenloop.v1.Rounds/OpenRound", &[Coordinator]),
    ("/samenloop.v1.Rounds/FreezeRound", &[Coordinator]),
    ("/samenloop.v1.Rounds/LinkRound", &[Coordinator]),
    ("/samenloop.v1.Rounds/CancelRun", &[Coordinator]),
    ("/samenloop.v1.Rounds/ReleaseRound", &[Coordinator]),
    ("/samenloop.v1.Rounds/CorrectRound", &[Coordinator]),
    ("/samenloop.v1.Rounds/CloseRound", &[Coordinator]),
    ("/samenloop.v1.Rounds/GetRound", &Role::ALL),
    ("/samenloop.v1.Rounds/ListRounds", &Role::ALL),
    ("/samenloop.v1.Submissions/AnnounceKey", &[Partner]),
    ("/samenloop.v1.Submissions/OpenSubmission", &[Partner]),
    ("/samenloop.v1.Submissions/UploadBatches", &[Partner]),
    ("/samenloop.v1.Submissions/SealSubmission", &[Partner]),
    ("/samenloop.v1.Submissions/GetSubmissions", &[Partner]),
    ("/samenloop.v1.Submissions/WithdrawSubmission", &[Partner]),
    ("/samenloop.v1.Releases/GetRelease", &[Partner, Coordinator, Monitor, Auditor]),
    ("/samenloop.v1.Releases/QueryTable", &[Partner, Coordinator, Monitor, Auditor]),
    ("/samenloop.v1.Releases/EstimatePopulation", &[Partner, Coordinator, Monitor, Auditor]),
    ("/samenloop.v1.Ledger/GetCheckpoint", &Role::ALL),
    ("/samenloop.v1.Ledger/ListEntries", &Role::ALL),
    ("/samenloop.v1.Ledger/GetInclusionProof", &Role::ALL),
    ("/samenloop.v1.Ledger/GetConsistencyProof", &Role::ALL),
    ("/samenloop.v1.Ledger/Cosign", &[Partner, Auditor]),
    ("/grpc.health.v1.Health/Check", &Role::ALL),
    ("/grpc.health.v1.Health/Watch", &Role::ALL),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &Role::ALL),
];

/// Why a call gets no further. The code stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The certificate names nobody.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The role may not call this.
    #[error("a {role} certificate may not call {rpc}")]
    Role {
        /// Of the certificate.
        role: Role,
        /// What was called.
        rpc: &'static str,
    },
    /// There is no such RPC.
    #[error("this service has no such call: use the client of the same version as the service")]
    Unknown,
    /// The certificate expired, was revoked, or its authority is no longer trusted.
    #[error("the client certificate is no longer valid: ask the coordinator for a new one")]
    Ended,
    /// Too many requests at the same time.
    #[error("too many requests at the same time: try again in a moment")]
    Busy,
}

impl AccessError {
    /// The code that stands in the ledger; none for what is no refusal of access.
    const fn code(self) -> Option<u16> {
        match self {
            Self::Identity(_) => Some(1),
            Self::Role { .. } => Some(2),
            Self::Ended => Some(3),
            Self::Unknown | Self::Busy => None,
        }
    }
}

/// Whether a role may call the RPC of a path.
pub fn authorise(role: Role, path: &str) -> Result<(), AccessError> {
    match TABLE.iter().find(|(rpc, _)| *rpc == path) {
        Some((_, roles)) if roles.contains(&role) => Ok(()),
        Some((rpc, _)) => Err(AccessError::Role { role, rpc }),
        None => Err(AccessError::Unknown),
    }
}

/// The role as the ledger writes it.
pub(crate) fn ledger_role(role: Role) -> LedgerRole {
    match role {
        Partner => LedgerRole::Partner,
        Coordinator => LedgerRole::Coordinator,
        Monitor => LedgerRole::Monitor,
        Auditor => LedgerRole::Auditor,
    }
}

/// A certificate that is refused again within this time gives no further ledger entry.
const REFUSAL_PAUSE: Duration = Duration::from_secs(60);

/// A certificate's first call within this time is a ledger entry.
const USE_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

struct Gate {
    store: Arc<Store>,
    trust: Arc<Trust>,
    metrics: Arc<Metrics>,
    requests: Arc<Semaphore>,
    per_caller: usize,
    callers: Mutex<HashMap<String, Arc<Semaphore>>>,
    refusals: Mutex<HashMap<(LedgerRole, u16), Instant>>,
    used: Mutex<HashMap<Digest, Instant>>,
}

/// Puts the table and the limits before every handler.
#[derive(Clone)]
pub(crate) struct AccessLayer(Arc<Gate>);

impl AccessLayer {
    pub(crate) fn new(
        store: Arc<Store>,
        trust: Arc<Trust>,
        metrics: Arc<Metrics>,
        limits: &Limits,
    ) -> Self {
        Self(Arc::new(Gate {
            store,
            trust,
            metrics,
            requests: Arc::new(Semaphore::new(limits.requests.get())),
            per_caller: limits.requests_per_caller.get(),
            callers: Mutex::default(),
            refusals: Mutex::default(),
            used: Mutex::default(),
        }))
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { gate: Arc::clone(&self.0), inner }
    }
}

/// A service behind the gate.
#[derive(Clone)]
pub(crate) struct Guarded<S> {
    gate: Arc<Gate>,
    inner: S,
}

/// Held while a request is worked on.
type Permits = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// A request that may be worked on.
struct Admitted {
    caller: Caller,
    standing: Standing,
    permits: Permits,
}

impl Gate {
    fn admit(&self, request: &Request<Body>) -> Result<Admitted, Refusal> {
        let certificates = request
            .extensions()
            .get::<TlsConnectInfo<TcpConnectInfo>>()
            .and_then(TlsConnectInfo::peer_certs);
        let first = certificates.as_ref().and_then(|chain| chain.first());
        let caller = first
            .ok_or(IdentityError::Certificate)
            .and_then(|der| Caller::from_certificate(der))
            .map_err(|error| Refusal { role: LedgerRole::None, error: error.into() })?;
        let role = ledger_role(caller.role);
        let refusal = |error| Refusal { role, error };
        // The connection may be older than what is known of its certificate.
        let standing = certificates.map(|chain| Standing { trust: Arc::clone(&self.trust), chain });
        let standing = standing.filter(Standing::holds).ok_or(refusal(AccessError::Ended))?;
        authorise(caller.role, request.uri().path()).map_err(refusal)?;
        let own = {
            let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
            let own = callers.entry(caller.to_string());
            Arc::clone(own.or_insert_with(|| Arc::new(Semaphore::new(self.per_caller))))
        };
        let busy = |_| refusal(AccessError::Busy);
        let own = own.try_acquire_owned().map_err(busy)?;
        let all = Arc::clone(&self.requests).try_acquire_owned().map_err(busy)?;
        Ok(Admitted { caller, standing, permits: (own, all) })
    }

    /// Writes a certificate's first call of a day into the ledger.
    async fn record_use(self: Arc<Self>, caller: &Caller) -> Result<(), Status> {
        let (role, certificate) = (ledger_role(caller.role), caller.certificate);
        {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            match used.get(&certificate) {
                Some(last) if now.duration_since(*last) < USE_PAUSE => return Ok(()),
                _ => used.insert(certificate, now),
            };
        }
        let use_now = Event::CertificateUsed { role, certificate };
        let gate = Arc::clone(&self);
        let written = blocking(move || gate.store.record(use_now).map(|_| ())).await;
        if written.is_err() {
            // Nothing was written: the next call tries again.
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.remove(&certificate);
        }
        written
    }

    /// Writes a refusal into the ledger, unless the same one was written a moment ago.
    async fn record(self: Arc<Self>, refusal: &Refusal) {
        let Some(rule) = refusal.error.code() else { return };
        let role = refusal.role;
        {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            match refusals.get(&(role, rule)) {
                Some(last) if now.duration_since(*last) < REFUSAL_PAUSE => return,
                _ => refusals.insert((role, rule), now),
            };
        }
        let write = move || self.store.record(Event::AccessRefused { role, rule });
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(%error, "a refusal could not be recorded"),
            Err(_) => tracing::error!("a refusal could not be recorded"),
        }
    }
}

struct Refusal {
    role: LedgerRole,
    error: AccessError,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let gate = Arc::clone(&self.gate);
        // A clone may not be ready; the service that was is.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let path = request.uri().path();
        let rpc = TABLE.iter().find(|(known, _)| *known == path).map_or("unknown", |(rpc, _)| rpc);
        let id = request_id();
        let span = tracing::info_span!("request", id, rpc);
        let answer = async move {
            let _ongoing = Ongoing::of(&gate.metrics.requests_now);
            let begun = Instant::now();
            let mut response = match gate.admit(&request) {
                Ok(Admitted { caller, standing, permits }) => {
                    tracing::debug!(%caller, "call");
                    match Arc::clone(&gate).record_use(&caller).await {
                        Ok(()) => {
                            request.extensions_mut().insert(caller);
                            request.extensions_mut().insert(standing);
                            let answer = inner.call(request).await;
                            drop(permits);
                            answer?
                        }
                        Err(status) => status.into_http(),
                    }
                }
                Err(refusal) => {
                    tracing::warn!(error = %refusal.error, "call refused");
                    Arc::clone(&gate).record(&refusal).await;
                    Status::from(refusal.error).into_http()
                }
            };
            let code = Status::from_header_map(response.headers());
            let code = code_name(code.map_or(Code::Ok, |status| status.code()));
            gate.metrics.requests.get_or_create(&Call { rpc, code }).inc();
            gate.metrics.seconds.observe(begun.elapsed().as_secs_f64());
            if let Ok(id) = id.parse() {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            Ok(response)
        };
        Box::pin(answer.instrument(span))
    }
}

/// Header of every answer, by which a caller can ask the operator about a request.
const REQUEST_ID: &str = "x-request-id";

/// Tells the lines of a request apart from those of others.
fn request_id() -> String {
    // Without randomness requests share an id, which hinders nobody but the reader of the log.
    let bytes = random::<8>().unwrap_or_default();
    data_encoding::HEXLOWER.encode(&bytes)
}

/// A code as metrics name it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_rpc_has_one_row_and_every_row_an_rpc() {
        let files = FileDescriptorSet::decode(samenloop_wire::DESCRIPTORS)
            .expect("the build wrote the descriptors");
        let mut rpcs = BTreeSet::new();
        for file in &files.file {
            for service in &file.service {
                for method in &service.method {
                    let (service, method) = (service.name(), method.name());
                    rpcs.insert(format!("/{}.{service}/{method}", file.package()));
                }
            }
        }
        assert!(rpcs.len() > 15);
        let rows: Vec<_> = TABLE.iter().map(|(rpc, _)| (*rpc).to_owned()).collect();
        let distinct: BTreeSet<_> = rows.iter().cloned().collect();
        assert_eq!(rows.len(), distinct.len());
        let ours = distinct.into_iter().filter(|rpc| rpc.starts_with("/samenloop."));
        assert_eq!(ours.collect::<BTreeSet<_>>(), rpcs);
    }

    #[test]
    fn roles_keep_to_their_own() {
        let may = |role, rpc: &str| authorise(role, &format!("/samenloop.v1.{rpc}")).is_ok();
        let own = [
            (Partner, "Submissions/UploadBatches"),
            (Coordinator, "Rounds/FreezeRound"),
            (Coordinator, "Rounds/ReleaseRound"),
        ];
        for (owner, rpc) in own {
            for role in Role::ALL {
                assert_eq!(may(role, rpc), role == owner, "{role} {rpc}");
            }
        }
        for role in Role::ALL {
            assert!(may(role, "Releases/QueryTable"));
            assert_eq!(
                authorise(role, "/samenloop.v1.Rounds/DropRound"),
                Err(AccessError::Unknown)
            );
        }
    }
}
