//! The life of a round: which step is legal when.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a round stands. `docs/lifecycle.md` has the same table for readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundState {
    /// Announced; partners agree on the key.
    Draft,
    /// Submissions come in.
    Open,
    /// The inputs are fixed.
    Frozen,
    /// Clusters have been found.
    Linked,
    /// Tables have been materialised; questions are answered.
    Released,
    /// Submissions are deleted; released tables stand.
    Closed,
}

/// What can be done to a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A partner announces its key check value.
    AnnounceKey,
    /// The coordinator opens the round for submissions.
    Open,
    /// A partner opens, uploads or seals a submission.
    Submit,
    /// A partner withdraws its submission.
    Withdraw,
    /// The coordinator fixes the inputs.
    Freeze,
    /// The coordinator starts a linkage run.
    Link,
    /// The coordinator materialises the release.
    Release,
    /// The coordinator takes the release back to correct it.
    Correct,
    /// The monitor asks.
    Query,
    /// The coordinator ends the round.
    Close,
}

/// A step that is not legal in the state the round is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot {step} while the round is {state}; that is possible while it is {}", step.legal_in())]
pub struct IllegalTransition {
    /// What was asked.
    pub step: Step,
    /// Where the round stands.
    pub state: RoundState,
}

impl RoundState {
    /// Every state, in order of life.
    pub const ALL: [Self; 6] =
        [Self::Draft, Self::Open, Self::Frozen, Self::Linked, Self::Released, Self::Closed];

    /// The state after a step. A linkage run changes the state only when it has succeeded. A
    /// correction is the one step back; that it is taken once at most stands with the round.
    pub fn after(self, step: Step) -> Result<Self, IllegalTransition> {
        use RoundState::{Closed, Draft, Frozen, Linked, Open, Released};
        match (self, step) {
            (Draft, Step::AnnounceKey) => Ok(Draft),
            (Draft, Step::Open) => Ok(Open),
            (Open, Step::Submit) => Ok(Open),
            (Open, Step::Freeze) => Ok(Frozen),
            (Frozen, Step::Link) => Ok(Linked),
            (Linked, Step::Release) => Ok(Released),
            (Released, Step::Correct) => Ok(Frozen),
            (Released, Step::Query) => Ok(Released),
            (Open | Frozen | Linked | Released, Step::Withdraw) => Ok(self),
            (Draft | Open | Frozen | Linked | Released, Step::Close) => Ok(Closed),
            (Closed, Step::Query) => Ok(Closed),
            (state, step) => Err(IllegalTransition { step, state }),
        }
    }
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 10] = [
        Self::AnnounceKey,
        Self::Open,
        Self::Submit,
        Self::Withdraw,
        Self::Freeze,
        Self::Link,
        Self::Release,
        Self::Correct,
        Self::Query,
        Self::Close,
    ];

    fn legal_in(self) -> String {
        let legal = RoundState::ALL.into_iter().filter(|state| state.after(self).is_ok());
        legal.map(|state| state.to_string()).collect::<Vec<_>>().join(" or ")
    }
}

impl fmt::Display for RoundState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Frozen => "frozen",
            Self::Linked => "linked",
            Self::Released => "released",
            Self::Closed => "closed",
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnnounceKey => "announce a key",
            Self::Open => "open",
            Self::Submit => "submit",
            Self::Withdraw => "withdraw",
            Self::Freeze => "freeze",
            Self::Link => "link",
            Self::Release => "release",
            Self::Correct => "correct",
            Self::Query => "query",
            Self::Close => "close",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_goes_one_way_and_an_illegal_step_says_when_it_would_be_legal() {
        let way = [Step::Open, Step::Freeze, Step::Link, Step::Release, Step::Close];
        let end = way.into_iter().try_fold(RoundState::Draft, RoundState::after);
        assert_eq!(end, Ok(RoundState::Closed));
        let error = RoundState::Frozen.after(Step::Submit).map_err(|error| error.to_string());
        let message = "cannot submit while the round is frozen; that is possible while it is open";
        assert_eq!(error, Err(message.to_owned()));
    }

    #[test]
    fn no_step_but_a_correction_goes_back() {
        assert_eq!(RoundState::Released.after(Step::Correct), Ok(RoundState::Frozen));
        for state in RoundState::ALL {
            for step in Step::ALL.into_iter().filter(|step| *step != Step::Correct) {
                assert!(
                    state.after(step).is_ok_and(|next| next >= state) || state.after(step).is_err()
                );
            }
        }
    }
}
