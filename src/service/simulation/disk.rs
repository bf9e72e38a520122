//! A disk in memory that can lose power, be full, and tell what was written when.

use std::fmt;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// What was done to the disk.
#[derive(Clone)]
pub(crate) enum Op {
    Write { offset: u64, data: Vec<u8> },
    SetLen(u64),
    Sync,
}

/// A disk. Clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What a reader sees.
    now: Vec<u8>,
    /// What a power cut leaves for certain.
    durable: Vec<u8>,
    /// What was done since the last sync.
    pending: Vec<Op>,
    /// How often the power went; handles from before are dead.
    cuts: u64,
    /// Writes that still succeed; none is no bound.
    left: Option<u64>,
    /// Told of every write, length and sync before it is done.
    watch: Option<Watch>,
}

type Watch = Box<dyn FnMut(&Op) + Send>;

/// What becomes of the writes that no sync has made durable.
pub(crate) type Fate<'f> = &'f mut dyn FnMut(usize, &Op) -> Kept;

/// What is left of one write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Nothing,
    Whole,
    /// The first bytes only.
    Torn(usize),
}

pub(crate) fn apply(image: &mut Vec<u8>, op: &Op, kept: Kept) {
    match (op, kept) {
        (_, Kept::Nothing) | (Op::Sync, _) => {}
        (Op::SetLen(len), _) => image.resize(*len as usize, 0),
        (Op::Write { offset, data }, kept) => {
            let len = if let Kept::Torn(len) = kept { len.min(data.len()) } else { data.len() };
            let (from, to) = (*offset as usize, *offset as usize + len);
            if image.len() < to {
                image.resize(to, 0);
            }
            image[from..to].copy_from_slice(&data[..len]);
        }
    }
}

impl Disk {
    /// A disk with these bytes on it.
    pub(crate) fn with(image: Vec<u8>) -> Self {
        let state = State { durable: image.clone(), now: image, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A handle as a process has one; it dies with the next power cut.
    pub(crate) fn handle(&self) -> Handle {
        Handle { disk: self.clone(), cuts: self.state().cuts }
    }

    /// Cuts the power.
    pub(crate) fn cut(&self, fate: Fate<'_>) {
        let mut state = self.state();
        state.cuts += 1;
        state.left = None;
        let mut image = std::mem::take(&mut state.durable);
        for (place, op) in std::mem::take(&mut state.pending).iter().enumerate() {
            apply(&mut image, op, fate(place, op));
        }
        state.now.clone_from(&image);
        state.durable = image;
    }

    /// Lets this many further writes succeed; none is as many as there are.
    pub(crate) fn limit(&self, writes: Option<u64>) {
        self.state().left = writes;
    }

    /// Tells of everything that is done from now on.
    pub(crate) fn watch(&self, watch: impl FnMut(&Op) + Send + 'static) {
        self.state().watch = Some(Box::new(watch));
    }

    /// What a reader sees now.
    pub(crate) fn image(&self) -> Vec<u8> {
        self.state().now.clone()
    }
}

/// An open disk.
#[derive(Clone)]
pub(crate) struct Handle {
    disk: Disk,
    cuts: u64,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

impl Handle {
    fn state(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.disk.state();
        if state.cuts == self.cuts { Ok(state) } else { Err(Error::other("the power is off")) }
    }

    fn done(&self, op: Op) -> Result<(), Error> {
        let mut state = self.state()?;
        if let Some(left) = &mut state.left {
            let Some(fewer) = left.checked_sub(1) else {
                return Err(Error::from(ErrorKind::StorageFull));
            };
            *left = fewer;
        }
        if let Some(watch) = &mut state.watch {
            watch(&op);
        }
        apply(&mut state.now, &op, Kept::Whole);
        if matches!(op, Op::Sync) {
            let State { now, durable, pending, .. } = &mut *state;
            for op in pending.drain(..) {
                apply(durable, &op, Kept::Whole);
            }
            debug_assert_eq!(now.len(), durable.len());
        } else {
            state.pending.push(op);
        }
        Ok(())
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.state()?.now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let state = self.state()?;
        let from = offset as usize;
        let held = state.now.get(from..from + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(held);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.done(Op::SetLen(len))
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.done(Op::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.done(Op::Write { offset, data: data.to_vec() })
    }
}
