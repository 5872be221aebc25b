//! The server's messages on a call.

use http::Response;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, Streaming};
use tonic_prost::ProstCodec;

use super::envelope::Rpc;
use crate::core::{Begin, Heard};
use crate::error::Violation;
use crate::wire::{
    CloseStreamSignal, EphemeralStreamRequest, EphemeralStreamResponse, PersistentStreamRequest,
    PersistentStreamResponse, ephemeral_stream_response as ephemeral, persistent_stream_response as persistent,
    time_of,
};

/// The responses of one call.
#[derive(Debug)]
pub(super) struct Responses {
    begin: Begin,
    has_begun: bool,
    messages: Messages,
}

#[derive(Debug)]
enum Messages {
    Ephemeral(Streaming<EphemeralStreamResponse>),
    Persistent(Streaming<PersistentStreamResponse>),
}

impl Responses {
    pub(super) fn new(begin: Begin, response: Response<Body>) -> Self {
        let (status, body) = (response.status(), response.into_body());
        let messages = match Rpc::of(&begin) {
            Rpc::Ephemeral => {
                let mut codec = ProstCodec::<EphemeralStreamRequest, EphemeralStreamResponse>::default();
                Messages::Ephemeral(Streaming::new_response(codec.decoder(), body, status, None, None))
            }
            Rpc::Persistent => {
                let mut codec = ProstCodec::<PersistentStreamRequest, PersistentStreamResponse>::default();
                Messages::Persistent(Streaming::new_response(codec.decoder(), body, status, None, None))
            }
        };
        Self { begin, has_begun: false, messages }
    }

    /// The server's next message, as an event.
    pub(super) async fn next(&mut self) -> Result<Heard, Box<Status>> {
        let heard = match &mut self.messages {
            Messages::Ephemeral(messages) => messages.message().await?.map(|response| ephemeral(response.payload)),
            Messages::Persistent(messages) => messages.message().await?.map(|response| persistent(response.payload)),
        };
        let begins = matches!(heard, Some(Heard::Opened(_) | Heard::Resumed(_)));
        Ok(match heard {
            None => Heard::Ended(None),
            Some(_) if begins && self.has_begun => Heard::Violated(Violation::CreatedTwice),
            Some(Heard::Resumed(_)) if !matches!(self.begin, Begin::Resume(_)) => {
                Heard::Violated(Violation::OtherOpening)
            }
            Some(Heard::Opened(_)) if matches!(self.begin, Begin::Resume(_)) => {
                Heard::Violated(Violation::OtherOpening)
            }
            Some(heard) => {
                self.has_begun |= begins;
                heard
            }
        })
    }
}

fn ephemeral(payload: Option<ephemeral::Payload>) -> Heard {
    use ephemeral::Payload;
    match payload {
        Some(Payload::CloseStreamSignal(signal)) => close_signal(&signal),
        Some(Payload::CreateStreamResponse(created)) => Heard::Opened(created.stream_id().into()),
        Some(Payload::IngestRecordResponse(ack)) => Heard::Acked(ack.durability_ack_up_to_offset),
        None => Heard::Violated(Violation::EmptyResponse),
    }
}

fn persistent(payload: Option<persistent::Payload>) -> Heard {
    use persistent::Payload;
    match payload {
        Some(Payload::CloseStreamSignal(signal)) => close_signal(&signal),
        Some(Payload::CreateStreamResponse(created)) => Heard::Opened(created.stream_id().into()),
        Some(Payload::IngestRecordResponse(ack)) => Heard::Acked(ack.durability_ack_up_to_offset),
        Some(Payload::ResumeStreamResponse(resumed)) => Heard::Resumed(resumed.last_committed_offset),
        None => Heard::Violated(Violation::EmptyResponse),
    }
}

fn close_signal(signal: &CloseStreamSignal) -> Heard {
    Heard::CloseSignal(signal.duration.and_then(time_of).unwrap_or_default())
}
