//! From files to pieces of whole rows, on a thread of its own.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

#[cfg(feature = "parquet")]
use super::batches;
use super::inputs::{Input, Inputs};
use super::{cells, lines};
use crate::arguments::{Cells, Format};
use crate::failure::Failure;

/// How many bytes of rows a piece has, about.
pub(super) const PIECE: usize = 256 * 1024;

/// The longest row that is read: above what a request can hold, so that a longer one is refused without being kept.
pub(super) const LONGEST: usize = 16 << 20;

/// Rows of one file.
#[derive(Debug)]
pub(super) struct Piece {
    /// The place of the file among the inputs.
    pub(super) input: usize,
    pub(super) rows: Rows,
    /// How many rows of the file were read with the last of these, refused ones included.
    pub(super) read: u64,
}

#[derive(Debug)]
pub(super) enum Rows {
    #[cfg(feature = "parquet")]
    Batch(arrow_array::RecordBatch),
    /// Cells of one row after the other.
    Cells(Vec<cells::Record>),
    /// The names of the columns, before the first cells.
    Header(Vec<String>),
    Lines(lines::Lines),
}

/// A file as its rows are read from it.
pub(super) type Source = BufReader<Box<dyn Read>>;

impl Rows {
    /// How many rows these are.
    pub(super) fn len(&self) -> u64 {
        match self {
            #[cfg(feature = "parquet")]
            Self::Batch(batch) => batch.num_rows() as u64,
            Self::Cells(records) => records.len() as u64,
            Self::Header(_) => 0,
            Self::Lines(lines) => lines.len() as u64,
        }
    }
}

/// What a thread reads.
pub(super) struct Reading {
    inputs: Vec<Input>,
    delimiter: Option<u8>,
    /// How many rows of each file are durable already.
    done: Vec<u64>,
    counter: Arc<AtomicU64>,
}

/// The far end of the thread: a piece, or why there is none.
pub(super) type Pieces = mpsc::Sender<Result<Piece, Failure>>;

impl Reading {
    pub(super) fn new(inputs: &Inputs, cells: &Cells, done: Vec<u64>, counter: Arc<AtomicU64>) -> Self {
        Self { inputs: inputs.0.clone(), delimiter: cells.delimiter, done, counter }
    }

    /// Reads every file to its end, or until nobody listens.
    pub(super) fn run(self, pieces: &Pieces) {
        for (place, input) in self.inputs.iter().enumerate() {
            let skip = self.done.get(place).copied().unwrap_or_default();
            let target = Target { pieces, input: place, skip };
            match self.read(input, &target) {
                Ok(Flow::Goes) => {}
                Ok(Flow::Stopped) => return,
                Err(error) => {
                    // Nobody listens: it has ended for another reason.
                    let _ = pieces.blocking_send(Err(Failure::text(format!("{}: {error}", input.name()))));
                    return;
                }
            }
        }
    }
}

impl Reading {
    /// Reads one file to its end.
    fn read(&self, input: &Input, target: &Target<'_>) -> Result<Flow, Failure> {
        #[cfg(feature = "parquet")]
        match (input.format, &input.path) {
            (Format::Arrow, Some(path)) => {
                if let Some(flow) = batches::arrow_file(path, target)? {
                    return Ok(flow);
                }
            }
            (Format::Parquet, Some(path)) => {
                let file = File::open(path).map_err(|error| Failure::new("it cannot be read", error))?;
                return batches::parquet(file, target);
            }
            (Format::Parquet, None) => {
                return Err(Failure::text("Parquet is read from its end, so it has to be a file"));
            }
            _ => {}
        }
        let file = open(input, &self.counter).map_err(|error| Failure::new("it cannot be read", error))?;
        match input.format {
            #[cfg(feature = "parquet")]
            Format::Arrow | Format::Parquet => batches::arrow_stream(file, target),
            Format::Csv => cells::read(file, self.delimiter, target),
            Format::Ndjson => lines::read(file, target),
        }
    }
}

/// Whether anybody wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Goes,
    Stopped,
}

/// Where the pieces of one file go.
pub(super) struct Target<'a> {
    pieces: &'a Pieces,
    input: usize,
    /// How many of its rows are left out, since they are durable.
    pub(super) skip: u64,
}

impl Target<'_> {
    pub(super) fn send(&self, rows: Rows, read: u64) -> Flow {
        let piece = Piece { input: self.input, rows, read };
        if self.pieces.blocking_send(Ok(piece)).is_ok() { Flow::Goes } else { Flow::Stopped }
    }

    /// Refuses a file with fewer rows than were durable before.
    pub(super) fn check_count(&self, read: u64) -> Result<(), Failure> {
        if read >= self.skip {
            return Ok(());
        }
        let skip = self.skip;
        Err(Failure::text(format!(
            "it has {read} rows, and the checkpoint says that {skip} of them are durable, so it is another file; remove the checkpoint to send it whole"
        )))
    }
}

/// Opens an input, decompressed, without a byte order mark.
fn open(input: &Input, counter: &Arc<AtomicU64>) -> io::Result<Source> {
    let raw: Box<dyn Read> = match &input.path {
        Some(path) => Box::new(File::open(path)?),
        None => Box::new(io::stdin().lock()),
    };
    let (start, rest) = peek(Counted { inner: raw, counter: Arc::clone(counter) })?;
    let file = Cursor::new(start.clone()).chain(rest);
    let plain: Box<dyn Read> = match start[..] {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file))),
        #[cfg(feature = "zstd")]
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::stream::read::Decoder::new(file)?),
        #[cfg(not(feature = "zstd"))]
        [0x28, 0xb5, 0x2f, 0xfd] => {
            return Err(io::Error::other("it is compressed by zstd, which this build leaves out"));
        }
        [b'P', b'A', b'R', b'1'] => return Err(io::Error::other("it is a Parquet file; `--format parquet` reads it")),
        _ => Box::new(file),
    };
    let (start, rest) = peek(plain)?;
    let start = if start.starts_with(b"\xef\xbb\xbf") { start[3..].to_vec() } else { start };
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err(io::Error::other("it is UTF-16; convert it, as in `iconv -f utf-16 -t utf-8`"));
    }
    Ok(BufReader::with_capacity(PIECE, Box::new(Cursor::new(start).chain(rest))))
}

/// The first four bytes, or as many as there are, and the rest.
fn peek<R: Read>(mut file: R) -> io::Result<(Vec<u8>, R)> {
    let mut start = Vec::with_capacity(4);
    file.by_ref().take(4).read_to_end(&mut start)?;
    Ok((start, file))
}

/// Counts what is read of a file, as it lies on disk.
struct Counted {
    inner: Box<dyn Read>,
    counter: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.counter.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
