//! The reader: a thread that reads the files, one after another, and passes their rows on in pieces.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

#[cfg(feature = "parquet")]
use super::batches;
use super::checkpoint::Done;
use super::inputs::{Input, Inputs};
use super::piece::{Flow, Pieces, Spares, Target};
use super::{csv, ndjson, source};
use crate::arguments::{Cells, Format};
use crate::failure::Failure;

/// What the thread reads.
pub(super) struct Reading {
    inputs: Vec<Input>,
    delimiter: Option<u8>,
    /// The rows of each file that are done.
    done: Vec<Done>,
    counter: Arc<AtomicU64>,
}

impl Reading {
    pub(super) fn new(inputs: &Inputs, cells: &Cells, done: Vec<Done>, counter: Arc<AtomicU64>) -> Self {
        Self { inputs: inputs.0.clone(), delimiter: cells.delimiter, done, counter }
    }

    /// Reads every file to its end, or stops when the receiver is gone.
    pub(super) fn run(self, pieces: &Pieces, spares: &Spares) {
        for (place, input) in self.inputs.iter().enumerate() {
            let done = self.done.get(place).copied().unwrap_or_default();
            let target = Target::new(pieces, spares, place, done);
            match self.read(input, &target) {
                Ok(Flow::Goes) => {}
                Ok(Flow::Stopped) => return,
                Err(error) => {
                    // If the receiver is gone, the run has already ended for another reason.
                    let _ = pieces.blocking_send(Err(Failure::text(format!("{}: {error}", input.name()))));
                    return;
                }
            }
        }
    }

    /// Reads one file to its end.
    fn read(&self, input: &Input, target: &Target<'_>) -> Result<Flow, Failure> {
        #[cfg(feature = "parquet")]
        match (input.format, &input.path) {
            (Format::Arrow, Some(path)) => {
                if let Some(flow) = batches::arrow_file(path, target)? {
                    return Ok(flow);
                }
            }
            (Format::Parquet, Some(path)) => return batches::parquet(path, target),
            (Format::Parquet, None) => {
                return Err(Failure::text("Parquet is read from its end, so it has to be a file"));
            }
            _ => {}
        }
        let file = source::open(input, &self.counter).map_err(|error| Failure::new("it cannot be read", error))?;
        match input.format {
            #[cfg(feature = "parquet")]
            Format::Arrow | Format::Parquet => batches::arrow_stream(file, target),
            Format::Csv => csv::read(file, self.delimiter, target),
            Format::Ndjson => ndjson::read(file, target),
        }
    }
}
