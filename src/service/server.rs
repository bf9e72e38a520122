//! The service itself: bound, run, stopped.

use std::future::Future;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
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
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::access::AccessLayer;
use crate::config::Config;
use crate::keys::{self, KeyFileError};
use crate::round::{Rounds, entry};
use crate::rpc::MAX_MESSAGE_BYTES;
use crate::rpc::ledger::LedgerHandler;
use crate::rpc::release::ReleasesHandler;
use crate::rpc::rounds::RoundsHandler;
use crate::rpc::submissions::SubmissionsHandler;
use crate::run::Runs;
use crate::store::{Store, StoreError};

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
}

fn read(path: &PathBuf) -> Result<Vec<u8>, ServeError> {
    std::fs::read(path).map_err(|reason| ServeError::Read { path: path.clone(), reason })
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

fn open(config: &Config) -> Result<(Store, SigningKey), ServeError> {
    let data_dir = &config.data_dir;
    let wrapping_key = keys::read(&config.keys.wrapping_key, data_dir)?;
    let seed = keys::read(&config.keys.ledger_key, data_dir)?;
    let ledger_key = SigningKey::from_seed(&config.ledger.origin, &seed)?;
    let store = Store::open(data_dir, wrapping_key)?;
    store.record(&entry(Event::ServiceStarted { software: software_digest()? }))?;
    if !store.stopped_cleanly() {
        tracing::warn!("the last stop was not in order; the store was checked and is whole");
        store.record(&entry(Event::Recovered {}))?;
    }
    Ok((store, ledger_key))
}

impl Server {
    /// Reads keys and certificates, opens and checks the store, and listens.
    pub async fn bind(config: Config) -> Result<Self, ServeError> {
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(read(&config.tls.certificate)?, read(&config.tls.key)?))
            .client_ca_root(Certificate::from_pem(read(&config.tls.client_ca)?))
            .timeout(Duration::from_secs(10));
        let limits = &config.limits;
        let builder = tonic::transport::Server::builder()
            .tls_config(tls)?
            .timeout(limits.request())
            .max_concurrent_streams(limits.streams_per_connection.get())
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(20)))
            .http2_max_header_list_size(16 << 10);
        let listen = |reason| ServeError::Listen { address: config.listen, reason };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        // Opened last, so that a start that fails before leaves the store as it was.
        let opened = config.clone();
        let opened = tokio::task::spawn_blocking(move || open(&opened)).await;
        let (store, ledger_key) = opened.map_err(|_| ServeError::BrokeOff)??;
        let (store, ledger_key) = (Arc::new(store), Arc::new(ledger_key));
        Ok(Self { config, builder, listener, address, store, ledger_key })
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
        let Self { config, builder, listener, store, ledger_key, .. } = self;
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
        ))
        .max_decoding_message_size(MAX_MESSAGE_BYTES);
        let releases = ReleasesServer::new(ReleasesHandler::new(
            Arc::clone(&rounds),
            Arc::clone(&ledger_key),
            &config.limits,
        ));
        let ledger = LedgerServer::new(LedgerHandler { rounds, key: ledger_key });
        let mut router = builder
            .layer(AccessLayer::new(Arc::clone(&store), &config.limits))
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

        let incoming = TcpIncoming::from(listener)
            .with_nodelay(Some(true))
            .with_keepalive(Some(Duration::from_secs(60)));
        let mut stopped = stopping.clone();
        let runs_to_stop = Arc::clone(&runs);
        let signal = async move {
            shutdown.await;
            tracing::info!("stopping");
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
        finish(store, patience).await
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
