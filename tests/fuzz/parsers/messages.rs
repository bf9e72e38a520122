//! What comes over the network or out of the store as protobuf.

use prost::Message;
use samenloop_schema::{Digest, EncodingShape, RecordShape};
use samenloop_wire::strict::decode;
use samenloop_wire::{Batch, v1};

fn shape() -> RecordShape {
    let encoding = EncodingShape { bits: 64, min_ones: 16, max_ones: 48 };
    RecordShape { encodings: vec![encoding; 2], match_keys: 2, dimensions: vec![5, 300] }
}

/// A batch that is accepted is what came in, byte for byte, and what prost's own decoder reads.
pub fn batch(bytes: &[u8]) {
    let Ok(message) = decode::<Batch>(bytes) else { return };
    assert_eq!(message.encoded_len(), bytes.len());
    let (shape, mut rows) = (shape(), vec![]);
    let Ok(checked) = message.check(&shape, &mut rows) else { return };
    let ids = (&checked.round_id, &checked.submission_id, &checked.key_check_value);
    let again = Batch::of_rows(&shape, ids, checked.number, &rows);
    assert_eq!(again.as_ref(), Ok(&message));
    assert_eq!(checked.digest, Digest::of(&message.encode_to_vec()));
    assert_eq!(checked.records * shape.row_len(), rows.len());
    for record in &message.records {
        let read = v1::Record::decode(&record[..]).expect("prost reads what is accepted");
        assert_eq!(read.encode_to_vec(), record[..]);
    }
}

/// Written again, a message has as many bytes and then stays the same; bytes are compared, because a
/// number may be NaN.
fn strict<T: Message + Default>(bytes: &[u8]) {
    let Ok(message) = decode::<T>(bytes) else { return };
    let written = message.encode_to_vec();
    assert_eq!(written.len(), bytes.len());
    let again = decode::<T>(written.as_slice()).map(|message| message.encode_to_vec());
    assert_eq!(again, Ok(written));
}

/// Every other message that the service or a client takes; the first byte says which.
pub fn messages(bytes: &[u8]) {
    const MESSAGES: &[fn(&[u8])] = &[
        strict::<v1::CreateRoundRequest>,
        strict::<v1::GetRoundRequest>,
        strict::<v1::GetRoundResponse>,
        strict::<v1::ListRoundsResponse>,
        strict::<v1::CorrectRoundRequest>,
        strict::<v1::LinkRoundProgress>,
        strict::<v1::AnnounceKeyRequest>,
        strict::<v1::OpenSubmissionRequest>,
        strict::<v1::SealSubmissionRequest>,
        strict::<v1::GetSubmissionsResponse>,
        strict::<v1::WithdrawSubmissionRequest>,
        strict::<v1::BatchAcknowledgement>,
        strict::<v1::GetReleaseResponse>,
        strict::<v1::QueryTableRequest>,
        strict::<v1::ReleasedTable>,
        strict::<v1::EstimatePopulationRequest>,
        strict::<v1::ReleasedPopulation>,
        strict::<v1::ListEntriesRequest>,
        strict::<v1::LedgerEntry>,
        strict::<v1::GetInclusionProofRequest>,
        strict::<v1::GetConsistencyProofRequest>,
        strict::<v1::Proof>,
        strict::<v1::StoredRound>,
        strict::<v1::StoredKeyAnnouncement>,
        strict::<v1::StoredSubmission>,
        strict::<v1::StoredBatch>,
        strict::<v1::StoredEntry>,
    ];
    if let Some((which, message)) = bytes.split_first() {
        MESSAGES[usize::from(*which) % MESSAGES.len()](message);
    }
}
