//! An open stream: requests are checked and decoded, their rows go to the sink, and what is stored is acked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tonic::Streaming;
use zerobus_runtime::wire::ephemeral_stream_response::Payload;
use zerobus_runtime::wire::{CloseStreamSignal, EphemeralStreamRequest};

use super::acks::Acks;
use super::protocol::{Protocol, Records};
use super::quota::Quota;
use super::{End, Responses, broken};
use crate::activity::Watched;
use crate::connection::Connection;
use crate::decode::{BadRecord, Decoder};
use crate::error_chain::ErrorChain;
use crate::faults::script::StreamFaults;
use crate::faults::{Kind, Point};
use crate::refusal::Refusal;
use crate::row::Row;
use crate::server::{App, stopped};
use crate::sink::{Append, Stored, TableSink};

/// How long a stream must have been still to be idle.
const IDLE: Duration = Duration::from_millis(200);

/// A stream between its opening and its end.
pub(super) struct Session {
    pub(super) protocol: Protocol,
    pub(super) decoder: Decoder,
    pub(super) sink: TableSink,
    pub(super) connection: Connection,
    pub(super) faults: StreamFaults,
    pub(super) watched: Arc<Watched>,
}

/// Why the reading of a stream has stopped, if it is not an error.
enum Stop {
    /// The client has half-closed; the last offset it sent.
    HalfClosed(i64),
    /// A fault: the server ends the stream of its own accord.
    Ended,
}

/// The reading side of a session.
struct Reader<'a> {
    app: &'a App,
    session: Session,
    quota: Quota,
    stored: Stored,
    /// Asks for a CloseStreamSignal with this grace.
    close: mpsc::Sender<Duration>,
}

impl Session {
    /// Reads the stream to its end; what came before the end is stored and acked, however it ends.
    pub(super) async fn serve(
        mut self,
        app: &App,
        requests: &mut Streaming<EphemeralStreamRequest>,
        responses: &Responses,
    ) -> End {
        let (stored, reports) = mpsc::unbounded_channel();
        let (close, close_requests) = mpsc::channel(1);
        let watched = Arc::clone(&self.watched);
        let acking = Acks::new(app, responses, self.faults.fork(), Arc::clone(&watched)).run(reports);
        tokio::pin!(acking);
        let stop = {
            let quota = Quota::new(&app.limits, Instant::now());
            let reading = Reader { app, session: self, quota, stored, close }.run(requests);
            let closing = Closing { app, responses, watched: Arc::clone(&watched) }.run(close_requests);
            tokio::pin!(reading, closing);
            tokio::select! {
                biased;
                // The reports go on as long as the reader does, so this is a client that does not listen, or a failure.
                acked = &mut acking => return acked.err().unwrap_or(End::Gone),
                stop = &mut reading => stop,
                end = &mut closing => Err(end),
            }
        };
        // With the reader its end of the reports has gone: they end when everything is stored.
        match (acking.await, stop) {
            (Err(end), _) | (Ok(_), Err(end)) => end,
            (Ok(acked), Ok(Stop::HalfClosed(last))) if acked < last => {
                Refusal::storage("the table's writer has failed").into()
            }
            (Ok(_), Ok(Stop::HalfClosed(_) | Stop::Ended)) => End::Well,
        }
    }
}

impl Reader<'_> {
    async fn run(mut self, requests: &mut Streaming<EphemeralStreamRequest>) -> Result<Stop, End> {
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

    async fn ingest(&mut self, request: EphemeralStreamRequest) -> Result<i64, End> {
        let ingest = self.session.protocol.ingest(request)?;
        self.quota.take(ingest.records.len(), ingest.bytes, Instant::now())?;
        let rows = self.rows(ingest.offset, ingest.records)?;
        self.app.partitions.take(self.session.watched.table(), &rows, Instant::now())?;
        self.session.watched.sample(&rows);
        self.session.watched.ingested(rows.len(), ingest.bytes);
        let append = Append::new(rows, ingest.offset, self.stored.clone());
        self.session.sink.append(append).await.map_err(|error| Refusal::storage(ErrorChain(&error)))?;
        Ok(ingest.offset)
    }

    /// All rows of a request, or none.
    fn rows(&self, offset: i64, records: Records) -> Result<Vec<Row>, Refusal> {
        let decoder = &self.session.decoder;
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
        for kind in self.app.faults.strike(&mut self.session.faults, Point::Request, handled) {
            match kind {
                // A stream that is closing already needs no second signal.
                Kind::CloseSignal(grace) => drop(self.close.try_send(grace)),
                Kind::DiskFull => return Err(Refusal::storage("no space left on device (injected)").into()),
                Kind::End => return Ok(Some(Stop::Ended)),
                Kind::Latency(latency) => tokio::time::sleep(latency).await,
                Kind::Reset => {
                    self.session.connection.cut();
                    return Err(End::Gone);
                }
                Kind::Status(status, code) => return Err(Refusal::injected(status, code).into()),
                _ => {}
            }
        }
        Ok(None)
    }
}

/// The end that the server brings about.
struct Closing<'a> {
    app: &'a App,
    responses: &'a Responses,
    watched: Arc<Watched>,
}

impl Closing<'_> {
    /// Sends CloseStreamSignal when the stream's time is over, the server stops or a fault asks for it; ends when the client
    /// has not heeded it.
    async fn run(self, mut requests: mpsc::Receiver<Duration>) -> End {
        let mut stopping = self.app.stopping.clone();
        let limits = &self.app.limits;
        let (grace, refusal) = tokio::select! {
            () = tokio::time::sleep(limits.stream_lifetime) => (limits.close_grace, Refusal::stream_timeout()),
            () = stopped(&mut stopping) => (limits.shutdown_grace, Refusal::shutting_down()),
            Some(grace) = requests.recv() => (grace, Refusal::stream_timeout()),
        };
        let duration = prost_types::Duration::try_from(grace).ok();
        let signal = Payload::CloseStreamSignal(CloseStreamSignal { duration });
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

    /// Ends when the stream has had nothing to do for a while: it need not hold up the end of the server.
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
