//! The responses of a stream, of all kinds of calls.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tonic::Status;
use zerobus_runtime::wire::{
    CloseStreamSignal, CreateIngestStreamResponse, EphemeralStreamResponse, IngestRecordResponse,
    PersistentStreamResponse, ResumeIngestStreamResponse, ephemeral_stream_response, persistent_stream_response,
};

use super::End;

/// Sends the responses of a call.
#[derive(Debug, Clone)]
pub(super) struct Responses {
    pub(super) sender: mpsc::Sender<Result<Response, Status>>,
    /// How long the client may leave responses unread.
    pub(super) grace: Duration,
}

/// One response.
#[derive(Debug)]
pub(crate) enum Response {
    Ack(Option<i64>),
    Close(CloseStreamSignal),
    Created(String),
    Resumed(Option<i64>),
}

impl Responses {
    pub(super) async fn send(&self, response: Response) -> Result<(), End> {
        self.put(Ok(response)).await
    }

    pub(super) async fn put(&self, response: Result<Response, Status>) -> Result<(), End> {
        match self.sender.send_timeout(response, self.grace).await {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Closed(_)) => Err(End::Gone),
            Err(SendTimeoutError::Timeout(_)) => Err(End::Unread),
        }
    }
}

pub(super) fn ephemeral(response: Result<Response, Status>) -> Result<EphemeralStreamResponse, Status> {
    use ephemeral_stream_response::Payload;
    let payload = match response? {
        Response::Ack(offset) => Payload::IngestRecordResponse(ack(offset)),
        Response::Close(signal) => Payload::CloseStreamSignal(signal),
        Response::Created(id) => Payload::CreateStreamResponse(CreateIngestStreamResponse { stream_id: Some(id) }),
        Response::Resumed(_) => return Err(Status::internal("an ephemeral stream cannot be resumed")),
    };
    Ok(EphemeralStreamResponse { payload: Some(payload) })
}

pub(super) fn persistent(response: Result<Response, Status>) -> Result<PersistentStreamResponse, Status> {
    use persistent_stream_response::Payload;
    let payload = match response? {
        Response::Ack(offset) => Payload::IngestRecordResponse(ack(offset)),
        Response::Close(signal) => Payload::CloseStreamSignal(signal),
        Response::Created(id) => Payload::CreateStreamResponse(CreateIngestStreamResponse { stream_id: Some(id) }),
        Response::Resumed(last_committed_offset) => {
            Payload::ResumeStreamResponse(ResumeIngestStreamResponse { last_committed_offset })
        }
    };
    Ok(PersistentStreamResponse { payload: Some(payload) })
}

fn ack(durability_ack_up_to_offset: Option<i64>) -> IngestRecordResponse {
    IngestRecordResponse { durability_ack_up_to_offset }
}
