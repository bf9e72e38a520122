//! What an operator watches: how the service is doing, and nothing that parties' data say. No number
//! counts records, clients or entries; none is told per party.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

/// Which call, and the code at the head of its answer; an error within a stream counts as `OK`.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Call {
    pub(crate) rpc: &'static str,
    pub(crate) code: &'static str,
}

type Level = Gauge<i64, AtomicI64>;

/// The numbers.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) requests: Family<Call, Counter>,
    pub(crate) seconds: Histogram,
    pub(crate) requests_now: Level,
    pub(crate) uploads_now: Level,
    pub(crate) connections: Level,
    pub(crate) refused_connections: Counter,
    ready: AtomicBool,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("samenloop");
        let bounds = [0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0];
        let new = Self {
            requests: Family::default(),
            seconds: Histogram::new(bounds),
            requests_now: Level::default(),
            uploads_now: Level::default(),
            connections: Level::default(),
            refused_connections: Counter::default(),
            ready: AtomicBool::new(false),
            registry: Registry::default(),
        };
        registry.register("requests", "Calls by code of their answer's head", new.requests.clone());
        let help = "Seconds until the head of an answer";
        registry.register("request_seconds", help, new.seconds.clone());
        registry.register("requests_now", "Calls that are worked on", new.requests_now.clone());
        registry.register("uploads_now", "Uploads that go on", new.uploads_now.clone());
        let help = "Connections with a trusted certificate";
        registry.register("connections", help, new.connections.clone());
        let help = "Connections that were refused: no trusted certificate in time, or too many";
        registry.register("refused_connections", help, new.refused_connections.clone());
        Self { registry, ..new }
    }

    /// Whether calls are answered now.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    fn answer(&self, path: &str) -> (StatusCode, String) {
        match path {
            "/metrics" => {
                let mut text = String::new();
                // Writing to a string cannot fail.
                let _ = encode(&mut text, &self.registry);
                (StatusCode::OK, text)
            }
            "/alive" => (StatusCode::OK, "alive\n".to_owned()),
            "/ready" if self.ready.load(Ordering::Relaxed) => {
                (StatusCode::OK, "ready\n".to_owned())
            }
            "/ready" => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
            _ => (StatusCode::NOT_FOUND, "ask for /metrics, /alive or /ready\n".to_owned()),
        }
    }
}

/// Counts up now and down when dropped.
pub(crate) struct Ongoing(Level);

impl Ongoing {
    pub(crate) fn of(level: &Level) -> Self {
        level.inc();
        Self(level.clone())
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Answers `/metrics`, `/alive` and `/ready` on a loopback address for as long as the process runs.
/// Returns the address.
pub(crate) async fn listen(
    address: SocketAddr,
    metrics: Arc<Metrics>,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let metrics = Arc::clone(&metrics);
            tokio::spawn(async move {
                let answer = service_fn(move |request: Request<Incoming>| {
                    let (status, text) = metrics.answer(request.uri().path());
                    let mut response = Response::new(Full::new(Bytes::from(text)));
                    *response.status_mut() = status;
                    std::future::ready(Ok::<_, Infallible>(response))
                });
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(5));
                // Whoever asks and leaves is no matter.
                let _ = http.keep_alive(false).serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    Ok(address)
}
