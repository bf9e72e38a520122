//! The service itself: bound, run, stopped.

use std::future::Future;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use samenloop_ledger::{Event, KeyError, SigningKey};
use samenloop_schema::Digest;
use samenloop_wire::v1::ledger_server::LedgerServer;
use samenloop_wire::v1::releases_server::ReleasesServer;
use samenloop_wire::v1::rounds_server::RoundsServer;
use samenloop_wire::v1::submissions_server::SubmissionsServer;
use sha2::Digest as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::access::AccessLayer;
use crate::config::Config;
use crate::incoming::connections;
use crate::keys::{self, KeyFileError};
use crate::metrics::{self, Metrics};
use crate::round::{Rounds, StepError};
use crate::rpc::MAX_MESSAGE_BYTES;
use crate::rpc::ledger::LedgerHandler;
use crate::rpc::release::ReleasesHandler;
use crate::rpc::rounds::RoundsHandler;
use crate::rpc::submissions::SubmissionsHandler;
use crate::run::Runs;
use crate::store::{Keyring, Store, StoreError};
use crate::trust::{Trust, TrustError};

/// Why the service does not start or does not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A file that the configuration names cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: std::io::Error,
    },
    /// The certificates cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A key file is missing, open to others or not a key.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The ledger's origin is not a name that a checkpoint can carry.
    #[error("ledger.origin: {0}")]
    LedgerKey(#[from] KeyError),
    /// The store cannot be opened or fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// The system's word.
        reason: std::io::Error,
    },
    /// TLS or the transport fails.
    #[error("the transport failed: {0}; check the certificate files")]
    Transport(#[from] tonic::transport::Error),
    /// The descriptors for reflection are not readable.
    #[error("reflection cannot be offered: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// Opening broke off.
    #[error("opening the store broke off")]
    BrokeOff,
}

/// A service that listens but does not answer yet.
pub struct Server {
    config: Config,
    builder: tonic::transport::Server,
    listener: TcpListener,
    address: SocketAddr,
    store: Arc<Store>,
    ledger_key: Arc<SigningKey>,
    trust: Arc<Trust>,
    metrics: Arc<Metrics>,
    metrics_address: Option<SocketAddr>,
}

/// Bytes of a stream that may wait unread.
const WINDOW: u32 = 1 << 20;

/// Reads the certificate files again.
pub struct Reloader {
    trust: Arc<Trust>,
    store: Weak<Store>,
}

impl Reloader {
    /// Takes over what the files say now. New connections are held to it at once, open ones at their
    /// next call or batch; what may go on goes on. If the files cannot be used, nothing changes.
    /// Whether they said something new, which is then a ledger entry.
    pub fn reload(&self) -> Result<bool, ServeError> {
        let changed = self.trust.reload()?;
        if let (Some(event), Some(store)) = (&changed, self.store.upgrade()) {
            store.record(event.clone())?;
        }
        Ok(changed.is_some())
    }
}

/// SHA-256 of the program that runs.
fn software_digest() -> Result<Digest, ServeError> {
    let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
    let failed = |reason| ServeError::Read { path: path.clone(), reason };
    let mut file = std::fs::File::open(&path).map_err(failed)?;
    let (mut hash, mut buffer) = (sha2::Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(Digest(hash.finalize().into())),
            len => hash.update(&buffer[..len]),
        }
    }
}

fn open(config: &Config, certificates: Event) -> Result<(Store, SigningKey), ServeError> {
    let data_dir = &config.data_dir;
    let keyring = Keyring::new(&config.keys.wrapping_key, data_dir);
    let seed = keys::read(&config.keys.ledger_key, data_dir)?;
    let ledger_key = SigningKey::from_seed(&config.ledger.origin, &seed)?;
    let store = Store::open(data_dir, keyring)?;
    store.announce(software_digest()?)?;
    store.record(certificates)?;
    Ok((store, ledger_key))
}

impl Server {
    /// Reads keys and certificates, opens and checks the store, and listens.
    pub async fn bind(config: Config) -> Result<Self, ServeError> {
        let metrics = Arc::new(Metrics::new());
        let metrics_address = match &config.metrics {
            Some(endpoint) => {
                let address = endpoint.listen;
                let told = metrics::listen(address, Arc::clone(&metrics)).await;
                Some(told.map_err(|reason| ServeError::Listen { address, reason })?)
            }
            None => None,
        };
        let trust = Arc::new(Trust::load(&config.tls)?);
        let limits = &config.limits;
        let builder = tonic::transport::Server::builder()
            .timeout(limits.request())
            .max_concurrent_streams(limits.streams_per_connection.get())
            // What may wait unread: of one stream as much as a batch is, of one connection twice that.
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(2 * WINDOW)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(20)))
            .http2_max_header_list_size(16 << 10);
        let listen = |reason| ServeError::Listen { address: config.listen, reason };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        // Opened last, so that a start that fails before leaves the store as it was.
        let (opened, certificates) = (config.clone(), trust.event());
        let opened = tokio::task::spawn_blocking(move || open(&opened, certificates)).await;
        let (store, ledger_key) = opened.map_err(|_| ServeError::BrokeOff)??;
        let (store, ledger_key) = (Arc::new(store), Arc::new(ledger_key));
        Ok(Self {
            config,
            builder,
            listener,
            address,
            store,
            ledger_key,
            trust,
            metrics,
            metrics_address,
        })
    }

    /// Reads the certificates again while the service runs.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        Reloader { trust: Arc::clone(&self.trust), store: Arc::downgrade(&self.store) }
    }

    /// Where metrics and health are told; none if they are not.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Where the service listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The public key that checks the ledger's checkpoints, as auditors note it.
    #[must_use]
    pub fn ledger_key(&self) -> String {
        self.ledger_key.verifying_key().to_text()
    }

    /// Answers until `shutdown` is ready, then lets requests end, stops runs and uploads, and marks
    /// the stop as clean.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let Self { config, builder, listener, store, ledger_key, trust, metrics, .. } = self;
        let (stop, stopping) = watch::channel(false);
        let rounds = Arc::new(Rounds::new(Arc::clone(&store)));
        let runs = Arc::new(Runs::new(Arc::clone(&rounds)));
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<RoundsServer<RoundsHandler>>().await;
        health.set_serving::<SubmissionsServer<SubmissionsHandler>>().await;
        health.set_serving::<ReleasesServer<ReleasesHandler>>().await;
        health.set_serving::<LedgerServer<LedgerHandler>>().await;

        let rounds_service = RoundsServer::new(RoundsHandler {
            rounds: Arc::clone(&rounds),
            runs: Arc::clone(&runs),
        })
        .max_decoding_message_size(MAX_MESSAGE_BYTES);
        let submissions = SubmissionsServer::new(SubmissionsHandler::new(
            Arc::clone(&rounds),
            config.limits.clone(),
            stopping.clone(),
            Arc::clone(&metrics),
        ))
        .max_decoding_message_size(MAX_MESSAGE_BYTES);
        let releases = ReleasesServer::new(ReleasesHandler::new(
            Arc::clone(&rounds),
            Arc::clone(&ledger_key),
            &config.limits,
        ));
        let ledger =
            LedgerServer::new(LedgerHandler { rounds: Arc::clone(&rounds), key: ledger_key });
        let mut router = builder
            .layer(AccessLayer::new(
                Arc::clone(&store),
                Arc::clone(&trust),
                Arc::clone(&metrics),
                &config.limits,
            ))
            .add_service(health_service)
            .add_service(rounds_service)
            .add_service(submissions)
            .add_service(releases)
            .add_service(ledger);
        if config.reflection {
            let reflection = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(samenloop_wire::DESCRIPTORS)
                .build_v1()?;
            router = router.add_service(reflection);
        }

        let incoming =
            connections(listener, trust, &config.limits, Arc::clone(&metrics), stopping.clone());
        metrics.set_ready(true);
        let housekeeping = tokio::spawn(keep_house(rounds, stopping.clone()));
        let mut stopped = stopping.clone();
        let runs_to_stop = Arc::clone(&runs);
        let signal = async move {
            shutdown.await;
            tracing::info!("stopping");
            metrics.set_ready(false);
            health.set_not_serving::<RoundsServer<RoundsHandler>>().await;
            health.set_not_serving::<SubmissionsServer<SubmissionsHandler>>().await;
            health.set_not_serving::<ReleasesServer<ReleasesHandler>>().await;
            health.set_not_serving::<LedgerServer<LedgerHandler>>().await;
            stop.send_replace(true);
            // Streams of progress end with their runs, and connections with their streams.
            tokio::spawn(async move { runs_to_stop.stop().await });
        };
        let patience = config.limits.stop();
        let grace = async move {
            let _ = stopped.wait_for(|stopping| *stopping).await;
            tokio::time::sleep(patience).await;
        };
        tokio::select! {
            served = router.serve_with_incoming_shutdown(incoming, signal) => served?,
            () = grace => tracing::warn!("requests that did not end in time are cut off"),
        }
        runs.stop().await;
        drop(runs);
        // It ends with the stop; a failure inside it has been told.
        let _ = housekeeping.await;
        finish(store, patience).await
    }
}

/// Seconds between two looks at what has to be done without anyone asking.
const HOUSEKEEPING: Duration = Duration::from_secs(300);

/// At the start and from time to time: deletes what has passed its retention, and erases a rotated
/// wrapping key that could not be erased when it was rotated.
async fn keep_house(rounds: Arc<Rounds>, mut stopping: watch::Receiver<bool>) {
    loop {
        let kept = Arc::clone(&rounds);
        let work = tokio::task::spawn_blocking(move || {
            kept.enforce_retention()?;
            kept.store().tidy().map_err(StepError::from)
        });
        match work.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "housekeeping failed"),
            Err(_) => tracing::error!("housekeeping broke off"),
        }
        tokio::select! {
            () = tokio::time::sleep(HOUSEKEEPING) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// Marks the stop as clean and closes the file once the last task has let go of it.
async fn finish(store: Arc<Store>, patience: Duration) -> Result<(), ServeError> {
    let marked = Arc::clone(&store);
    let marking = tokio::task::spawn_blocking(move || marked.stop_cleanly()).await;
    marking.map_err(|_| ServeError::BrokeOff)??;
    let mut store = Some(store);
    let closed = async {
        while let Some(held) = store.take() {
            match Arc::try_unwrap(held) {
                Ok(last) => drop(last),
                Err(shared) => {
                    store = Some(shared);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
    };
    if tokio::time::timeout(patience, closed).await.is_err() {
        tracing::warn!("the store is still in use by a request that does not end");
    }
    tracing::info!("stopped");
    Ok(())
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
