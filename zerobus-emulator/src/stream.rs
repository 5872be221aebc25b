//! One EphemeralStream call: opened against its table, read to its end, acked when rows are stored.
//!
//! | file | what it owns |
//! |---|---|
//! | `acks` | what is stored, told to the client |
//! | `protocol` | what may come when, without I/O |
//! | `quota` | so many records and bytes within a second |
//! | `service` | the gRPC service that starts streams |
//! | `session` | an open stream: requests in, rows to the sink, acks out |

mod acks;
mod protocol;
mod quota;
pub(crate) mod service;
mod session;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tonic::{Status, Streaming};
use zerobus_codegen::{Printable, Table};
use zerobus_runtime::wire::ephemeral_stream_response::Payload;
use zerobus_runtime::wire::{
    CreateIngestStreamRequest, CreateIngestStreamResponse, EphemeralStreamRequest, EphemeralStreamResponse, RecordType,
};

use crate::client_descriptor;
use crate::connection::Connection;
use crate::decode::Decoder;
use crate::error_chain::ErrorChain;
use crate::faults::script::StreamFaults;
use crate::refusal::Refusal;
use crate::schema_check;
use crate::server::{App, stopped};
use crate::sink::TableSink;
use protocol::Protocol;
use session::Session;

/// The responses of a call, on their way to the client.
#[derive(Debug, Clone)]
struct Responses {
    sender: mpsc::Sender<Result<EphemeralStreamResponse, Status>>,
    /// How long the client may leave them unread.
    grace: Duration,
}

/// How a stream comes to its end.
#[derive(Debug)]
enum End {
    /// The client has gone, or listens no more.
    Gone,
    Refused(Refusal),
    /// The client does not read what it is sent.
    Unread,
    /// Everything that was sent is stored and acked, and nothing more will come.
    Well,
}

/// One call, from its first request to its end.
pub(crate) struct Stream {
    app: App,
    /// The table that the call's metadata names, and its token opens.
    table_name: String,
    requests: Streaming<EphemeralStreamRequest>,
    responses: Responses,
    connection: Connection,
    faults: StreamFaults,
}

/// What a stream is once it is open.
type Opened = (Arc<Table>, Protocol, Decoder, TableSink);

impl Stream {
    /// Serves the call.
    pub(crate) async fn run(mut self) {
        let opened = self.open().await;
        let Self { app, table_name, mut requests, responses, connection, faults } = self;
        let end = match opened {
            Ok((table, protocol, decoder, sink)) => {
                let watched = Arc::new(app.activity.watch(&table, protocol.record_type().as_str_name()));
                let connection = connection.clone();
                let session = Session { protocol, decoder, sink, connection, faults, watched };
                session.serve(&app, &mut requests, &responses).await
            }
            Err(end) => end,
        };
        let unread = match end {
            End::Gone | End::Well => false,
            End::Unread => true,
            End::Refused(refusal) => {
                app.activity.refused(&table_name, &refusal);
                // A client that has gone hears nothing, and needs nothing.
                matches!(responses.put(Err(refusal.into())).await, Err(End::Unread))
            }
        };
        if unread {
            // HTTP/2 has no way to end a stream whose window the client leaves shut.
            let grace = app.limits.read_grace;
            app.activity.refused(
                &table_name,
                &format_args!("the client left its answers unread for {grace:?}; its connection is closed"),
            );
            connection.cut();
        }
    }

    async fn open(&mut self) -> Result<Opened, End> {
        let grace = self.app.limits.connect_grace;
        let mut stopping = self.app.stopping.clone();
        let first = tokio::select! {
            first = self.requests.message() => first,
            () = tokio::time::sleep(grace) => return Err(Refusal::not_opened(grace).into()),
            () = stopped(&mut stopping) => return Err(Refusal::shutting_down().into()),
        };
        let first = match first {
            Ok(Some(request)) => request,
            Ok(None) => return Err(End::Well),
            Err(status) => return Err(broken(&status)),
        };
        let (protocol, create) = Protocol::open(first, &self.app.limits)?;
        let (table, decoder) = self.decoder(&protocol, &create)?;
        let sink = self.app.sink.open(&table).await.map_err(|error| Refusal::storage(ErrorChain(&error)))?;
        let stream_id = Some(crate::random::text(24));
        self.responses.send(Payload::CreateStreamResponse(CreateIngestStreamResponse { stream_id })).await?;
        Ok((table, protocol, decoder, sink))
    }

    fn decoder(
        &self,
        protocol: &Protocol,
        create: &CreateIngestStreamRequest,
    ) -> Result<(Arc<Table>, Decoder), Refusal> {
        let name = create.table_name();
        if name != self.table_name {
            return Err(Refusal::protocol(format_args!(
                "create_stream names table {}, the call's metadata {}",
                Printable(name),
                Printable(&self.table_name)
            )));
        }
        let table = self.app.catalog.writable(name)?;
        let message = match (protocol.record_type(), &create.descriptor_proto) {
            (RecordType::Proto, Some(descriptor)) => client_descriptor::read(descriptor)?,
            (RecordType::Proto, None) => return Err(Refusal::bad_descriptor("a PROTO stream needs one")),
            _ => return Ok((Arc::clone(table), Decoder::of_table(table)?)),
        };
        schema_check::check(table, &message, self.app.limits.column_order)?;
        Ok((Arc::clone(table), Decoder::new(table, message)))
    }
}

impl Responses {
    async fn send(&self, payload: Payload) -> Result<(), End> {
        self.put(Ok(EphemeralStreamResponse { payload: Some(payload) })).await
    }

    async fn put(&self, response: Result<EphemeralStreamResponse, Status>) -> Result<(), End> {
        match self.sender.send_timeout(response, self.grace).await {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Closed(_)) => Err(End::Gone),
            Err(SendTimeoutError::Timeout(_)) => Err(End::Unread),
        }
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What a read that failed means: a message beyond the limit or one that is no message is refused, else the client has
/// gone.
fn broken(status: &Status) -> End {
    match status.code() {
        tonic::Code::OutOfRange | tonic::Code::ResourceExhausted => End::Refused(Refusal::too_large(status.message())),
        tonic::Code::Internal => End::Refused(Refusal::protocol(Printable(status.message()))),
        _ => End::Gone,
    }
}
