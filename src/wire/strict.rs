//! A codec that refuses what prost would quietly drop.
//!
//! prost skips unknown fields, so a message could carry anything past every check. A message is
//! therefore accepted only if writing it again gives as many bytes as came in.

use std::marker::PhantomData;

use bytes::Buf as _;
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Why bytes are not accepted as a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum StrictError {
    /// Not protobuf, or a field of another type.
    #[error("the message is not the protobuf that this service speaks")]
    Malformed,
    /// A field that the message does not have, or one written in a way that this service would not.
    #[error(
        "the message holds {surplus} bytes of unknown or needlessly written fields; \
         use the client of the same version as the service"
    )]
    Surplus {
        /// Bytes that came in beyond those that the known fields need.
        surplus: usize,
    },
    /// The known fields, but not as protobuf's own encoders write them.
    #[error(
        "the message's fields are not in ascending order, or not all of their values are written"
    )]
    Order,
}

/// Decodes bytes that hold exactly the message's known fields.
pub fn decode<T: Message + Default>(bytes: impl bytes::Buf) -> Result<T, StrictError> {
    let len = bytes.remaining();
    let message = T::decode(bytes).map_err(|_| StrictError::Malformed)?;
    match len.checked_sub(message.encoded_len()) {
        Some(0) => Ok(message),
        Some(surplus) => Err(StrictError::Surplus { surplus }),
        None => Err(StrictError::Malformed),
    }
}

/// The codec of every RPC.
#[derive(Debug)]
pub struct StrictCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for StrictCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for StrictCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = WholeEncoder<T>;
    type Decoder = StrictDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        WholeEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        StrictDecoder(PhantomData)
    }
}

/// The encoding half of [`StrictCodec`].
#[derive(Debug)]
pub struct WholeEncoder<T>(PhantomData<T>);

impl<T: Message> Encoder for WholeEncoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, message: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        // At once: a buffer that grows bit by bit copies a batch twice over.
        buffer.reserve(message.encoded_len());
        message.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

/// The decoding half of [`StrictCodec`].
#[derive(Debug)]
pub struct StrictDecoder<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for StrictDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        decode(bytes).map(Some).map_err(|error| Status::invalid_argument(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::BatchAcknowledgement;

    #[test]
    fn an_unknown_field_is_refused_and_not_dropped() {
        let message = BatchAcknowledgement { number: 7, ledger_index: 300 };
        let mut bytes = message.encode_to_vec();
        assert_eq!(decode(bytes.as_slice()), Ok(message));
        // Field 15, length-delimited: a name that travels along.
        bytes.extend([15 << 3 | 2, 6]);
        bytes.extend(b"Jansen");
        assert_eq!(
            decode::<BatchAcknowledgement>(bytes.as_slice()),
            Err(StrictError::Surplus { surplus: 8 })
        );
        assert_eq!(decode::<BatchAcknowledgement>(&b"\xff"[..]), Err(StrictError::Malformed));
    }
}
