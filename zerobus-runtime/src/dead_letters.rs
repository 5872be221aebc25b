//! Where a stream puts the rows that are refused: a callback, a file, another table.
//!
//! | file | what it owns |
//! |---|---|
//! | `letter` | a refused or undelivered row, and its line of JSON |
//! | `decoded` | a protobuf message as JSON, by its descriptor |
//! | `file` | a file of such lines |
//! | `table` | a table of such rows |
//! | `desk` | the thread that passes refused rows to the sink |

mod decoded;
mod desk;
mod file;
mod letter;
mod table;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use decoded::json_of;
pub(crate) use desk::{Desk, is_in_a_sink, is_inside};
pub use file::DeadLetterFile;
pub use letter::DeadLetter;
pub(crate) use letter::{Letter, Original, json_on_one_line, read_lines};

use crate::error::Error;
use crate::stream::JsonStream;

/// Where a stream puts each row that is refused, by the server or by `send`: see
/// [`StreamBuilder::dead_letters`](crate::StreamBuilder::dead_letters).
///
/// The sink gets each refused row once, in order, on a thread of its own. It may be slow and it may use the stream, even
/// close it. Streams and lanes with clones of one sink share it; each of them passes one row at a time.
///
/// - **A row that the sink took** is settled. [`take_rejected`](crate::IngestStream::take_rejected),
///   [`flush`](crate::IngestStream::flush) and [`close`](crate::IngestStream::close) do not report it.
///   [`wait`](crate::IngestStream::wait) still fails for that row, and `send` returns its refusal.
/// - **A row that the server refused is settled only when the sink has it**: until then `wait`, `flush`, `close`,
///   [`acked`](crate::IngestStream::acked) and the ack hook do not pass it. So a program that commits its source's
///   position by them loses no dead letter when it is killed; a spool keeps the row as long, except exactly once.
/// - **A sink that fails or panics** loses nothing: the row stays with `take_rejected` and `close`, the stream goes on, and
///   [`DeadLetterFailed`](crate::StreamEvent::DeadLetterFailed) says so. The sink is asked again for the next row.
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
pub struct DeadLetters(Arc<Sink>);

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Callback = dyn Fn(&DeadLetter) -> Result<(), BoxError> + Send + Sync;

enum Sink {
    Callback(Box<Callback>),
    File(Mutex<DeadLetterFile>),
    Table(JsonStream),
}

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
        Self(Arc::new(Sink::Callback(Box::new(callback))))
    }

    /// Appends each refused row to a file as a line of JSON, on disk before the row counts as settled.
    ///
    /// `zerobus replay` sends the rows of such a file again; [`DeadLetter::read_from`] reads them. The file is locked
    /// while this value lives.
    ///
    /// # Errors
    /// If the file cannot be opened, another process has locked it, or it ends in something that is no dead letter.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self(Arc::new(Sink::File(Mutex::new(DeadLetterFile::open(path)?)))))
    }

    /// Sends each refused row to another table, one row a dead letter, and waits until it is durable there.
    ///
    /// The table has the columns of [`DeadLetter::create_table`]. A dead letter that its table refuses goes no further: the
    /// refused row stays with the stream it came from. Close the stream of the dead letters last.
    ///
    /// ```no_run
    /// # async fn f(client: zerobus_runtime::Client) -> Result<(), zerobus_runtime::Error> {
    /// use zerobus_runtime::DeadLetters;
    ///
    /// let refused = client.json_stream("main.ops.dead_letters").open().await?;
    /// let orders = client.json_stream("main.shop.orders");
    /// let orders = orders.dead_letters(DeadLetters::table(refused.clone())).open().await?;
    /// // ... rows ...
    /// orders.close().await?;
    /// refused.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn table(stream: JsonStream) -> Self {
        Self(Arc::new(Sink::Table(stream)))
    }

    /// Passes one row to the sink.
    fn deliver(&self, letter: &DeadLetter) -> Result<(), BoxError> {
        match &*self.0 {
            Sink::Callback(callback) => catch_unwind(AssertUnwindSafe(|| callback(letter)))
                .unwrap_or_else(|_| Err("the callback panicked".into())),
            Sink::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.append(letter)?;
                Ok(file.sync()?)
            }
            Sink::Table(stream) => table::deliver(stream, letter),
        }
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Sink::Callback(_) => f.write_str("DeadLetters::callback"),
            Sink::File(file) => file.lock().unwrap_or_else(PoisonError::into_inner).fmt(f),
            Sink::Table(stream) => stream.fmt(f),
        }
    }
}
