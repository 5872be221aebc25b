//! Persistent streams: created, resumed, retired. Their state is in the log of their table.

use std::sync::Arc;

use zerobus_runtime::wire::resume_ingest_stream_request::Identifier;
use zerobus_runtime::wire::retire_stream_request::Identifier as RetiredIdentifier;
use zerobus_runtime::wire::{ResumeIngestStreamRequest, RetireStreamRequest};

use crate::app::App;
use crate::lease::{Lease, Revocation};
use crate::random;
use crate::refusal::Refusal;
use crate::sink::{PersistentStream, StreamAction, StreamState, TableSink};

/// A persistent stream that this connection may write to.
pub(super) struct Persistent {
    pub(super) stream: Arc<PersistentStream>,
    pub(super) lease: Lease,
    pub(super) revocation: Revocation,
}

impl Persistent {
    /// Creates a stream; it is in the log of its table when this returns.
    pub(super) async fn create(app: &App, table: &str, sink: &TableSink) -> Result<Self, Refusal> {
        let id = random::text(24);
        let (lease, revocation) = app.leases.take(table, &id).await;
        match sink.stream(&id, StreamAction::Create).await? {
            StreamState::Open(committed) => {
                Ok(Self { stream: PersistentStream::new(id, committed), lease, revocation })
            }
            StreamState::Retired | StreamState::Unknown => Err(Refusal::storage("the stream could not be created")),
        }
    }

    /// Resumes a stream, after everything that other connections have sent on it is stored.
    pub(super) async fn resume(
        app: &App,
        table: &str,
        sink: &TableSink,
        request: &ResumeIngestStreamRequest,
    ) -> Result<Self, Refusal> {
        let Some(Identifier::StreamId(id)) = &request.identifier else {
            return Err(Refusal::protocol("resume_stream has no stream_id"));
        };
        let (lease, revocation) = app.leases.take(table, id).await;
        match sink.stream(id, StreamAction::Find).await? {
            StreamState::Open(committed) => {
                Ok(Self { stream: PersistentStream::new(id.clone(), committed), lease, revocation })
            }
            StreamState::Retired => Err(Refusal::retired_stream(id)),
            StreamState::Unknown => Err(Refusal::no_such_stream(table, id)),
        }
    }
}

/// Retires a stream, and ends the connection that writes to it. A retired stream stays retired.
pub(super) async fn retire(app: &App, table: &str, request: &RetireStreamRequest) -> Result<(), Refusal> {
    let Some(RetiredIdentifier::StreamId(id)) = &request.identifier else {
        return Err(Refusal::protocol("the request has no stream_id"));
    };
    let known = app.catalog().writable(table)?;
    let (table, sink) = (&*known.name.to_string(), app.sink.open(&known).await?);
    let _lease = app.leases.take(table, id).await;
    match sink.stream(id, StreamAction::Retire).await? {
        StreamState::Open(_) | StreamState::Retired => Ok(()),
        StreamState::Unknown => Err(Refusal::no_such_stream(table, id)),
    }
}
