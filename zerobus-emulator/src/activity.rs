//! What goes on: streams, rows, refusals; for the page and for tests, never for a decision.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zerobus_codegen::{Printable, Table};

use crate::row::Row;
use crate::rows;

/// Refusals that are remembered.
const REFUSALS: usize = 200;
/// Rows of a table that are remembered.
const LAST_ROWS: usize = 5;
/// How often the last rows are taken, so that remembering them costs a busy stream nothing.
const SAMPLE_EVERY: Duration = Duration::from_millis(200);

/// What goes on in an emulator.
#[derive(Debug)]
pub(crate) struct Activity {
    started: Instant,
    next_stream: AtomicU64,
    streams: Mutex<BTreeMap<u64, Arc<StreamActivity>>>,
    tables: Mutex<BTreeMap<String, Arc<TableActivity>>>,
    refusals: Mutex<VecDeque<Refused>>,
}

#[derive(Debug)]
struct Refused {
    at: Duration,
    table: String,
    text: String,
}

/// What one table has received since the start.
#[derive(Debug, Default)]
struct TableActivity {
    rows: AtomicU64,
    bytes: AtomicU64,
    last: Mutex<Option<(Instant, Vec<Value>)>>,
}

/// What one stream has received.
#[derive(Debug)]
struct StreamActivity {
    table: String,
    encoding: &'static str,
    opened: Instant,
    /// The offset of the first request.
    first: i64,
    requests: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
    acked: AtomicI64,
}

/// A stream's end of the activity; the stream is open as long as it is held.
#[derive(Debug)]
pub(crate) struct Watched {
    activity: Arc<Activity>,
    number: u64,
    stream: Arc<StreamActivity>,
    table: Arc<TableActivity>,
    schema: Arc<Table>,
}

/// How far a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    requests: u64,
    /// The last request that is acked, counted from 0.
    acked: i64,
}

impl Progress {
    /// Whether every request is acked.
    pub(crate) fn is_done(self) -> bool {
        u64::try_from(self.acked + 1).is_ok_and(|acked| acked >= self.requests)
    }
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            next_stream: AtomicU64::new(0),
            streams: Mutex::default(),
            tables: Mutex::default(),
            refusals: Mutex::default(),
        }
    }

    /// Watches a stream that opens.
    pub(crate) fn watch(self: &Arc<Self>, schema: &Arc<Table>, encoding: &'static str, first: i64) -> Watched {
        let name = schema.name.to_string();
        let stream = Arc::new(StreamActivity {
            table: name.clone(),
            encoding,
            opened: Instant::now(),
            first,
            requests: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            acked: AtomicI64::new(first - 1),
        });
        let number = self.next_stream.fetch_add(1, Ordering::Relaxed);
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::clone(&stream));
        let table = Arc::clone(self.tables.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default());
        Watched { activity: Arc::clone(self), number, stream, table, schema: Arc::clone(schema) }
    }

    /// Remembers and logs a refusal; the table is as the client gave it.
    pub(crate) fn refused(&self, table: &str, refusal: &impl Display) {
        tracing::info!(table = %Printable(table), %refusal, "refused");
        let refused =
            Refused { at: self.started.elapsed(), table: Printable(table).to_string(), text: refusal.to_string() };
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.len() == REFUSALS {
            refusals.pop_front();
        }
        refusals.push_back(refused);
    }

    /// The refusals that are remembered, oldest first.
    pub(crate) fn refusals(&self) -> Vec<String> {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.iter().map(|refused| refused.text.clone()).collect()
    }

    /// Everything, for the page.
    pub(crate) fn snapshot(&self) -> Value {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let streams: Vec<Value> = streams.iter().map(|(number, stream)| stream.json(*number)).collect();
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let tables: BTreeMap<&String, Value> = tables.iter().map(|(name, table)| (name, table.json())).collect();
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let refusals: Vec<Value> = refusals
            .iter()
            .rev()
            .map(|refused| json!({ "at_ms": millis(refused.at), "table": refused.table, "text": refused.text }))
            .collect();
        json!({ "up_ms": millis(self.started.elapsed()), "streams": streams, "tables": tables, "refusals": refusals })
    }
}

impl Watched {
    /// A request has been handed to the sink.
    pub(crate) fn ingested(&self, rows: usize, bytes: usize) {
        let (rows, bytes) = (rows as u64, bytes as u64);
        self.stream.requests.fetch_add(1, Ordering::Relaxed);
        for (counter, n) in [(&self.stream.rows, rows), (&self.table.rows, rows)] {
            counter.fetch_add(n, Ordering::Relaxed);
        }
        for (counter, n) in [(&self.stream.bytes, bytes), (&self.table.bytes, bytes)] {
            counter.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Looks at the rows of a request, now and then.
    pub(crate) fn sample(&self, rows: &[Row]) {
        let mut last = self.table.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_some_and(|(taken, _)| taken.elapsed() < SAMPLE_EVERY) || rows.is_empty() {
            return;
        }
        let rows = rows.iter().rev().take(LAST_ROWS).map(|row| rows::json(&self.schema, row));
        *last = Some((Instant::now(), rows.collect()));
    }

    /// The table that the stream writes to.
    pub(crate) const fn table(&self) -> &Arc<Table> {
        &self.schema
    }

    /// How far the stream is.
    pub(crate) fn progress(&self) -> Progress {
        let requests = self.stream.requests.load(Ordering::Relaxed);
        Progress { requests, acked: self.stream.acked.load(Ordering::Relaxed) - self.stream.first }
    }

    /// An ack is sent.
    pub(crate) fn acked(&self, offset: i64) {
        self.stream.acked.store(offset, Ordering::Relaxed);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.activity.streams.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

impl StreamActivity {
    fn json(&self, number: u64) -> Value {
        json!({
            "number": number,
            "table": self.table,
            "encoding": self.encoding,
            "open_ms": millis(self.opened.elapsed()),
            "requests": self.requests.load(Ordering::Relaxed),
            "rows": self.rows.load(Ordering::Relaxed),
            "bytes": self.bytes.load(Ordering::Relaxed),
            "acked": self.acked.load(Ordering::Relaxed),
        })
    }
}

impl TableActivity {
    fn json(&self) -> Value {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        json!({
            "rows": self.rows.load(Ordering::Relaxed),
            "bytes": self.bytes.load(Ordering::Relaxed),
            "last": last.as_ref().map_or(&[][..], |(_, rows)| rows),
        })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
