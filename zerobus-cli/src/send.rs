//! `send`: files into a table. Files are read by a thread of their own, rows are written and sent here, and what is
//! durable, refused and returned is counted at the end.
//!
//! | file | what it owns |
//! |---|---|
//! | `inputs` | which files, and what each is |
//! | `source` | a file as bytes, decompressed |
//! | `lines`, `records` | rows of text in one buffer: lines, and cells |
//! | `piece` | rows on their way from the thread that reads to the task that sends |
//! | `ndjson`, `csv`, `batches` | from a file to such pieces: NDJSON, CSV, Parquet and Arrow |
//! | `reader` | the thread that reads one file after the other |
//! | `sender` | rows into the stream, refused ones aside |
//! | `lanes` | the streams that rows go over |
//! | `signal` | Ctrl-C and SIGTERM |
//! | `marks` | which row has which offset |
//! | `checkpoint` | how far the rows are durable, on disk |
//! | `start` | how a file begins |
//! | `progress` | a bar on a terminal, a line now and then elsewhere |
//! | `receipt` | what was done, in figures |

#[cfg(feature = "parquet")]
mod batches;
mod checkpoint;
mod csv;
mod inputs;
mod lanes;
mod lines;
mod marks;
mod ndjson;
mod piece;
mod progress;
mod reader;
mod receipt;
mod records;
mod sender;
mod signal;
mod source;
mod start;

use tokio::sync::mpsc;
use zerobus_runtime::dynamic::DecimalMark;

use crate::arguments::Send;
use crate::failure::Failure;
use crate::{Outcome, Verbosity};
use checkpoint::Checkpoint;
use inputs::Inputs;
use lanes::Lanes;
use progress::Progress;
pub(crate) use receipt::{Receipt, StreamIds};
use sender::{Ending, Sender};

/// How many pieces may be read ahead.
const AHEAD: usize = 8;

/// Sends the rows, and prints the receipt.
pub(crate) async fn run(arguments: Send, verbosity: Verbosity) -> Result<Outcome, Failure> {
    let inputs = Inputs::find(&arguments)?;
    let checkpoint = Checkpoint::open(arguments.checkpoint.as_deref(), &arguments.table, &inputs)?;
    let mut plan = arguments.rows.plan(&arguments.table, &arguments.login).await?;
    if arguments.cells.decimal_comma {
        plan = plan.decimal_mark(DecimalMark::Comma);
    }
    let ids = StreamIds::default();
    let lanes = Lanes::open(&arguments, &plan, &ids).await?;
    let progress = Progress::new(inputs.bytes(), if arguments.json { Verbosity::Quiet } else { verbosity });

    let (pieces, received) = mpsc::channel(AHEAD);
    let (sent, spares) = std::sync::mpsc::channel();
    let reading = reader::Reading::new(&inputs, &arguments.cells, checkpoint.done(), progress.counter());
    let reader = std::thread::Builder::new().name("reader".to_owned()).spawn(move || reading.run(&pieces, &spares));
    let reader = reader.map_err(|error| Failure::new("cannot start a thread", error))?;

    let mut sender = Sender::new(&plan, lanes, &arguments, checkpoint, &progress)?;
    let ending = sender.run(received, &sent).await;
    let receipt = sender.close(ending, arguments.grace, &ids).await;
    progress.finish();
    // Where it was stopped, the reader may wait for a line that never comes.
    if reader.is_finished() && reader.join().is_err() {
        return Err(Failure::text("the reader of the files ended unexpectedly"));
    }
    receipt.print(arguments.json);
    Ok(receipt.outcome())
}

/// Why it ended before the files did.
impl Ending {
    const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }
}
