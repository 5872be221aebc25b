//! The gRPC service: checks the caller, the table and the token of a call, and starts its stream.

use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::adapters::Map;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};
use zerobus_codegen::Printable;
use zerobus_runtime::wire::zerobus_server::{Zerobus, ZerobusServer};
use zerobus_runtime::wire::{
    EphemeralStreamRequest, EphemeralStreamResponse, PersistentStreamRequest, PersistentStreamResponse,
    RetireStreamRequest, RetireStreamResponse, TABLE_NAME_HEADER,
};

use super::requests::Requests;
use super::responses::{self, Responses};
use super::{Misbehavior, Stream, persistent};
use crate::app::App;
use crate::connection::Connection;
use crate::faults::script::StreamFaults;
use crate::faults::{Kind, Point};
use crate::refusal::Refusal;

/// How many responses are queued for a slow client.
const RESPONSES: usize = 64;
/// How many bytes a message may be larger than its records.
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

    /// The table in a call's metadata, if the token is valid for it.
    fn table_name(&self, metadata: &MetadataMap) -> Result<String, Refusal> {
        let Some(table) = text(metadata, TABLE_NAME_HEADER) else {
            return Err(Refusal::protocol(format_args!("the call's metadata has no {TABLE_NAME_HEADER}")));
        };
        self.app.authorize(text(metadata, "authorization"), table)?;
        Ok(table.to_owned())
    }

    /// Starts a stream in the background; returns its responses.
    fn start<T>(
        &self,
        request: Request<Streaming<T>>,
        requests: impl FnOnce(Streaming<T>) -> Requests,
    ) -> Result<ReceiverStream<Result<responses::Response, Status>>, Status> {
        let activity = &self.app.activity;
        let connection = connection(request.extensions());
        let table_name = self.table_name(request.metadata());
        let table_name = table_name.inspect_err(|refusal| activity.refused(&connection, "", refusal))?;
        let mut faults = self.app.faults.stream(&table_name);
        let begun = self.misbehave(&mut faults);
        let misbehavior = begun.inspect_err(|refusal| activity.refused(&connection, &table_name, refusal))?;
        let (sender, receiver) = mpsc::channel(RESPONSES);
        let (app, responses) = (self.app.clone(), Responses { sender, grace: self.app.limits.read_grace });
        let requests = requests(request.into_inner());
        let stream = Stream { app, table_name, requests, responses, connection, faults, misbehavior };
        let streams = self.app.streams.clone();
        tokio::spawn(async move {
            let _running = streams;
            stream.run().await;
        });
        Ok(ReceiverStream::new(receiver))
    }

    async fn retire(&self, metadata: &MetadataMap, request: &RetireStreamRequest) -> Result<(), Refusal> {
        let table = request.table_name();
        if let Some(named) = text(metadata, TABLE_NAME_HEADER)
            && !named.eq_ignore_ascii_case(table)
        {
            let (table, named) = (Printable(table), Printable(named));
            return Err(Refusal::protocol(format_args!(
                "the request names table {table}, the call's metadata {named}"
            )));
        }
        self.app.authorize(text(metadata, "authorization"), table)?;
        persistent::retire(&self.app, table, request).await
    }

    fn misbehave(&self, faults: &mut StreamFaults) -> Result<Misbehavior, Refusal> {
        let mut misbehavior = Misbehavior::default();
        for kind in self.app.faults.strike(faults, Point::Call, 0) {
            match kind {
                Kind::AckScript(steps) => misbehavior.ack_script.extend(steps),
                Kind::OpenDelay(more) => misbehavior.delay += more,
                Kind::OpenStatus(status, code) => return Err(Refusal::injected(status, code)),
                Kind::TokenRejected => return Err(Refusal::unauthenticated("it is rejected (injected)")),
                _ => {}
            }
        }
        Ok(misbehavior)
    }
}

/// The server adds one to every request.
fn connection(extensions: &tonic::Extensions) -> Connection {
    extensions.get::<Connection>().cloned().unwrap_or_else(|| Connection::new(None))
}

fn text<'a>(metadata: &'a MetadataMap, name: &str) -> Option<&'a str> {
    metadata.get(name)?.to_str().ok()
}

type Mapped<T> = Map<
    ReceiverStream<Result<responses::Response, Status>>,
    fn(Result<responses::Response, Status>) -> Result<T, Status>,
>;

#[tonic::async_trait]
impl Zerobus for Service {
    type EphemeralStreamStream = Mapped<EphemeralStreamResponse>;
    type PersistentStreamStream = Mapped<PersistentStreamResponse>;

    async fn ephemeral_stream(
        &self,
        request: Request<Streaming<EphemeralStreamRequest>>,
    ) -> Result<Response<Self::EphemeralStreamStream>, Status> {
        let to_wire: fn(_) -> _ = responses::ephemeral;
        Ok(Response::new(self.start(request, Requests::Ephemeral)?.map(to_wire)))
    }

    async fn persistent_stream(
        &self,
        request: Request<Streaming<PersistentStreamRequest>>,
    ) -> Result<Response<Self::PersistentStreamStream>, Status> {
        let to_wire: fn(_) -> _ = responses::persistent;
        Ok(Response::new(self.start(request, Requests::Persistent)?.map(to_wire)))
    }

    async fn retire_stream(
        &self,
        request: Request<RetireStreamRequest>,
    ) -> Result<Response<RetireStreamResponse>, Status> {
        let (metadata, extensions, request) = request.into_parts();
        let retired = self.retire(&metadata, &request).await;
        let refused = |refusal: &Refusal| {
            self.app.activity.refused(&connection(&extensions), request.table_name(), refusal);
        };
        retired.inspect_err(refused)?;
        Ok(Response::new(RetireStreamResponse {}))
    }
}
