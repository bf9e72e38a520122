//! One upload: batches are checked and encrypted while those before them are made durable.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use samenloop_wire::MAX_BATCH_BYTES;
use samenloop_wire::v1::{Batch, BatchAcknowledgement};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tonic::{Status, Streaming};

use super::{RequestError, blocking};
use crate::batches::{Place, Prepared};
use crate::identity::Caller;
use crate::ingest::IngestRule;
use crate::round::Rounds;
use crate::store::StoreError;
use crate::trust::Standing;

/// Bytes of batches that an upload holds until they are durable: as many as one message may have.
const ROOM: usize = 2 * MAX_BATCH_BYTES;

/// Batches that are made durable in one change at most.
const TOGETHER: usize = 16;

/// Room is counted in pieces of so many bytes.
const PIECE: usize = 1 << 10;

/// Pieces that are kept free for a batch before it is read.
const LARGEST: u32 = (MAX_BATCH_BYTES / PIECE) as u32;

/// A batch, and the room that it takes until it is dropped.
type Ready = (Prepared, OwnedSemaphorePermit);

/// One upload.
pub(super) struct Upload {
    caller: Caller,
    standing: Standing,
    rounds: Arc<Rounds>,
    batches: Streaming<Batch>,
    stopping: watch::Receiver<bool>,
    idle: Duration,
    room: Arc<Semaphore>,
    last: Option<Place>,
}

impl Upload {
    pub(super) fn new(
        caller: Caller,
        standing: Standing,
        rounds: Arc<Rounds>,
        batches: Streaming<Batch>,
        stopping: watch::Receiver<bool>,
        idle: Duration,
    ) -> Self {
        let room = Arc::new(Semaphore::new(ROOM / PIECE));
        Self { caller, standing, rounds, batches, stopping, idle, room, last: None }
    }

    /// Works until the client ends, a batch is refused or something fails.
    pub(super) async fn run(self, answers: &mpsc::Sender<Result<BatchAcknowledgement, Status>>) {
        let (send, ready) = mpsc::channel(TOGETHER);
        let holding = hold(Arc::clone(&self.rounds), ready, answers);
        let receiving = async {
            self.receive(send).await;
            // What was received is still to be held.
            std::future::pending().await
        };
        tokio::select! {
            () = holding => {}
            () = receiving => {}
        }
    }

    async fn receive(mut self, ready: mpsc::Sender<Result<Ready, Status>>) {
        while let Some(next) = self.next().await.transpose() {
            let last = next.as_ref().map_or(true, |(prepared, _)| prepared.is_refused());
            if ready.send(next).await.is_err() || last {
                return;
            }
        }
    }

    /// The next batch once there is room for it; none when the client has sent all.
    async fn next(&mut self) -> Result<Option<Ready>, Status> {
        let room = Arc::clone(&self.room).acquire_many_owned(LARGEST).await;
        let mut room = room.map_err(|_| Status::from(RequestError::Stopping))?;
        let received = self.message().await?;
        if !self.standing.holds() {
            return Err(RequestError::Ended.into());
        }
        let prepared = match received {
            Ok(None) => return Ok(None),
            Ok(Some(batch)) => {
                let pieces = batch.encoded_len().div_ceil(PIECE).min(LARGEST as usize);
                drop(room.split(LARGEST as usize - pieces));
                let (rounds, caller) = (Arc::clone(&self.rounds), self.caller.clone());
                blocking(move || rounds.prepare_batch(&caller, &batch)).await?
            }
            Err(status) => self.undecodable(status)?,
        };
        self.last = Some(prepared.place().clone());
        Ok(Some((prepared, room)))
    }

    async fn message(&mut self) -> Result<Result<Option<Batch>, Status>, RequestError> {
        loop {
            let received = tokio::select! {
                received = tokio::time::timeout(self.idle, self.batches.message()) => received,
                _ = self.stopping.wait_for(|stopping| *stopping) => {
                    return Err(RequestError::Stopping);
                }
            };
            // A client that waits for its acknowledgements is not idle.
            let waited_for = self.room.available_permits() + (LARGEST as usize) < ROOM / PIECE;
            match received {
                Ok(received) => return Ok(received),
                Err(_) if waited_for => {}
                Err(_) => return Err(RequestError::Idle),
            }
        }
    }

    /// A message that never became a batch: refused like one where its place is known.
    fn undecodable(&self, status: Status) -> Result<Prepared, Status> {
        let faulty = [tonic::Code::InvalidArgument, tonic::Code::OutOfRange];
        if !faulty.contains(&status.code()) {
            return Err(status);
        }
        let rule = IngestRule::Undecodable(status.message().to_owned());
        match &self.last {
            Some(before) => Ok(Prepared::undecodable(before, rule)),
            None => Err(Status::invalid_argument(format!("the upload's first batch: {rule}"))),
        }
    }
}

/// Makes batches durable in their order, each time as many as have become ready meanwhile.
async fn hold(
    rounds: Arc<Rounds>,
    mut ready: mpsc::Receiver<Result<Ready, Status>>,
    answers: &mpsc::Sender<Result<BatchAcknowledgement, Status>>,
) {
    let mut arrived = vec![];
    while ready.recv_many(&mut arrived, TOGETHER).await > 0 {
        // Nothing is received after a failure.
        let failed = arrived.pop_if(|last| last.is_err()).and_then(Result::err);
        let (batches, room): (Vec<_>, Vec<_>) = arrived.drain(..).flatten().unzip();
        let rounds = Arc::clone(&rounds);
        let held = blocking(move || Ok::<_, StoreError>(rounds.hold_batches(&batches))).await;
        drop(room);
        let (held, refused) = match held {
            Ok((held, error)) => (held, error.map(Status::from)),
            Err(status) => (vec![], Some(status)),
        };
        let ended = refused.or(failed);
        let ends = ended.is_some();
        for answer in held.into_iter().map(Ok).chain(ended.map(Err)) {
            if answers.send(answer).await.is_err() {
                return;
            }
        }
        if ends {
            return;
        }
    }
}
