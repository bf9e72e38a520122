//! Connections as they come in: bounded in number, whether they have shown who they are or not.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Sleep, timeout};
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::{Connected, TcpConnectInfo, TlsConnectInfo};

use crate::config::Limits;
use crate::identity::Caller;
use crate::metrics::Metrics;
use crate::trust::Trust;

/// Connections that have not shown a certificate yet; further ones wait in the system's queue.
const UNPROVEN: usize = 256;

/// Time to show a certificate, and then to begin to speak.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection with a trusted certificate. Its places are free again once it is dropped.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    /// Runs until the first byte has come.
    silent: Option<Pin<Box<Sleep>>>,
    _places: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    metrics: Arc<Metrics>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.metrics.connections.dec();
    }
}

struct Door {
    trust: Arc<Trust>,
    metrics: Arc<Metrics>,
    all: Arc<Semaphore>,
    per_caller: usize,
    callers: Mutex<HashMap<String, Arc<Semaphore>>>,
    ready: mpsc::Sender<io::Result<Connection>>,
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// The connections that the service answers. It ends once the service stops.
pub(crate) fn connections(
    listener: TcpListener,
    trust: Arc<Trust>,
    limits: &Limits,
    metrics: Arc<Metrics>,
    mut stopping: watch::Receiver<bool>,
) -> ReceiverStream<io::Result<Connection>> {
    let (ready, connections) = mpsc::channel(16);
    let door = Arc::new(Door {
        trust,
        metrics,
        all: Arc::new(Semaphore::new(limits.connections.get())),
        per_caller: limits.connections_per_caller.get(),
        callers: Mutex::default(),
        ready,
    });
    let unproven = Arc::new(Semaphore::new(UNPROVEN));
    tokio::spawn(async move {
        loop {
            let arrival = async {
                // The semaphore is never closed.
                let place = Arc::clone(&unproven).acquire_owned().await.ok();
                listener.accept().await.map(|(stream, _)| (stream, place))
            };
            let arrived = tokio::select! {
                arrived = arrival => arrived,
                () = stopped(&mut stopping) => return,
            };
            match arrived {
                Ok((stream, place)) => {
                    let door = Arc::clone(&door);
                    tokio::spawn(async move {
                        door.open(stream).await;
                        drop(place);
                    });
                }
                // Out of file descriptors, or a client that left already: neither ends the service.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    });
    ReceiverStream::new(connections)
}

impl Door {
    async fn open(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let accepted = timeout(PATIENCE, self.trust.acceptor().accept(stream)).await;
        let Ok(Ok(stream)) = accepted else {
            self.metrics.refused_connections.inc();
            return;
        };
        let chain = stream.get_ref().1.peer_certificates();
        let own = chain.and_then(|chain| chain.first());
        let caller = own.and_then(|der| Caller::from_certificate(der).ok());
        // Certificates that name nobody are told so at their first call, and share their places.
        let name = caller.map_or_else(String::new, |caller| caller.to_string());
        let own = {
            let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
            let own = callers.entry(name);
            Arc::clone(own.or_insert_with(|| Arc::new(Semaphore::new(self.per_caller))))
        };
        let places = own.try_acquire_owned().and_then(|own| {
            let all = Arc::clone(&self.all).try_acquire_owned()?;
            Ok((own, all))
        });
        let Ok(places) = places else {
            self.metrics.refused_connections.inc();
            tracing::warn!("a connection was refused: too many are open");
            return;
        };
        self.metrics.connections.inc();
        let silent = Some(Box::pin(tokio::time::sleep(PATIENCE)));
        let metrics = Arc::clone(&self.metrics);
        let connection = Connection { stream, silent, _places: places, metrics };
        // Nobody takes it once the service has stopped.
        let _ = self.ready.send(Ok(connection)).await;
    }
}

impl Connected for Connection {
    type ConnectInfo = TlsConnectInfo<TcpConnectInfo>;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some(silent) = &mut self.silent else { return read };
        if read.is_ready() {
            self.silent = None;
            return read;
        }
        match silent.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
