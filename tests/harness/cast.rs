//! A round of three parties under the shipped encodings, and records of nobody that fit it.

use samenloop_schema::{
    Clk, Digest, Dimension, DimensionSource, Field, FieldKind, KeyCheckValue, LinkageSchema,
    MatchKeyValue, Month, Record, RecordShape, RoundId, RoundManifest, SubmissionId,
};
use samenloop_wire::v1::rounds_client::RoundsClient;
use samenloop_wire::v1::submissions_client::SubmissionsClient;
use samenloop_wire::{Batch, v1};

use crate::{Role, Service};

/// A round's documents.
pub struct Cast {
    /// The linkage schema.
    pub schema: LinkageSchema,
    /// Its file.
    pub schema_toml: String,
    /// The manifest's file.
    pub manifest_toml: String,
    /// The round's identity.
    pub round: RoundId,
    /// What every party announces.
    pub key_check_value: KeyCheckValue,
}

impl Cast {
    /// The parties of the round.
    pub const PARTIES: [&str; 3] = ["ggd", "ggz", "opvang"];

    /// Documents under the shipped encodings. `label` tells rounds apart.
    pub fn new(label: &str) -> anyhow::Result<Self> {
        let field = |name: &str, kind| Field::new(name, kind, vec![name.to_owned()]);
        let fields = vec![
            field("given_name", FieldKind::GivenName),
            field("surname", FieldKind::Surname),
            field("birth_date", FieldKind::BirthDate),
            field("sex", FieldKind::Sex),
            field("birth_place", FieldKind::Place),
            field("postcode", FieldKind::Postcode),
        ];
        let dimension = Dimension {
            name: "gemeente".to_owned(),
            source: DimensionSource::Column {
                columns: vec!["gemeente".to_owned()],
                codes: ["0014", "0037", "0047"].map(str::to_owned).to_vec(),
            },
        };
        let schema = LinkageSchema::with_defaults(label, fields, None, vec![dimension])?;
        let schema_toml = schema.to_toml();
        let parties = Self::PARTIES
            .map(|id| format!("[[party]]\nid = \"{id}\"\nmin_records = 2\nmax_records = 20000\n"));
        let manifest_toml = format!(
            "purpose = \"How many people are known to three organisations\"\n\
             schema_hash = \"{}\"\nretention_days = 90\n{}",
            schema.hash(),
            parties.concat()
        );
        RoundManifest::from_toml(&manifest_toml)?;
        let round = RoundManifest::round_id(&manifest_toml);
        let digest = Digest::of(label.as_bytes());
        let mut key_check_value = [0; 16];
        key_check_value.copy_from_slice(&digest.0[..16]);
        let key_check_value = KeyCheckValue(key_check_value);
        Ok(Self { schema, schema_toml, manifest_toml, round, key_check_value })
    }

    /// The shape of the round's records.
    #[must_use]
    pub fn shape(&self) -> RecordShape {
        self.schema.shape()
    }

    /// Creates the round, lets every party announce, and opens it.
    pub async fn open(&self, service: &Service) -> anyhow::Result<()> {
        let mut rounds = RoundsClient::new(service.channel(Role::Coordinator, "regie").await?);
        let request = v1::CreateRoundRequest {
            manifest_toml: self.manifest_toml.clone().into(),
            schema_toml: self.schema_toml.clone().into(),
        };
        rounds.create_round(request).await?;
        for party in Self::PARTIES {
            let mut client = SubmissionsClient::new(service.channel(Role::Partner, party).await?);
            let request = v1::AnnounceKeyRequest {
                round_id: self.round_bytes(),
                key_check_value: self.kcv_bytes(),
            };
            client.announce_key(request).await?;
        }
        rounds.open_round(v1::OpenRoundRequest { round_id: self.round_bytes() }).await?;
        Ok(())
    }

    /// The round's identity as a message has it.
    #[must_use]
    pub fn round_bytes(&self) -> prost::bytes::Bytes {
        self.round.as_bytes().to_vec().into()
    }

    /// The key check value as a message has it.
    #[must_use]
    pub fn kcv_bytes(&self) -> prost::bytes::Bytes {
        self.key_check_value.as_bytes().to_vec().into()
    }

    /// A batch of honest records; the same arguments give the same batch.
    #[must_use]
    pub fn batch(&self, submission: [u8; 16], number: u32, records: u64) -> Batch {
        let seed = u64::from(submission[0]) << 32 | u64::from(number) << 16;
        let shape = self.shape();
        let mut rows = vec![];
        for row in 0..records {
            shape.write_row(&honest_record(&shape, seed + row), &mut rows);
        }
        let ids = (&self.round, &SubmissionId(submission), &self.key_check_value);
        Batch::of_rows(&shape, ids, number, &rows).expect("honest records fit the shape")
    }
}

/// A record that fits the shape and resembles nobody: its bits are hashes of the seed.
#[must_use]
pub fn honest_record(shape: &RecordShape, seed: u64) -> Record {
    let bytes = |purpose: &str, place: usize, counter: usize| {
        let parts = [&seed.to_le_bytes()[..], &place.to_le_bytes(), &counter.to_le_bytes()];
        Digest::of_parts(purpose, &parts).0
    };
    let encodings = shape.encodings.iter().enumerate().map(|(place, encoding)| {
        let chunks =
            (0..encoding.bytes().div_ceil(32)).flat_map(|chunk| bytes("clk", place, chunk));
        Clk::from_bytes(&chunks.take(encoding.bytes()).collect::<Vec<_>>())
    });
    let keys = (0..shape.match_keys).map(|place| Some(MatchKeyValue(bytes("key", place, 0))));
    let codes = shape.dimensions.iter().map(|codes| Some((seed % u64::from(*codes)) as u16));
    Record {
        encodings: encodings.collect(),
        match_keys: keys.collect(),
        codes: codes.collect(),
        start: Month::of(2025, 1 + (seed % 12) as u32).ok(),
        end: None,
    }
}
