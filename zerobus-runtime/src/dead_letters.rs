//! Where a stream puts refused rows: a callback, a file, another table.
//!
//! | file | what it owns |
//! |---|---|
//! | `file` | a file of dead letters |
//! | `sink_thread` | the thread that passes refused rows to the sink |

mod file;
mod sink_thread;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use file::DeadLetterFile;
pub(crate) use sink_thread::SinkThread;

use crate::error::Error;
use crate::letter::DeadLetter;

/// Where a stream puts each row that the server or `send` refuses: see
/// [`StreamBuilder::dead_letters`](crate::StreamBuilder::dead_letters).
///
/// The sink gets each refused row once, in order, on a separate thread. It may be slow. Streams and lanes with clones of
/// one sink share it; each of them passes one row at a time. The sink may use any of them, even close it: on its thread
/// no call waits for rows that are on their way to this sink.
///
/// - **A row that the sink took** is settled. [`take_rejected`](crate::IngestStream::take_rejected),
///   [`flush`](crate::IngestStream::flush) and [`close`](crate::IngestStream::close) do not report it.
///   [`wait`](crate::IngestStream::wait) still fails for that row, and `send` returns its refusal.
/// - **A row that the server refused is settled only when the sink has it**: until then `wait`, `flush`, `close`,
///   [`acked`](crate::IngestStream::acked) and the ack hook do not pass it. So a program that commits its source's
///   position by them loses no dead letter when it is killed; a spool keeps the row until then, except exactly once.
/// - **A sink that fails or panics** loses nothing: the row stays with `take_rejected` and `close`, the stream goes on,
///   and emits [`DeadLetterFailed`](crate::StreamEvent::DeadLetterFailed). The next row goes to the sink again.
/// - **[`close_within`](crate::IngestStream::close_within)** does not wait longer for the sink: rows that it does not
///   have then are returned, or stay in the spool. It may still take the one that it is working on.
/// - [`max_rejected_rows`](crate::StreamBuilder::max_rejected_rows) still applies to rows that the server refuses.
///
/// ```no_run
/// # async fn f(client: zerobus_runtime::Client) -> Result<(), zerobus_runtime::Error> {
/// use zerobus_runtime::DeadLetters;
///
/// let stream = client
///     .json_stream("main.shop.orders")
///     .dead_letters(DeadLetters::file("refused.ndjson")?)
///     .open()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DeadLetters {
    sink: Arc<dyn Sink>,
    /// The number of the sink in this process; its clones have the same.
    number: u64,
}

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A destination for refused rows.
pub(crate) trait Sink: fmt::Debug + Send + Sync {
    /// Takes one row, or fails and leaves it with the stream.
    fn deliver(&self, letter: &DeadLetter) -> Result<(), BoxError>;
}

/// A function as a sink.
struct Callback<F>(F);

impl DeadLetters {
    /// Calls a function with each refused row. If it returns an error or panics, the row stays with the stream.
    ///
    /// ```
    /// use zerobus_runtime::DeadLetters;
    ///
    /// let sink = DeadLetters::callback(|letter| {
    ///     eprintln!("{}: {}", letter.column().unwrap_or("row"), letter.reason());
    ///     Ok(())
    /// });
    /// ```
    pub fn callback(callback: impl Fn(&DeadLetter) -> Result<(), BoxError> + Send + Sync + 'static) -> Self {
        Self::of(Callback(callback))
    }

    /// Appends each refused row to a file as a line of JSON, on disk before the row counts as settled.
    ///
    /// `zerobus replay` sends the rows of such a file again; [`DeadLetter::read_from`] reads them. The file is locked
    /// while this value lives.
    ///
    /// # Errors
    /// If the file cannot be opened, another process has locked it, or it ends in something other than a dead letter.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::of(Mutex::new(DeadLetterFile::open(path)?)))
    }

    pub(crate) fn of(sink: impl Sink + 'static) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { sink: Arc::new(sink), number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    fn deliver(&self, letter: &DeadLetter) -> Result<(), BoxError> {
        self.sink.deliver(letter)
    }
}

impl<F: Fn(&DeadLetter) -> Result<(), BoxError> + Send + Sync> Sink for Callback<F> {
    fn deliver(&self, letter: &DeadLetter) -> Result<(), BoxError> {
        catch_unwind(AssertUnwindSafe(|| (self.0)(letter))).unwrap_or_else(|_| Err("the callback panicked".into()))
    }
}

impl<F> fmt::Debug for Callback<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeadLetters::callback")
    }
}

impl Sink for Mutex<DeadLetterFile> {
    fn deliver(&self, letter: &DeadLetter) -> Result<(), BoxError> {
        let mut file = self.lock().unwrap_or_else(PoisonError::into_inner);
        file.append(letter)?;
        Ok(file.sync()?)
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sink.fmt(f)
    }
}
