//! An open stream: checks and decodes requests, passes their rows to the sink, and acks what is stored.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use zerobus_runtime::wire::CloseStreamSignal;

use super::acks::Acks;
use super::altered::Alterations;
use super::persistent::Persistent;
use super::protocol::{Protocol, Records};
use super::quota::Quota;
use super::requests::{Request, Requests};
use super::responses::{Response, Responses};
use super::{End, broken};
use crate::activity::Watched;
use crate::app::{App, stopped};
use crate::connection::Connection;
use crate::decode::{BadRecord, Decoder};
use crate::faults::script::StreamFaults;
use crate::faults::{AckStep, Kind, Point};
use crate::lease::{Lease, Revocation};
use crate::refusal::Refusal;
use crate::row::Row;
use crate::sink::{Append, PersistentStream, Stored, TableSink};

/// How long an idle stream has had no progress.
const IDLE: Duration = Duration::from_millis(200);

/// A stream between its opening and its end.
pub(super) struct Session {
    pub(super) protocol: Protocol,
    pub(super) decoder: Decoder,
    pub(super) sink: TableSink,
    pub(super) persistent: Option<Persistent>,
    pub(super) connection: Connection,
    pub(super) faults: StreamFaults,
    pub(super) ack_script: VecDeque<AckStep>,
    pub(super) watched: Arc<Watched>,
    pub(super) alterations: Alterations,
}

/// Why the reading of a stream has stopped, if it is not an error.
enum Stop {
    /// The client has half-closed; the last offset it sent.
    HalfClosed(i64),
    /// A fault ended the stream.
    Ended,
}

/// The reading side of a session.
struct Reader<'a> {
    app: &'a App,
    protocol: Protocol,
    decoder: Decoder,
    sink: TableSink,
    stream: Option<Arc<PersistentStream>>,
    /// Released when reading ends: a connection that resumes the stream then waits for what was read.
    _lease: Option<Lease>,
    connection: Connection,
    faults: StreamFaults,
    watched: Arc<Watched>,
    quota: Quota,
    stored: Stored,
    /// Requests a CloseStreamSignal with this grace.
    close: mpsc::Sender<Duration>,
}

impl Session {
    /// Reads the stream to its end. Everything before the end is stored and acked, also if the end is a refusal.
    pub(super) async fn serve(mut self, app: &App, requests: &mut Requests, responses: &Responses) -> End {
        let (stored, reports) = mpsc::unbounded_channel();
        let (close, close_requests) = mpsc::channel(1);
        let watched = Arc::clone(&self.watched);
        let script = std::mem::take(&mut self.ack_script);
        let order = app.limits.column_order;
        let altered =
            self.alterations.clone().end(Arc::clone(watched.table()), self.decoder.descriptor().clone(), order);
        let acking = Acks::new(app, responses, self.faults.fork(), script, Arc::clone(&watched)).run(reports);
        tokio::pin!(acking);
        let stop = {
            let (reader, revocation) = self.reader(app, stored, close);
            let reading = reader.run(requests);
            let closing = Closing { app, responses, watched: Arc::clone(&watched) }.run(close_requests);
            tokio::pin!(reading, closing, altered);
            tokio::select! {
                biased;
                // The reports last as long as the reader, so the client does not receive, or something failed.
                acked = &mut acking => return acked.err().unwrap_or(End::Gone),
                stop = &mut reading => stop,
                end = &mut closing => Err(end),
                refusal = &mut altered => Err(End::Refused(refusal)),
                () = revoked(revocation) => Err(Refusal::superseded().into()),
            }
        };
        // The reader's sender is dropped, so the reports end when everything is stored.
        match (acking.await, stop) {
            (Err(end), _) | (Ok(_), Err(end)) => end,
            (Ok(acked), Ok(Stop::HalfClosed(last))) if acked < last => {
                Refusal::storage("the table's writer has failed").into()
            }
            (Ok(_), Ok(Stop::HalfClosed(_) | Stop::Ended)) => End::Well,
        }
    }

    fn reader(self, app: &App, stored: Stored, close: mpsc::Sender<Duration>) -> (Reader<'_>, Option<Revocation>) {
        let Self { protocol, decoder, sink, persistent, connection, faults, watched, .. } = self;
        let (mut stream, mut lease, mut revocation) = (None, None, None);
        if let Some(persistent) = persistent {
            stream = Some(persistent.stream);
            lease = Some(persistent.lease);
            revocation = Some(persistent.revocation);
        }
        let quota = Quota::new(&app.limits, Instant::now());
        let reader = Reader {
            app,
            protocol,
            decoder,
            sink,
            stream,
            _lease: lease,
            connection,
            faults,
            watched,
            quota,
            stored,
            close,
        };
        (reader, revocation)
    }
}

/// Returns when another connection has resumed the stream.
async fn revoked(revocation: Option<Revocation>) {
    match revocation {
        Some(mut revocation) => revocation.revoked().await,
        None => std::future::pending().await,
    }
}

impl Reader<'_> {
    async fn run(mut self, requests: &mut Requests) -> Result<Stop, End> {
        let mut last = -1;
        let mut handled = 0;
        loop {
            if let Some(stop) = self.misbehave(handled).await? {
                return Ok(stop);
            }
            let request = match requests.message().await {
                Ok(Some(request)) => request,
                Ok(None) => return Ok(Stop::HalfClosed(last)),
                Err(status) => return Err(broken(&status)),
            };
            last = self.ingest(request).await?;
            handled += 1;
        }
    }

    async fn ingest(&mut self, request: Request) -> Result<i64, End> {
        let ingest = self.protocol.ingest(request)?;
        self.quota.take(ingest.records.len(), ingest.bytes, Instant::now())?;
        let rows = self.rows(ingest.offset, ingest.records)?;
        self.app.partitions.take(self.watched.table(), &rows, Instant::now())?;
        self.watched.ingested(ingest.offset, rows.len(), ingest.bytes);
        let table = self.watched.table();
        let append = Append::new(table, rows, ingest.offset, self.stored.clone()).of(self.stream.clone());
        self.sink.append(append).await.map_err(Refusal::from)?;
        Ok(ingest.offset)
    }

    /// All rows of a request; an error if one is bad.
    fn rows(&self, offset: i64, records: Records) -> Result<Vec<Row>, Refusal> {
        let decoder = &self.decoder;
        let refuse = |index: usize, bad: &BadRecord| Refusal::bad_record(offset, index, &bad.to_string());
        match records {
            Records::Json(records) => {
                let rows = records.iter().enumerate();
                rows.map(|(i, record)| decoder.json(record).map_err(|bad| refuse(i, &bad))).collect()
            }
            Records::Proto(records) => {
                let rows = records.into_iter().enumerate();
                rows.map(|(i, record)| decoder.proto(record).map_err(|bad| refuse(i, &bad))).collect()
            }
        }
    }

    async fn misbehave(&mut self, handled: u64) -> Result<Option<Stop>, End> {
        for kind in self.app.faults.strike(&mut self.faults, Point::Request, handled) {
            match kind {
                // A stream that is already closing needs no second signal.
                Kind::CloseSignal(grace) => drop(self.close.try_send(grace)),
                Kind::DiskFull => return Err(Refusal::storage("no space left on device (injected)").into()),
                Kind::End => return Ok(Some(Stop::Ended)),
                Kind::Latency(latency) => tokio::time::sleep(latency).await,
                Kind::Reset => {
                    self.connection.cut();
                    return Err(End::Gone);
                }
                Kind::Status(status, code) => return Err(Refusal::injected(status, code).into()),
                _ => {}
            }
        }
        Ok(None)
    }
}

/// The end of a stream by the server.
struct Closing<'a> {
    app: &'a App,
    responses: &'a Responses,
    watched: Arc<Watched>,
}

impl Closing<'_> {
    /// Sends CloseStreamSignal when the stream's lifetime is over, the server stops or a fault requests it. Returns if
    /// the client ignores the signal.
    async fn run(self, mut requests: mpsc::Receiver<Duration>) -> End {
        let mut stopping = self.app.stopping.clone();
        let limits = &self.app.limits;
        let (grace, refusal) = tokio::select! {
            () = tokio::time::sleep(limits.stream_lifetime) => (limits.close_grace, Refusal::stream_timeout()),
            () = stopped(&mut stopping) => (limits.shutdown_grace, Refusal::shutting_down()),
            Some(grace) = requests.recv() => (grace, Refusal::stream_timeout()),
        };
        let duration = prost_types::Duration::try_from(grace).ok();
        let signal = Response::Close(CloseStreamSignal { duration });
        if let Err(End::Unread) = self.responses.send(signal).await {
            return End::Unread;
        }
        tokio::select! {
            () = tokio::time::sleep(grace) => {}
            () = async {
                stopped(&mut stopping).await;
                self.idle().await;
            } => return Refusal::shutting_down().into(),
        }
        refusal.into()
    }

    /// Returns when the stream is idle, so that it does not delay the end of the server.
    async fn idle(&self) {
        let mut before = None;
        loop {
            let progress = self.watched.progress();
            if progress.is_done() && before == Some(progress) {
                return;
            }
            before = Some(progress);
            tokio::time::sleep(IDLE).await;
        }
    }
}
