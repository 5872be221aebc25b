//! The gRPC service: who calls, for which table, with what right; then a stream of its own.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use zerobus_runtime::wire::zerobus_server::{Zerobus, ZerobusServer};
use zerobus_runtime::wire::{EphemeralStreamRequest, EphemeralStreamResponse, TABLE_NAME_HEADER};

use super::{Responses, Stream};
use crate::connection::Connection;
use crate::faults::script::StreamFaults;
use crate::faults::{Kind, Point};
use crate::refusal::Refusal;
use crate::server::App;

/// Responses that wait for a client that is slow to read.
const RESPONSES: usize = 64;
/// What a message may be larger than its records.
const ENVELOPE_BYTES: usize = 1 << 20;

/// Starts a [`Stream`] for each call.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    app: App,
}

impl Service {
    pub(crate) fn server(app: App) -> ZerobusServer<Self> {
        let message_bytes = app.limits.record_bytes.saturating_add(ENVELOPE_BYTES);
        ZerobusServer::new(Self { app }).max_decoding_message_size(message_bytes)
    }

    fn table_name(&self, request: &Request<Streaming<EphemeralStreamRequest>>) -> Result<String, Refusal> {
        let text = |name: &str| request.metadata().get(name).and_then(|value| value.to_str().ok());
        let Some(table) = text(TABLE_NAME_HEADER) else {
            return Err(Refusal::protocol(format_args!("the call's metadata has no {TABLE_NAME_HEADER}")));
        };
        self.app.tokens.check_table(text("authorization"), table)?;
        Ok(table.to_owned())
    }

    fn misbehave(&self, faults: &mut StreamFaults) -> Result<(), Refusal> {
        for kind in self.app.faults.strike(faults, Point::Call, 0) {
            match kind {
                Kind::OpenStatus(status, code) => return Err(Refusal::injected(status, code)),
                Kind::TokenRejected => return Err(Refusal::unauthenticated("it is rejected (injected)")),
                _ => {}
            }
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl Zerobus for Service {
    type EphemeralStreamStream = ReceiverStream<Result<EphemeralStreamResponse, Status>>;

    async fn ephemeral_stream(
        &self,
        request: Request<Streaming<EphemeralStreamRequest>>,
    ) -> Result<Response<Self::EphemeralStreamStream>, Status> {
        let activity = &self.app.activity;
        let table_name = self.table_name(&request).inspect_err(|refusal| activity.refused("", refusal))?;
        let mut faults = self.app.faults.stream(&table_name);
        self.misbehave(&mut faults).inspect_err(|refusal| activity.refused(&table_name, refusal))?;
        let connection = request.extensions().get::<Connection>().cloned().unwrap_or_default();
        let (sender, receiver) = mpsc::channel(RESPONSES);
        let (app, responses) = (self.app.clone(), Responses { sender, grace: self.app.limits.read_grace });
        let stream = Stream { app, table_name, requests: request.into_inner(), responses, connection, faults };
        let streams = self.app.streams.clone();
        tokio::spawn(async move {
            let _running = streams;
            stream.run().await;
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
