//! How good a round's linkage is, from released numbers alone.

use samenloop_schema::linkage_lists::{self as lists, BANDS};
use samenloop_schema::{Digest, RoundId};
use samenloop_wire::client::{ClientConfig, explain};
use samenloop_wire::v1;
use samenloop_wire::v1::rounds_client::RoundsClient;
use serde::Serialize;

use crate::fetch::{Asking, FetchError};
use crate::report::{Measure, Noise, Question, Report};

/// A number of clients by one code; withheld without a count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The code; none is unknown.
    pub code: Option<String>,
    /// Clients, with noise.
    pub clients: Option<u64>,
}

/// What is known of one source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceQuality {
    /// The party.
    pub source: String,
    /// Registrations that it submitted, rounded.
    pub registrations: u64,
    /// Its clients, with noise.
    pub clients: Option<u64>,
    /// Share of its registrations that are of a client whom it has registered before, of 1.
    pub duplicates: Option<f64>,
    /// Its clients by what their registrations lack.
    pub information: Vec<Part>,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// The round.
    pub round: RoundId,
    /// SHA-256 of the whole release.
    pub release: Digest,
    /// How the numbers were protected.
    pub noise: Noise,
    /// Clients of all sources together.
    pub clients: Option<u64>,
    /// Expected share of a client's registrations that are its own, a mean over the clients whose
    /// number is shown, of 1.
    pub precision: Option<f64>,
    /// Expected share of a client's registrations that were found to be its own, likewise.
    pub recall: Option<f64>,
    /// Clients by that share, each for itself.
    pub by_precision: Vec<Part>,
    /// The same for the recall.
    pub by_recall: Vec<Part>,
    /// Clients by their number of registrations.
    pub by_registrations: Vec<Part>,
    /// Clients by whether the birth dates of their registrations contradict each other.
    pub by_births: Vec<Part>,
    /// In the order of the round.
    pub sources: Vec<SourceQuality>,
}

/// Asks for everything that a released round tells about its linkage.
pub async fn fetch_quality(config: &ClientConfig, round: RoundId) -> Result<Quality, FetchError> {
    let channel = config.connect().await?;
    let request = v1::GetRoundRequest { round_id: round.as_bytes().to_vec().into() };
    let state = RoundsClient::new(channel.clone())
        .get_round(request)
        .await
        .map_err(|status| FetchError::Refused(explain(&status)))?
        .into_inner();
    let mut asking = Asking::begin(channel, round).await?;
    let mut ask = async |measure: Measure, by: &[&str]| {
        let by = by.iter().map(|name| (*name).to_owned()).collect();
        asking.ask(&Question { by, ..measure.into() }).await
    };
    let unique = ask(Measure::Unique, &[]).await?;
    let sources = ask(Measure::Sources, &[]).await?;
    let information = ask(Measure::Sources, &[lists::INFORMATION]).await?;
    let mut by =
        async |list| Ok::<_, FetchError>(parts(&ask(Measure::Unique, &[list]).await?, None));
    let by_precision = by(lists::PRECISION).await?;
    let by_recall = by(lists::RECALL).await?;
    let by_registrations = by(lists::REGISTRATIONS).await?;
    let by_births = by(lists::BIRTHS).await?;
    let source = |(place, party): (usize, &String)| {
        let own = state.parties.iter().find(|own| own.party as usize == place);
        let registrations = own.map_or(0, |own| own.records_rounded);
        let clients = parts(&sources, Some(party)).first().and_then(|part| part.clients);
        SourceQuality {
            source: party.clone(),
            registrations,
            clients,
            duplicates: clients.and_then(|clients| duplicates(registrations, clients)),
            information: parts(&information, Some(party)),
        }
    };
    Ok(Quality {
        round,
        release: unique.release,
        noise: unique.noise,
        clients: unique.rows.first().and_then(|row| row.number).map(|number| number.count),
        precision: mean(&by_precision),
        recall: mean(&by_recall),
        by_precision,
        by_recall,
        by_registrations,
        by_births,
        sources: sources.parties.iter().enumerate().map(source).collect(),
    })
}

/// Clients by code, of one source if one is named.
fn parts(report: &Report, source: Option<&String>) -> Vec<Part> {
    let own =
        report.rows.iter().filter(|row| source.is_none_or(|own| row.sources == [own.clone()]));
    let part = |row: &crate::report::Row| Part {
        code: row.codes.first().cloned().flatten(),
        clients: row.number.map(|number| number.count),
    };
    own.map(part).collect()
}

/// The mean over the bands that are shown; none if none is.
fn mean(parts: &[Part]) -> Option<f64> {
    let typical = |part: &Part| {
        let band = BANDS.iter().find(|band| Some(band.name) == part.code.as_deref())?;
        Some((part.clients? as f64, band.typical))
    };
    let shown: Vec<(f64, f64)> = parts.iter().filter_map(typical).collect();
    let all: f64 = shown.iter().map(|(clients, _)| clients).sum();
    (all > 0.0).then(|| shown.iter().map(|(clients, share)| clients * share).sum::<f64>() / all)
}

/// Noise and rounding may make the clients more than the registrations; then none is twice.
fn duplicates(registrations: u64, clients: u64) -> Option<f64> {
    (registrations > 0).then(|| (1.0 - clients as f64 / registrations as f64).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(code: &str, clients: Option<u64>) -> Part {
        Part { code: Some(code.to_owned()), clients }
    }

    #[test]
    fn a_mean_is_of_the_bands_that_are_shown() {
        let shown = [part("99 to 100 %", Some(300)), part("70 to 90 %", Some(100))];
        let expected = (300.0 * 0.999 + 100.0 * 0.80) / 400.0;
        assert!(mean(&shown).is_some_and(|mean| (mean - expected).abs() < 1e-12));
        let withheld = part("under 40 %", None);
        let unknown = Part { code: None, clients: Some(40) };
        let all = [shown[0].clone(), shown[1].clone(), withheld.clone(), unknown.clone()];
        assert_eq!(mean(&all), mean(&shown));
        assert_eq!(mean(&[withheld, unknown]), None);
    }

    #[test]
    fn registrations_beyond_the_clients_are_duplicates() {
        assert_eq!(duplicates(200, 150), Some(0.25));
        assert_eq!(duplicates(100, 103), Some(0.0));
        assert_eq!(duplicates(0, 0), None);
    }
}
