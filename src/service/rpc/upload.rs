//! One upload: batches are checked and encrypted while those before them are made durable.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use samenloop_wire::MAX_BATCH_BYTES;
use samenloop_wire::v1::{Batch, BatchAcknowledgement};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tonic::{Code, Status, Streaming};

use super::{RequestError, blocking};
use crate::batches::{Place, Prepared};
use crate::identity::Caller;
use crate::ingest::IngestRule;
use crate::round::Rounds;
use crate::store::StoreError;
use crate::trust::Standing;

/// Bytes of batches that an upload holds until they are durable: enough that some are received and checked
/// while others are written.
const ROOM: usize = 16 * MAX_BATCH_BYTES;

/// Bytes that all uploads hold together, unless so many are allowed that each would not have two batches.
const ROOM_OF_ALL: usize = 512 * MAX_BATCH_BYTES;

/// Batches that are made durable in one change at most.
const TOGETHER: usize = 16;

/// Room is counted in pieces of so many bytes.
const PIECE: usize = 1 << 10;

/// Pieces that are kept free for a batch before it is read.
const LARGEST: u32 = (MAX_BATCH_BYTES / PIECE) as u32;

/// What was received, and the room that it takes until it is dropped.
struct Received {
    message: Message,
    room: [OwnedSemaphorePermit; 2],
}

enum Message {
    /// A batch that is being checked and encrypted, beside those before it.
    Batch(Pin<Box<dyn Future<Output = Result<Prepared, Status>> + Send>>),
    /// One that never became a batch.
    Undecodable(IngestRule),
}

impl Message {
    /// A message that is no batch is refused like one where its place is known.
    async fn prepared(self, before: Option<&Place>) -> Result<Prepared, Status> {
        match (self, before) {
            (Self::Batch(preparing), _) => preparing.await,
            (Self::Undecodable(rule), Some(before)) => Ok(Prepared::undecodable(before, rule)),
            (Self::Undecodable(rule), None) => {
                Err(Status::invalid_argument(format!("the upload's first batch: {rule}")))
            }
        }
    }
}

/// One upload.
pub(super) struct Upload {
    caller: Caller,
    standing: Standing,
    rounds: Arc<Rounds>,
    batches: Streaming<Batch>,
    stopping: watch::Receiver<bool>,
    idle: Duration,
    room: Room,
}

/// What an upload may hold by itself, and all of them together.
struct Room {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Room {
    /// Waits for room for the largest batch.
    async fn largest(&self) -> Result<[OwnedSemaphorePermit; 2], RequestError> {
        let take = |room: &Arc<Semaphore>| Arc::clone(room).acquire_many_owned(LARGEST);
        // A permit of all is waited for with none of them in hand.
        let own = take(&self.own).await.map_err(|_| RequestError::Stopping)?;
        let all = take(&self.all).await.map_err(|_| RequestError::Stopping)?;
        Ok([own, all])
    }
}

/// The room of all uploads, of which so many may go on at the same time.
pub(super) fn room_of_all(uploads: usize) -> Arc<Semaphore> {
    let bytes = ROOM_OF_ALL.max(uploads.saturating_mul(2 * MAX_BATCH_BYTES));
    Arc::new(Semaphore::new((bytes / PIECE).min(Semaphore::MAX_PERMITS)))
}

impl Upload {
    pub(super) fn new(
        caller: Caller,
        standing: Standing,
        rounds: Arc<Rounds>,
        batches: Streaming<Batch>,
        stopping: watch::Receiver<bool>,
        idle: Duration,
        all: Arc<Semaphore>,
    ) -> Self {
        let room = Room { own: Arc::new(Semaphore::new(ROOM / PIECE)), all };
        Self { caller, standing, rounds, batches, stopping, idle, room }
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

    async fn receive(mut self, ready: mpsc::Sender<Result<Received, Status>>) {
        while let Some(next) = self.next().await.transpose() {
            let last = !matches!(&next, Ok(Received { message: Message::Batch(_), .. }));
            if ready.send(next).await.is_err() || last {
                return;
            }
        }
    }

    /// The next batch once there is room for it, being checked; none when the client has sent all.
    async fn next(&mut self) -> Result<Option<Received>, Status> {
        let mut room = self.room.largest().await?;
        let received = self.message().await?;
        if !self.standing.holds() {
            return Err(RequestError::Ended.into());
        }
        let message = match received {
            Ok(None) => return Ok(None),
            Ok(Some(batch)) => {
                let pieces = batch.encoded_len().div_ceil(PIECE).min(LARGEST as usize);
                for room in &mut room {
                    drop(room.split(LARGEST as usize - pieces));
                }
                let (rounds, caller) = (Arc::clone(&self.rounds), self.caller.clone());
                let preparing = blocking(move || rounds.prepare_batch(&caller, &batch));
                Message::Batch(Box::pin(preparing))
            }
            Err(status) => undecodable(status)?,
        };
        Ok(Some(Received { message, room }))
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
            let waited_for = self.room.own.available_permits() + (LARGEST as usize) < ROOM / PIECE;
            match received {
                Ok(received) => return Ok(received),
                Err(_) if waited_for => {}
                Err(_) => return Err(RequestError::Idle),
            }
        }
    }
}

/// A message that is no batch; its status if the connection broke.
fn undecodable(status: Status) -> Result<Message, Status> {
    match status.code() {
        Code::InvalidArgument | Code::OutOfRange => {
            Ok(Message::Undecodable(IngestRule::Undecodable(status.message().to_owned())))
        }
        _ => Err(status),
    }
}

/// Makes batches durable in their order, each time as many as have arrived meanwhile.
async fn hold(
    rounds: Arc<Rounds>,
    mut ready: mpsc::Receiver<Result<Received, Status>>,
    answers: &mpsc::Sender<Result<BatchAcknowledgement, Status>>,
) {
    let (mut arrived, mut last) = (vec![], None);
    while ready.recv_many(&mut arrived, TOGETHER).await > 0 {
        let (mut batches, mut rooms, mut failed) = (vec![], vec![], None);
        for received in arrived.drain(..) {
            let prepared = match received {
                Ok(Received { message, room }) => {
                    rooms.push(room);
                    message.prepared(last.as_ref()).await
                }
                Err(status) => Err(status),
            };
            match prepared {
                Ok(batch) => {
                    last = Some(batch.place().clone());
                    batches.push(batch);
                }
                Err(status) => {
                    failed = Some(status);
                    break;
                }
            }
        }
        let rounds = Arc::clone(&rounds);
        let held = blocking(move || Ok::<_, StoreError>(rounds.hold_batches(&batches))).await;
        drop(rooms);
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
