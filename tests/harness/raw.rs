//! Messages as bytes: to say what no honest client could, and to compare answers byte for byte.

use prost::Message;
use prost::bytes::{Buf as _, BufMut as _, Bytes};
use tonic::Status;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;

/// Leaves bytes as they are, both ways.
struct Raw;

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item.chunk());
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

async fn ready(channel: &Channel) -> Result<Grpc<Channel>, Status> {
    let mut grpc = Grpc::new(channel.clone()).max_encoding_message_size(8 << 20);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    Ok(grpc)
}

/// Uploads bytes in the place of one batch and waits until the service ends the upload.
pub async fn upload_bytes(channel: &Channel, batch: Bytes) -> Result<(), Status> {
    let path = PathAndQuery::from_static("/samenloop.v1.Submissions/UploadBatches");
    let request = tonic::Request::new(tokio_stream::iter([batch]));
    let mut answers = ready(channel).await?.streaming(request, path, Raw).await?.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

/// The answer to a question to a release, as it came over the wire.
pub async fn query_bytes(
    channel: &Channel,
    question: &samenloop_wire::v1::QueryTableRequest,
) -> Result<Bytes, Status> {
    let path = PathAndQuery::from_static("/samenloop.v1.Releases/QueryTable");
    let request = tonic::Request::new(question.encode_to_vec().into());
    Ok(ready(channel).await?.unary(request, path, Raw).await?.into_inner())
}
