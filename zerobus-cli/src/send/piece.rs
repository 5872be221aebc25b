//! Pieces: groups of rows that the reader thread passes to the task that sends them.

use tokio::sync::mpsc;

use super::checkpoint::Done;
use super::checksum::Checksum;
use super::lines::Lines;
use super::records::Records;
use crate::failure::Failure;

/// Rows of one file.
#[derive(Debug)]
pub(super) struct Piece {
    /// The index of the file among the inputs.
    pub(super) input: usize,
    pub(super) rows: Rows,
    /// How many rows of the file were read up to the end of this piece, refused ones included.
    pub(super) read: u64,
    /// The last row, if the file ends with it and without a line end.
    pub(super) open: Option<Checksum>,
}

#[derive(Debug)]
pub(super) enum Rows {
    #[cfg(feature = "parquet")]
    Batch(arrow_array::RecordBatch),
    /// Rows of cells.
    Cells(Records),
    /// The names of the columns, sent before the first cells.
    Header(Vec<String>),
    Lines(Lines),
}

impl Rows {
    /// The number of rows.
    pub(super) fn len(&self) -> u64 {
        match self {
            #[cfg(feature = "parquet")]
            Self::Batch(batch) => batch.num_rows() as u64,
            Self::Cells(records) => records.len() as u64,
            Self::Header(_) => 0,
            Self::Lines(lines) => lines.len() as u64,
        }
    }

    /// Whether the reader can reuse the buffers for other rows.
    pub(super) const fn has_buffers(&self) -> bool {
        matches!(self, Self::Cells(_) | Self::Lines(_))
    }
}

/// The channel from the reader: pieces, or the failure that ended it.
pub(super) type Pieces = mpsc::Sender<Result<Piece, Failure>>;

/// The channel back to the reader: sent rows, whose buffers it reuses.
pub(super) type Spares = std::sync::mpsc::Receiver<Rows>;

/// Whether the sender takes more pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Goes,
    Stopped,
}

/// Where the reader of one file puts its pieces.
pub(super) struct Target<'a> {
    pieces: &'a Pieces,
    spares: &'a Spares,
    input: usize,
    /// The rows to skip.
    pub(super) done: Done,
}

impl<'a> Target<'a> {
    pub(super) const fn new(pieces: &'a Pieces, spares: &'a Spares, input: usize, done: Done) -> Self {
        Self { pieces, spares, input, done }
    }

    /// Rows that were sent, whose buffers can be reused.
    pub(super) fn spare(&self) -> Option<Rows> {
        self.spares.try_recv().ok()
    }

    /// Sends rows; `read` is how many rows of the file were read so far.
    pub(super) fn send(&self, rows: Rows, read: u64) -> Flow {
        self.send_open(rows, read, None)
    }

    /// Sends rows, of which the last may have no line end.
    pub(super) fn send_open(&self, rows: Rows, read: u64, open: Option<Checksum>) -> Flow {
        let piece = Piece { input: self.input, rows, read, open };
        if self.pieces.blocking_send(Ok(piece)).is_ok() { Flow::Goes } else { Flow::Stopped }
    }

    /// Fails if the file has fewer rows than the checkpoint counts.
    pub(super) fn check_count(&self, read: u64) -> Result<(), Failure> {
        let skip = self.done.rows;
        if read >= skip {
            return Ok(());
        }
        Err(Failure::text(format!(
            "it has {read} rows, and the checkpoint says that {skip} of them are durable, so it is another file; remove the checkpoint to send all of it"
        )))
    }
}
