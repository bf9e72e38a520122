//! How often one caller may ask.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::identity::Caller;

const WINDOW: Duration = Duration::from_secs(60);

/// Questions of each caller in the minute that goes on. Asking often gives away nothing, because the
/// same question has the same answer; whoever asks for everything shows in the log and is slowed down.
pub(super) struct Rate {
    most: NonZeroU32,
    callers: Mutex<HashMap<String, (Instant, u32)>>,
}

impl Rate {
    pub(super) fn new(most: NonZeroU32) -> Self {
        Self { most, callers: Mutex::default() }
    }

    /// Counts a question; false is one too many.
    pub(super) fn admits(&self, caller: &Caller, now: Instant) -> bool {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        callers.retain(|_, (begin, _)| now.duration_since(*begin) < WINDOW);
        let (_, asked) = callers.entry(caller.to_string()).or_insert((now, 0));
        *asked = asked.saturating_add(1);
        *asked <= self.most.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use samenloop_schema::Digest;

    use crate::identity::Role;

    #[test]
    fn each_caller_may_ask_so_often_a_minute() {
        let rate = Rate::new(NonZeroU32::new(2).expect("two"));
        let caller = |name: &str| Caller {
            role: Role::Monitor,
            name: name.parse().expect("a name"),
            certificate: Digest([0; 32]),
        };
        let (one, other, now) = (caller("one"), caller("other"), Instant::now());
        assert!(rate.admits(&one, now) && rate.admits(&one, now));
        assert!(!rate.admits(&one, now + Duration::from_secs(59)));
        assert!(rate.admits(&other, now));
        assert!(rate.admits(&one, now + Duration::from_secs(60)));
    }
}
