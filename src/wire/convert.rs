//! The states of a round to and from protobuf.

use crate::v1;

impl From<samenloop_schema::RoundState> for v1::RoundState {
    fn from(state: samenloop_schema::RoundState) -> Self {
        use samenloop_schema::RoundState as Vocabulary;
        match state {
            Vocabulary::Draft => Self::Draft,
            Vocabulary::Open => Self::Open,
            Vocabulary::Frozen => Self::Frozen,
            Vocabulary::Linked => Self::Linked,
            Vocabulary::Released => Self::Released,
            Vocabulary::Closed => Self::Closed,
        }
    }
}

impl v1::RoundState {
    /// The vocabulary's state; none for an unspecified one.
    #[must_use]
    pub fn to_vocabulary(self) -> Option<samenloop_schema::RoundState> {
        samenloop_schema::RoundState::ALL.into_iter().find(|state| Self::from(*state) == self)
    }
}
