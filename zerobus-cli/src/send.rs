//! `send`: files into a table. Files are read by a thread of their own, rows are written and sent here, and what is
//! durable, refused and returned is counted at the end.
//!
//! | file | what it owns |
//! |---|---|
//! | `inputs` | which files, and what each is |
//! | `reader` | from files to pieces of whole rows |
//! | `lines` | NDJSON |
//! | `cells` | CSV |
//! | `sender` | rows into the stream, refused ones aside |
//! | `marks` | which row has which offset |
//! | `checkpoint` | how far the rows are durable, on disk |
//! | `progress` | a bar on a terminal, a line now and then elsewhere |
//! | `receipt` | what was done, in figures |

mod cells;
mod checkpoint;
mod inputs;
mod lines;
mod marks;
mod progress;
mod reader;
mod receipt;
mod sender;

use tokio::sync::mpsc;
use zerobus_runtime::dynamic::{DecimalMark, Dynamic, RowPlan};
use zerobus_runtime::{IngestStream, StreamEvent};

use crate::arguments::Send;
use crate::failure::Failure;
use crate::{Outcome, Verbosity};
use checkpoint::Checkpoint;
use inputs::Inputs;
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
    let stream = open(&arguments, &plan, &ids).await?;
    let progress = Progress::new(inputs.bytes(), if arguments.json { Verbosity::Quiet } else { verbosity });

    let (pieces, received) = mpsc::channel(AHEAD);
    let reading = reader::Reading::new(&inputs, &arguments.cells, checkpoint.done(), progress.counter());
    let reader = std::thread::Builder::new().name("reader".to_owned()).spawn(move || reading.run(&pieces));
    let reader = reader.map_err(|error| Failure::new("cannot start a thread", error))?;

    let mut sender = Sender::new(&plan, &stream, &arguments, checkpoint, &progress)?;
    let ending = sender.run(received).await;
    let receipt = sender.close(ending, arguments.grace, &ids).await;
    progress.finish();
    // Where it was stopped, the reader may wait for a line that never comes.
    if reader.is_finished() && reader.join().is_err() {
        return Err(Failure::text("the reader of the files ended unexpectedly"));
    }
    receipt.print(arguments.json);
    Ok(receipt.outcome())
}

async fn open(arguments: &Send, plan: &RowPlan, ids: &StreamIds) -> Result<IngestStream<Dynamic>, Failure> {
    let client = arguments.login.client()?;
    let ids = ids.clone();
    let mut stream = client.dynamic_stream(plan).max_rows_per_second(arguments.rate).on_event(move |event| {
        if let StreamEvent::Opened { stream_id, .. } = event {
            ids.add(stream_id);
        }
    });
    if let Some(rate) = arguments.rate {
        // A request goes at once: one of many rows would be a burst.
        stream = stream.max_batch_rows((rate / 10).max(1));
    }
    // The server's refusals count among those of `--max-rejected`.
    let most = usize::try_from(arguments.max_rejected).unwrap_or(usize::MAX);
    Ok(stream.max_rejected_rows(most).rejected_within(std::time::Duration::MAX).open().await?)
}

/// Why it ended before the files did.
impl Ending {
    const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }
}
