//! `send`: sends the rows of files to a table.
//!
//! A separate thread reads the files; the task here encodes and sends their rows. At the end a receipt counts the rows
//! that are durable, refused and undelivered.
//!
//! | file | what it owns |
//! |---|---|
//! | `inputs` | the input files and their formats |
//! | `source` | the decompressed bytes of a file |
//! | `lines`, `records` | rows of text in one buffer: lines and CSV records |
//! | `piece` | the rows that the reader thread passes to the sender |
//! | `ndjson`, `csv`, `batches` | the formats: NDJSON, CSV, and Parquet with Arrow |
//! | `reader` | the thread that reads the files, one after another |
//! | `sender` | sending rows, and keeping refused ones |
//! | `lanes` | the streams that carry the rows |
//! | `letters` | the file of dead letters |
//! | `marks` | the lane and offset of each row that is not settled |
//! | `checkpoint` | the file that records how many rows are durable |
//! | `checksum` | the checksums by which it recognises a file and its rows |
//! | `progress` | the progress bar, or a progress line every few seconds |
//! | `receipt` | the figures of a run |

#[cfg(feature = "parquet")]
mod batches;
mod checkpoint;
mod checksum;
mod csv;
mod inputs;
mod lanes;
mod letters;
mod lines;
mod marks;
mod ndjson;
mod piece;
mod progress;
mod reader;
mod receipt;
mod records;
mod sender;
mod source;

use tokio::sync::mpsc;
use zerobus_runtime::dynamic::DecimalMark;

use crate::arguments::Send;
use crate::failure::Failure;
use crate::{Outcome, Verbosity};
use checkpoint::Checkpoint;
use inputs::Inputs;
use lanes::Lanes;
use letters::Letters;
use progress::Progress;
pub(crate) use receipt::{Receipt, StreamIds};
use sender::{Ending, Sender};

/// How many pieces the reader may be ahead of the sender.
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
    let letters = arguments.dead_letters.as_deref().map(Letters::open).transpose()?;
    let lanes = Lanes::open(&arguments, &plan, letters.as_ref(), &ids).await?;
    let progress = Progress::new(inputs.bytes(), if arguments.json { Verbosity::Quiet } else { verbosity });

    let (pieces, received) = mpsc::channel(AHEAD);
    let (sent, spares) = std::sync::mpsc::channel();
    let reading = reader::Reading::new(&inputs, &arguments.cells, checkpoint.done(), progress.counter());
    let reader = std::thread::Builder::new().name("reader".to_owned()).spawn(move || reading.run(&pieces, &spares));
    let reader = reader.map_err(|error| Failure::new("cannot start a thread", error))?;

    let mut sender = Sender::new(&plan, lanes, &arguments, checkpoint, &progress).with_dead_letters(letters);
    let ending = sender.run(received, &sent).await;
    let receipt = sender.close(ending, arguments.grace, &ids).await;
    progress.finish();
    // After a signal, the reader may still be waiting for a line that never comes.
    if reader.is_finished() && reader.join().is_err() {
        return Err(Failure::text("the reader of the files ended unexpectedly"));
    }
    receipt.print(arguments.json);
    Ok(receipt.outcome())
}

impl Ending {
    const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }
}
