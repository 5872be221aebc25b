//! An open stream: requests are checked and decoded, their rows go to the sink, and what is stored is acked.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::Streaming;
use zerobus_runtime::wire::ephemeral_stream_response::Payload;
use zerobus_runtime::wire::{CloseStreamSignal, EphemeralStreamRequest, IngestRecordResponse};

use super::protocol::{Protocol, Records};
use super::{End, Responses, broken};
use crate::decode::{BadRecord, Decoder};
use crate::error_chain::ErrorChain;
use crate::refusal::Refusal;
use crate::row::Row;
use crate::server::{App, stopped};
use crate::sink::{Append, StorageError, Stored, TableSink};

type Reports = mpsc::UnboundedReceiver<Result<i64, StorageError>>;

/// A stream between its opening and its end.
pub(super) struct Session {
    protocol: Protocol,
    decoder: Decoder,
    sink: TableSink,
}

impl Session {
    pub(super) const fn new(protocol: Protocol, decoder: Decoder, sink: TableSink) -> Self {
        Self { protocol, decoder, sink }
    }

    /// Reads the stream to its end; what came before the end is stored and acked, however it ends.
    pub(super) async fn serve(
        self,
        app: &App,
        requests: &mut Streaming<EphemeralStreamRequest>,
        responses: &Responses,
    ) -> End {
        let (stored, mut reports) = mpsc::unbounded_channel();
        let mut acks = Acks { responses, last: -1 };
        let end = {
            let reading = self.read(requests, stored);
            let closing = close(app, responses);
            tokio::pin!(reading, closing);
            loop {
                tokio::select! {
                    biased;
                    Some(report) = reports.recv() => if let Err(end) = acks.report(report).await { return end },
                    read = &mut reading => break read,
                    refusal = &mut closing => break Err(End::Refused(refusal)),
                }
            }
        };
        // The reader has gone, and its end of the reports with it: they end when everything is stored.
        match (acks.rest(&mut reports).await, end) {
            (Err(end), _) | (Ok(()), Err(end)) => end,
            (Ok(()), Ok(last)) if acks.last < last => Refusal::storage("the table's writer has failed").into(),
            (Ok(()), Ok(_)) => End::HalfClosed,
        }
    }

    /// Gives the last offset once the client has half-closed.
    async fn read(mut self, requests: &mut Streaming<EphemeralStreamRequest>, stored: Stored) -> Result<i64, End> {
        let mut last = -1;
        loop {
            let request = match requests.message().await {
                Ok(Some(request)) => request,
                Ok(None) => return Ok(last),
                Err(status) => return Err(broken(&status)),
            };
            let ingest = self.protocol.ingest(request)?;
            let rows = self.rows(ingest.offset, ingest.records)?;
            last = ingest.offset;
            let append = Append { rows, offset: last, bytes: ingest.bytes, stored: stored.clone() };
            self.sink.append(append).await.map_err(|error| Refusal::storage(ErrorChain(&error)))?;
        }
    }

    /// All rows of a request, or none.
    fn rows(&self, offset: i64, records: Records) -> Result<Vec<Row>, Refusal> {
        let refuse = |index: usize, bad: &BadRecord| Refusal::bad_record(offset, index, &bad.to_string());
        match records {
            Records::Json(records) => {
                let rows = records.iter().enumerate();
                rows.map(|(i, record)| self.decoder.json(record).map_err(|bad| refuse(i, &bad))).collect()
            }
            Records::Proto(records) => {
                let rows = records.into_iter().enumerate();
                rows.map(|(i, record)| self.decoder.proto(record).map_err(|bad| refuse(i, &bad))).collect()
            }
        }
    }
}

/// Tells the client how far it is stored.
struct Acks<'a> {
    responses: &'a Responses,
    last: i64,
}

impl Acks<'_> {
    async fn report(&mut self, report: Result<i64, StorageError>) -> Result<(), End> {
        let offset = report.map_err(|error| Refusal::storage(ErrorChain(&error)))?;
        self.last = offset;
        let ack = IngestRecordResponse { durability_ack_up_to_offset: Some(offset) };
        self.responses.send(Payload::IngestRecordResponse(ack)).await
    }

    async fn rest(&mut self, reports: &mut Reports) -> Result<(), End> {
        while let Some(report) = reports.recv().await {
            self.report(report).await?;
        }
        Ok(())
    }
}

/// Sends CloseStreamSignal when the stream's time is over or the server stops; ends when the client has not heeded it.
async fn close(app: &App, responses: &Responses) -> Refusal {
    let mut stopping = app.stopping.clone();
    let (grace, refusal) = tokio::select! {
        () = tokio::time::sleep(app.limits.stream_lifetime) => (app.limits.close_grace, Refusal::stream_timeout()),
        () = stopped(&mut stopping) => (app.limits.shutdown_grace, Refusal::shutting_down()),
    };
    signal(responses, grace).await;
    tokio::time::sleep_until(Instant::now() + grace).await;
    refusal
}

async fn signal(responses: &Responses, grace: Duration) {
    let duration = prost_types::Duration::try_from(grace).ok();
    // The reader notices a client that has gone.
    let _ = responses.send(Payload::CloseStreamSignal(CloseStreamSignal { duration })).await;
}
