//! The date on which a round's submissions are deleted.

use samenloop_schema::RoundId;
use samenloop_wire::v1::{RoundState, StoredRound};

use super::{Rounds, StepError};
use crate::store::{Access as _, ROUNDS, StoreError};

const SECONDS_A_DAY: u64 = 86_400;

impl Rounds {
    /// Closes every round whose manifest's retention is over, counted from its creation by the wall
    /// clock, and returns those rounds. One that fails does not keep the others.
    pub(crate) fn enforce_retention(&self) -> Result<Vec<RoundId>, StepError> {
        let now = self.store().now();
        let (mut closed, mut failed) = (vec![], None);
        for (key, stored) in self.store().read()?.list(ROUNDS, &[])? {
            let id =
                RoundId::from_slice(&key).ok_or(StoreError::Missing { what: "a round's key" })?;
            match self.expire(&id, &stored, now) {
                Ok(true) => closed.push(id),
                // Its coordinator closed it a moment ago.
                Ok(false) | Err(StepError::Illegal(_)) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(closed), Err)
    }

    fn expire(&self, id: &RoundId, stored: &StoredRound, now: u64) -> Result<bool, StepError> {
        if stored.state() == RoundState::Closed {
            return Ok(false);
        }
        let days = u64::from(self.facts(id)?.manifest.retention_days);
        if now < stored.created_at.saturating_add(days * SECONDS_A_DAY) {
            return Ok(false);
        }
        self.end(id, true)?;
        tracing::warn!(round = %id, days, "retention is over: the round's submissions are deleted");
        Ok(true)
    }
}
