//! The rounds that the monitor may see.

use samenloop_schema::{RoundId, RoundManifest, RoundState};
use samenloop_wire::client::{ClientConfig, explain};
use samenloop_wire::v1;
use samenloop_wire::v1::rounds_client::RoundsClient;
use serde::Serialize;

use crate::fetch::FetchError;

/// A round in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoundLine {
    /// Its identity.
    pub round: RoundId,
    /// Where it stands; questions are answered once it is released, and after it is closed.
    pub state: RoundState,
    /// What its counts are for.
    pub purpose: String,
    /// Its parties, in order.
    pub parties: Vec<String>,
}

/// Lists the rounds, oldest first.
pub async fn rounds(config: &ClientConfig) -> Result<Vec<RoundLine>, FetchError> {
    let listed = RoundsClient::new(config.connect().await?)
        .list_rounds(v1::ListRoundsRequest {})
        .await
        .map_err(|status| FetchError::Refused(explain(&status)))?;
    let lines = listed.into_inner().rounds.into_iter().map(|round| line(&round));
    lines.collect::<Result<_, _>>().map_err(FetchError::Answer)
}

fn line(round: &v1::GetRoundResponse) -> Result<RoundLine, &'static str> {
    let text = std::str::from_utf8(&round.manifest_toml).ok();
    let manifest = text.and_then(|text| RoundManifest::from_toml(text).ok());
    let manifest = manifest.ok_or("a manifest breaks its rules")?;
    Ok(RoundLine {
        round: RoundId::from_slice(&round.round_id).ok_or("a round id is not 32 bytes")?,
        state: round.state().to_vocabulary().ok_or("a state is unknown")?,
        purpose: manifest.purpose,
        parties: manifest.parties.iter().map(|party| party.id.to_string()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_told_by_its_manifest() {
        let parties: String = ["ggd", "ggz", "opvang"]
            .map(|id| format!("[[party]]\nid = \"{id}\"\nmax_records = 9\n"))
            .concat();
        let manifest = format!(
            "purpose = \"Who\"\nschema_hash = \"{}\"\nretention_days = 9\n{parties}",
            "ab".repeat(32)
        );
        let round = v1::GetRoundResponse {
            round_id: vec![3; 32].into(),
            state: v1::RoundState::Released.into(),
            manifest_toml: manifest.into(),
            ..Default::default()
        };
        let expected = RoundLine {
            round: RoundId([3; 32]),
            state: RoundState::Released,
            purpose: "Who".to_owned(),
            parties: vec!["ggd".to_owned(), "ggz".to_owned(), "opvang".to_owned()],
        };
        assert_eq!(line(&round), Ok(expected));
        let nameless = v1::GetRoundResponse { state: 0, ..round };
        assert_eq!(line(&nameless), Err("a state is unknown"));
    }
}
