//! Counters and recent events: streams, rows, refusals. The page and tests read them; nothing is decided by them.

mod history;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use zerobus_codegen::{Printable, Table};

use crate::connection::Connection;
use history::History;

/// How many refusals are kept.
const REFUSALS: usize = 200;

/// The activity of an emulator.
#[derive(Debug)]
pub(crate) struct Activity {
    started: Instant,
    next_stream: AtomicU64,
    streams: Mutex<BTreeMap<u64, Arc<StreamActivity>>>,
    tables: Mutex<BTreeMap<String, Arc<TableActivity>>>,
    refusals: Mutex<VecDeque<Refused>>,
    refused: AtomicU64,
    history: Mutex<History>,
}

#[derive(Debug)]
struct Refused {
    at: SystemTime,
    client: Option<SocketAddr>,
    table: String,
    text: String,
}

/// What one table holds and has received.
#[derive(Debug, Default)]
struct TableActivity {
    /// The rows that the table had at the start, and those received since.
    rows: AtomicU64,
    bytes: AtomicU64,
    received: AtomicU64,
}

/// What one stream has received.
#[derive(Debug)]
struct StreamActivity {
    table: String,
    encoding: &'static str,
    client: Option<SocketAddr>,
    opened: Instant,
    /// The offset of the first request.
    first: i64,
    requests: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
    acked: AtomicI64,
    /// The requests that are not acked, and when each arrived.
    waiting: Mutex<VecDeque<(i64, Instant)>>,
}

/// A stream's handle on the activity. The stream counts as open until the handle is dropped.
#[derive(Debug)]
pub(crate) struct Watched {
    activity: Arc<Activity>,
    number: u64,
    stream: Arc<StreamActivity>,
    table: Arc<TableActivity>,
    schema: Arc<Table>,
}

/// Counters since the start.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) up: Duration,
    pub(crate) streams: u64,
    pub(crate) refusals: u64,
    pub(crate) tables: Vec<TableCounts>,
}

/// The counters of one table.
#[derive(Debug)]
pub(crate) struct TableCounts {
    pub(crate) name: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// A stream's progress.
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
            refused: AtomicU64::new(0),
            history: Mutex::default(),
        }
    }

    /// Watches a stream that opens; `first` is the offset of its next request.
    pub(crate) fn watch(
        self: &Arc<Self>,
        connection: &Connection,
        schema: &Arc<Table>,
        encoding: &'static str,
        first: i64,
    ) -> Watched {
        let name = schema.name.to_string();
        let stream = Arc::new(StreamActivity {
            table: name.clone(),
            encoding,
            client: connection.peer(),
            opened: Instant::now(),
            first,
            requests: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            acked: AtomicI64::new(first - 1),
            waiting: Mutex::default(),
        });
        let number = self.next_stream.fetch_add(1, Ordering::Relaxed);
        locked(&self.streams).insert(number, Arc::clone(&stream));
        Watched { activity: Arc::clone(self), number, stream, table: self.table(&name), schema: Arc::clone(schema) }
    }

    /// Counts the rows that the table had before the emulator started.
    pub(crate) fn found(&self, table: &str, rows: u64) {
        self.table(table).rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// Whether no stream has written to the table since the start.
    pub(crate) fn is_new(&self, table: &str) -> bool {
        !locked(&self.tables).contains_key(table)
    }

    /// Sets the table's counters to 0.
    pub(crate) fn reset(&self, table: &str) {
        let table = self.table(table);
        table.rows.store(0, Ordering::Relaxed);
        table.bytes.store(0, Ordering::Relaxed);
    }

    /// Records and logs a refusal. The table's name is untrusted text from the client.
    pub(crate) fn refused(&self, connection: &Connection, table: &str, refusal: &impl Display) {
        tracing::info!(table = %Printable(table), %refusal, "refused");
        let (at, client) = (SystemTime::now(), connection.peer());
        let refused = Refused { at, client, table: Printable(table).to_string(), text: refusal.to_string() };
        self.refused.fetch_add(1, Ordering::Relaxed);
        let mut refusals = locked(&self.refusals);
        if refusals.len() == REFUSALS {
            refusals.pop_front();
        }
        refusals.push_back(refused);
    }

    /// The recorded refusals, oldest first.
    pub(crate) fn refusals(&self) -> Vec<String> {
        locked(&self.refusals).iter().map(|refused| refused.text.clone()).collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        let tables = locked(&self.tables);
        let tables = tables.iter().map(|(name, table)| TableCounts {
            name: name.clone(),
            rows: table.received.load(Ordering::Relaxed),
            bytes: table.bytes.load(Ordering::Relaxed),
        });
        Counts {
            up: self.started.elapsed(),
            streams: locked(&self.streams).len() as u64,
            refusals: self.refused.load(Ordering::Relaxed),
            tables: tables.collect(),
        }
    }

    /// The whole state, for the page.
    pub(crate) fn snapshot(&self) -> Value {
        let up = self.started.elapsed();
        let streams: Vec<Value> = locked(&self.streams).iter().map(|(number, stream)| stream.json(*number)).collect();
        let tables: BTreeMap<String, Value> =
            locked(&self.tables).iter().map(|(name, table)| (name.clone(), table.json())).collect();
        let refusals: Vec<Value> = locked(&self.refusals).iter().rev().map(Refused::json).collect();
        let history = locked(&self.history).json(up);
        json!({
            "up_ms": millis(up), "streams": streams, "tables": tables, "refusals": refusals, "history": history,
        })
    }

    fn table(&self, name: &str) -> Arc<TableActivity> {
        Arc::clone(locked(&self.tables).entry(name.to_owned()).or_default())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watched {
    /// Counts a request that the sink has.
    pub(crate) fn ingested(&self, offset: i64, rows: usize, bytes: usize) {
        let (rows, bytes) = (rows as u64, bytes as u64);
        self.stream.requests.fetch_add(1, Ordering::Relaxed);
        for counter in [&self.stream.rows, &self.table.rows, &self.table.received] {
            counter.fetch_add(rows, Ordering::Relaxed);
        }
        for counter in [&self.stream.bytes, &self.table.bytes] {
            counter.fetch_add(bytes, Ordering::Relaxed);
        }
        locked(&self.stream.waiting).push_back((offset, Instant::now()));
        locked(&self.activity.history).received(self.activity.started.elapsed(), rows, bytes);
    }

    /// The table that the stream writes to.
    pub(crate) const fn table(&self) -> &Arc<Table> {
        &self.schema
    }

    /// The stream's progress.
    pub(crate) fn progress(&self) -> Progress {
        let requests = self.stream.requests.load(Ordering::Relaxed);
        Progress { requests, acked: self.stream.acked.load(Ordering::Relaxed) - self.stream.first }
    }

    /// Counts an ack that is sent.
    pub(crate) fn acked(&self, offset: i64) {
        self.stream.acked.store(offset, Ordering::Relaxed);
        let mut longest = None;
        let mut waiting = locked(&self.stream.waiting);
        while waiting.front().is_some_and(|(waits, _)| *waits <= offset) {
            let first = waiting.pop_front();
            longest = longest.or(first);
        }
        drop(waiting);
        if let Some((_, came)) = longest {
            locked(&self.activity.history).acked(self.activity.started.elapsed(), came.elapsed());
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        locked(&self.activity.streams).remove(&self.number);
    }
}

impl Refused {
    fn json(&self) -> Value {
        let time = self.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        json!({ "time_ms": millis(time), "client": self.client, "table": self.table, "text": self.text })
    }
}

impl StreamActivity {
    fn json(&self, number: u64) -> Value {
        json!({
            "number": number,
            "table": self.table,
            "encoding": self.encoding,
            "client": self.client,
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
        json!({ "rows": self.rows.load(Ordering::Relaxed), "bytes": self.bytes.load(Ordering::Relaxed) })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
