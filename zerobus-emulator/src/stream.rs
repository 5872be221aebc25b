//! One call of a stream: opened for its table, read to its end, acked when rows are stored.
//!
//! | file | what it owns |
//! |---|---|
//! | `acks` | acknowledgements of what is stored |
//! | `altered` | the end of a stream whose table was altered |
//! | `persistent` | persistent streams: created, resumed, retired |
//! | `protocol` | the order of requests, without I/O |
//! | `quota` | records and bytes of a stream within a second |
//! | `requests`, `responses` | the messages of all kinds of calls |
//! | `service` | the gRPC service that starts streams |
//! | `session` | an open stream: requests in, rows to the sink, acks out |

mod acks;
mod altered;
mod persistent;
mod protocol;
mod quota;
mod requests;
mod responses;
pub(crate) mod service;
mod session;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tonic::Status;
use zerobus_codegen::{Printable, Table};
use zerobus_runtime::wire::RecordType;

use crate::app::{App, stopped};
use crate::client_descriptor;
use crate::connection::Connection;
use crate::decode::Decoder;
use crate::faults::AckStep;
use crate::faults::script::StreamFaults;
use crate::random;
use crate::refusal::Refusal;
use crate::schema_check;
use crate::sink::TableSink;
use altered::Alterations;
use persistent::Persistent;
use protocol::{Opening, Protocol};
use requests::Requests;
use responses::{Response, Responses};
use session::Session;

/// How a stream ended.
#[derive(Debug)]
enum End {
    /// The client has disconnected, or receives no more.
    Gone,
    Refused(Refusal),
    /// The client does not read its responses.
    Unread,
    /// Everything that was sent is stored and acked.
    Well,
}

/// One call, from the first request to the end.
pub(crate) struct Stream {
    app: App,
    /// The table in the call's metadata; the token is valid for it.
    table_name: String,
    requests: Requests,
    responses: Responses,
    connection: Connection,
    faults: StreamFaults,
    misbehavior: Misbehavior,
}

/// The faults of a call from its opening on.
#[derive(Debug, Default)]
struct Misbehavior {
    /// The delay of the opening.
    delay: Duration,
    ack_script: VecDeque<AckStep>,
}

/// The parts of an open stream.
struct Opened {
    table: Arc<Table>,
    protocol: Protocol,
    decoder: Decoder,
    sink: TableSink,
    persistent: Option<Persistent>,
    alterations: Alterations,
}

impl Stream {
    /// Serves the call.
    pub(crate) async fn run(mut self) {
        let opened = self.open().await;
        let Self { app, table_name, mut requests, responses, connection, faults, misbehavior } = self;
        let end = match opened {
            Ok(Opened { table, protocol, decoder, sink, persistent, alterations }) => {
                let encoding = protocol.record_type().as_str_name();
                let watched = Arc::new(app.activity.watch(&connection, &table, encoding, protocol.next_offset()));
                let connection = connection.clone();
                let ack_script = misbehavior.ack_script;
                let session = Session {
                    protocol,
                    decoder,
                    sink,
                    persistent,
                    connection,
                    faults,
                    ack_script,
                    watched,
                    alterations,
                };
                session.serve(&app, &mut requests, &responses).await
            }
            Err(end) => end,
        };
        let unread = match end {
            End::Gone | End::Well => false,
            End::Unread => true,
            End::Refused(refusal) => {
                app.activity.refused(&connection, &table_name, &refusal);
                // A client that has disconnected does not receive it.
                matches!(responses.put(Err(refusal.into())).await, Err(End::Unread))
            }
        };
        if unread {
            // HTTP/2 cannot deliver the end of a stream whose window the client keeps closed.
            let grace = app.limits.read_grace;
            app.activity.refused(
                &connection,
                &table_name,
                &format_args!("the client did not read its responses for {grace:?}; its connection is closed"),
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
        let (mut protocol, opening) = Protocol::open(first, &self.app.limits)?;
        // Subscribed before the table is read, so that no later alteration is missed.
        let alterations = Alterations::of(&self.app);
        let (table, decoder) = self.decoder(&protocol, &opening)?;
        let sink = self.app.sink.open(&table).await.map_err(Refusal::from)?;
        let (persistent, response) = self.begin(&opening, &table, &sink).await?;
        if let Some(persistent) = &persistent {
            protocol.go_on_behind(persistent.stream.committed());
        }
        tokio::time::sleep(self.misbehavior.delay).await;
        self.responses.send(response).await?;
        Ok(Opened { table, protocol, decoder, sink, persistent, alterations })
    }

    /// Creates or resumes the stream; returns the answer.
    async fn begin(
        &self,
        opening: &Opening,
        table: &Table,
        sink: &TableSink,
    ) -> Result<(Option<Persistent>, Response), Refusal> {
        let (app, table) = (&self.app, &*table.name.to_string());
        Ok(match opening {
            Opening::Create(_) => (None, Response::Created(random::text(24))),
            Opening::CreatePersistent(_) => {
                let created = Persistent::create(app, table, sink).await?;
                let id = created.stream.id().to_owned();
                (Some(created), Response::Created(id))
            }
            Opening::Resume(resume) => {
                let resumed = Persistent::resume(app, table, sink, resume).await?;
                let committed = Some(resumed.stream.committed()).filter(|offset| *offset >= 0);
                (Some(resumed), Response::Resumed(committed))
            }
        })
    }

    fn decoder(&self, protocol: &Protocol, opening: &Opening) -> Result<(Arc<Table>, Decoder), Refusal> {
        if let Some(name) = opening.table_name()
            && !name.eq_ignore_ascii_case(&self.table_name)
        {
            return Err(Refusal::protocol(format_args!(
                "create_stream names table {}, the call's metadata {}",
                Printable(name),
                Printable(&self.table_name)
            )));
        }
        let table = self.app.catalog().writable(&self.table_name)?;
        let message = match (protocol.record_type(), opening.descriptor()) {
            (RecordType::Proto, Some(descriptor)) => client_descriptor::read(descriptor)?,
            (RecordType::Proto, None) => return Err(Refusal::bad_descriptor("a PROTO stream needs one")),
            _ => {
                let decoder = Decoder::of_table(&table)?.with_rescue(self.app.tags.rescue(&table));
                return Ok((table, decoder));
            }
        };
        schema_check::check(&table, &message, self.app.limits.column_order)?;
        let decoder = Decoder::new(&table, message);
        Ok((table, decoder))
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The meaning of a failed read. Messages that are too large or malformed are refused; otherwise the client has
/// disconnected.
fn broken(status: &Status) -> End {
    match status.code() {
        tonic::Code::OutOfRange | tonic::Code::ResourceExhausted => End::Refused(Refusal::too_large(status.message())),
        tonic::Code::Internal => End::Refused(Refusal::protocol(Printable(status.message()))),
        _ => End::Gone,
    }
}
