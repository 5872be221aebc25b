//! The calls of a recorder: sends the script's responses, and records what the client sent.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Response};
use prost::Message;
use tokio::time::{sleep, timeout};
use zerobus_runtime::wire::ephemeral_stream_response::Payload;
use zerobus_runtime::wire::{
    CloseStreamSignal, CreateIngestStreamResponse, EphemeralStreamResponse, IngestRecordResponse,
};

use super::tap::Tap;
use super::{Call, End, Script, Shared};
use crate::Failure;

/// How long to wait for things that only some clients do: send before the headers of the response, or reset a call
/// after its END_STREAM.
const PATIENCE: Duration = Duration::from_millis(300);

/// Serves one connection.
pub(super) async fn serve(tap: Tap, shared: Arc<Shared>) -> Result<(), Failure> {
    let mut connection = h2::server::handshake(tap).await?;
    while let Some(call) = connection.accept().await {
        let (request, respond) = call?;
        let (head, body) = request.into_parts();
        let call = Call { path: head.uri.path().to_owned(), metadata: metadata(&head.headers), ..Call::default() };
        let place = {
            let mut recording = shared.recording();
            recording.calls.push(call);
            recording.calls.len() - 1
        };
        shared.called.send_replace(place + 1);
        let served = Served { shared: Arc::clone(&shared), place, body, buffer: BytesMut::new(), acked: 0 };
        tokio::spawn(async move {
            if let Err(error) = served.run(respond).await {
                eprintln!("recorder: a call ended: {error}");
            }
        });
    }
    Ok(())
}

fn metadata(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// One call.
struct Served {
    shared: Arc<Shared>,
    /// Its index in the recording.
    place: usize,
    body: RecvStream,
    buffer: BytesMut,
    acked: i64,
}

impl Served {
    async fn run(mut self, mut respond: SendResponse<Bytes>) -> Result<(), Failure> {
        let is_first = self.place == 0;
        match self.shared.script {
            Script::PermissionDenied if is_first => return self.refuse(&mut respond, "7"),
            Script::Unauthenticated if is_first => return self.refuse(&mut respond, "16"),
            _ => {}
        }
        let first = timeout(PATIENCE, self.message()).await;
        self.record(|call| call.sends_before_headers = first.is_ok());
        let mut responses = respond.send_response(head(), false)?;
        let created = match first {
            Ok(message) => message?,
            Err(_) => self.message().await?,
        };
        if created.is_none() {
            return trailers(&mut responses, "0", "");
        }
        if self.shared.script == Script::Refused {
            self.record(|call| call.end = Some(End::Server));
            return trailers(&mut responses, "3", "schema validation failed. Error Code: 8001, Error State: 0.");
        }
        let stream_id = Some(format!("stream-{}", self.place));
        say(&mut responses, Payload::CreateStreamResponse(CreateIngestStreamResponse { stream_id }))?;
        match self.shared.script {
            Script::CloseSignal if is_first => self.close(&mut responses).await,
            Script::Reset if is_first => self.reset(&mut responses).await,
            _ => self.acknowledge(&mut responses).await,
        }
    }

    /// Refuses the call before a stream is created.
    fn refuse(&mut self, respond: &mut SendResponse<Bytes>, status: &'static str) -> Result<(), Failure> {
        self.record(|call| call.end = Some(End::Server));
        let mut response = head();
        response.headers_mut().insert("grpc-status", HeaderValue::from_static(status));
        response
            .headers_mut()
            .insert("grpc-message", HeaderValue::from_static("refused. Error Code: 3, Error State: 1."));
        respond.send_response(response, true)?;
        Ok(())
    }

    async fn acknowledge(&mut self, responses: &mut SendStream<Bytes>) -> Result<(), Failure> {
        while self.message().await?.is_some() {
            self.ack(responses)?;
        }
        self.end(responses).await
    }

    /// Ends the call after the client's END_STREAM, unless the client resets it first.
    async fn end(&mut self, responses: &mut SendStream<Bytes>) -> Result<(), Failure> {
        if timeout(PATIENCE, poll_fn(|cx| responses.poll_reset(cx))).await.is_ok() {
            self.record(|call| call.end = Some(End::HalfClosedAndReset));
            return Ok(());
        }
        trailers(responses, "0", "")
    }

    /// Sends the close signal before the first acknowledgement, and ends the call when the client has opened the next.
    async fn close(&mut self, responses: &mut SendStream<Bytes>) -> Result<(), Failure> {
        let first = self.message().await?;
        // Well before the acknowledgement, so that every task of the client has seen it before the next row.
        let duration = Some(prost_types::Duration { seconds: 2, nanos: 0 });
        say(responses, Payload::CloseStreamSignal(CloseStreamSignal { duration }))?;
        sleep(PATIENCE).await;
        if first.is_some() {
            self.ack(responses)?;
        }
        let mut called = self.shared.called.subscribe();
        let next = self.place + 2;
        let next_call = async move { called.wait_for(|calls| *calls >= next).await.is_ok() };
        tokio::pin!(next_call);
        loop {
            tokio::select! {
                message = self.message() => match message? {
                    Some(_) => self.ack(responses)?,
                    None => break,
                },
                is_called = &mut next_call => {
                    self.record(|call| call.next_call_first = is_called);
                    // Anything that the client still sends here arrives within this time.
                    while let Ok(Ok(Some(_))) = timeout(PATIENCE, self.message()).await {
                        self.ack(responses)?;
                    }
                    return trailers(responses, "0", "");
                }
            }
        }
        let is_called = timeout(PATIENCE, next_call).await.unwrap_or(false);
        self.record(|call| call.next_call_first = is_called);
        self.end(responses).await
    }

    async fn reset(&mut self, responses: &mut SendStream<Bytes>) -> Result<(), Failure> {
        self.message().await?;
        self.ack(responses)?;
        self.message().await?;
        self.record(|call| call.end = Some(End::Server));
        responses.send_reset(Reason::INTERNAL_ERROR);
        Ok(())
    }

    fn ack(&mut self, responses: &mut SendStream<Bytes>) -> Result<(), Failure> {
        let ack = IngestRecordResponse { durability_ack_up_to_offset: Some(self.acked) };
        self.acked += 1;
        say(responses, Payload::IngestRecordResponse(ack))
    }

    /// Reads and records the next message; `None` at the end of the request side.
    async fn message(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(message) = take(&mut self.buffer) {
                let kept = message.clone();
                self.record(move |call| call.messages.push(kept));
                return Ok(Some(message));
            }
            match self.body.data().await {
                Some(Ok(data)) => {
                    self.body.flow_control().release_capacity(data.len())?;
                    self.buffer.extend_from_slice(&data);
                }
                Some(Err(error)) => {
                    self.record(|call| call.end = Some(End::Reset));
                    return Err(error.into());
                }
                None => {
                    self.record(|call| call.end = Some(End::HalfClosed));
                    return Ok(None);
                }
            }
        }
    }

    fn record(&self, change: impl FnOnce(&mut Call)) {
        change(&mut self.shared.recording().calls[self.place]);
    }
}

/// Takes a complete message from the buffer.
fn take(buffer: &mut BytesMut) -> Option<Bytes> {
    let length = u32::from_be_bytes(buffer.get(1..5)?.try_into().ok()?) as usize;
    if buffer.len() < 5 + length {
        return None;
    }
    buffer.advance(5);
    Some(buffer.split_to(length).freeze())
}

fn head() -> Response<()> {
    let mut response = Response::new(());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn say(responses: &mut SendStream<Bytes>, payload: Payload) -> Result<(), Failure> {
    let message = EphemeralStreamResponse { payload: Some(payload) }.encode_to_vec();
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(message.len())?.to_be_bytes());
    framed.extend_from_slice(&message);
    responses.send_data(framed.into(), false)?;
    Ok(())
}

fn trailers(responses: &mut SendStream<Bytes>, status: &str, message: &str) -> Result<(), Failure> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_str(status)?);
    trailers.insert("grpc-message", HeaderValue::from_str(message)?);
    responses.send_trailers(trailers)?;
    Ok(())
}
