//! The client of all servers alike: one call of gRPC that streams both ways, on a connection of its
//! own, by as little code as it takes. A thousand clients share the machine with what is measured,
//! and what they cost is not what they should tell of.

use std::future::Future;
use std::io;
use std::sync::Arc;

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use h2::client::{Builder, ResponseFuture};
use h2::{RecvStream, SendStream};
use http::Request;
use prost::Message;

use crate::traffic::{Counted, Traffic};

/// What hyper's client takes, and so tonic's.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 5 * 1024 * 1024;
/// Whether it is compressed, which it is not, and how long it is.
const PREFIX_BYTES: usize = 5;

/// Why a call did not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Connect(#[from] io::Error),
    #[error(transparent)]
    Http(#[from] h2::Error),
    #[error(transparent)]
    Decode(#[from] prost::DecodeError),
    #[error("it ended: {0}")]
    Ended(String),
}

/// A call that was begun.
#[derive(Debug)]
pub(crate) struct Call {
    requests: SendStream<Bytes>,
    /// Until the server has begun to answer.
    response: Option<ResponseFuture>,
    answers: Option<RecvStream>,
    buffer: BytesMut,
}

/// Calls a method and has its messages handled until the handler or the connection ends.
pub(crate) async fn call<F: Future<Output = Result<(), CallError>>>(
    address: &str,
    method: &str,
    traffic: &Arc<Traffic>,
    handle: impl FnOnce(Call) -> F,
) -> Result<(), CallError> {
    let socket = Counted::connect(address, traffic).await?;
    let mut builder = Builder::new();
    builder.initial_window_size(STREAM_WINDOW_BYTES);
    builder.initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    let (mut requests, connection) = builder.handshake(socket).await?;
    let request = Request::post(format!("http://{address}{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (response, requests) = requests.send_request(request, false)?;
    let handled =
        handle(Call { requests, response: Some(response), answers: None, buffer: BytesMut::new() });
    // The handler first: what it has to send goes out with the same turn.
    tokio::select! {
        biased;
        result = handled => result,
        result = connection => Ok(result?),
    }
}

impl Call {
    pub(crate) fn send(&mut self, message: &impl Message) -> Result<(), CallError> {
        let length = message.encoded_len();
        let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
        bytes.put_u8(0);
        bytes.put_u32(length as u32);
        message.encode(&mut bytes).unwrap();
        Ok(self.requests.send_data(bytes.freeze(), false)?)
    }

    /// The next message; an error where there is none any more.
    pub(crate) async fn next<M: Message + Default>(&mut self) -> Result<M, CallError> {
        loop {
            if let Some(message) = self.take() {
                return Ok(M::decode(message)?);
            }
            let answers = self.answers().await?;
            let Some(data) = answers.data().await.transpose()? else {
                let trailers = answers.trailers().await?.unwrap_or_default();
                let status = trailers.get("grpc-message").and_then(|text| text.to_str().ok());
                return Err(CallError::Ended(status.unwrap_or_default().to_owned()));
            };
            answers.flow_control().release_capacity(data.len())?;
            self.buffer.extend_from_slice(&data);
        }
    }

    async fn answers(&mut self) -> Result<&mut RecvStream, CallError> {
        if let Some(response) = self.response.take() {
            self.answers = Some(response.await?.into_body());
        }
        self.answers.as_mut().ok_or_else(|| CallError::Ended(String::new()))
    }

    fn take(&mut self) -> Option<Bytes> {
        let length = self.buffer.get(1..PREFIX_BYTES)?.get_u32() as usize;
        if self.buffer.len() < PREFIX_BYTES + length {
            return None;
        }
        self.buffer.advance(PREFIX_BYTES);
        Some(self.buffer.split_to(length).freeze())
    }
}
