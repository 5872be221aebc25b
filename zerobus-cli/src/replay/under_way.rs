//! Rows under way: sent, but not settled yet. It also writes the file of the rows that stay.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use zerobus_runtime::{DeadLetter, EncodedStream, Error, ErrorKind, Offset};

use crate::failure::Failure;
use crate::replace::Replacement;

/// How many bytes of rows may be under way.
const MOST_BYTES: usize = 32 << 20;

/// How many rows may be under way.
const MOST_ROWS: usize = 16_384;

/// What happened to a row so far.
pub(super) enum Fate {
    /// It was not sent.
    Kept,
    /// It was refused before it was sent.
    Refused(Error),
    /// It was accepted by this stream.
    Sent(EncodedStream, Offset),
}

/// The rows in their order; they are settled from the front.
pub(super) struct UnderWay {
    rows: VecDeque<(DeadLetter, Fate)>,
    bytes: usize,
    path: PathBuf,
    left: Replacement,
    rows_left: Left,
}

/// How many rows stay in the file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Left {
    /// Because they were refused.
    pub(super) refused: u64,
    /// Because something else failed.
    pub(super) undelivered: u64,
}

impl UnderWay {
    pub(super) fn new(path: &Path) -> Result<Self, Failure> {
        let left = Replacement::of(path).map_err(|error| unwritten(path, error))?;
        Ok(Self { rows: VecDeque::new(), bytes: 0, path: path.to_owned(), left, rows_left: Left::default() })
    }

    /// Adds a row; waits for rows before it if there are too many.
    pub(super) async fn push(&mut self, letter: DeadLetter, fate: Fate) -> Result<(), Failure> {
        self.bytes += letter.bytes().len();
        self.rows.push_back((letter, fate));
        while self.bytes > MOST_BYTES || self.rows.len() > MOST_ROWS {
            self.settle_first().await?;
        }
        Ok(())
    }

    /// Settles all rows, replaces the file with those that stay, and returns their number.
    pub(super) async fn finish(mut self) -> Result<Left, Failure> {
        while !self.rows.is_empty() {
            self.settle_first().await?;
        }
        // The file keeps its permissions.
        let permissions =
            fs::metadata(&self.path).and_then(|found| self.left.file().set_permissions(found.permissions()));
        permissions.and_then(|()| self.left.commit()).map_err(|error| unwritten(&self.path, error))?;
        Ok(self.rows_left)
    }

    async fn settle_first(&mut self) -> Result<(), Failure> {
        let Some((letter, fate)) = self.rows.pop_front() else { return Ok(()) };
        self.bytes -= letter.bytes().len();
        let error = match fate {
            Fate::Kept => None,
            Fate::Refused(error) => Some(error),
            Fate::Sent(stream, offset) => {
                let settled = stream.receipt(offset).await;
                // The letter holds the row, so the stream need not keep refused rows.
                drop(stream.take_rejected());
                match settled {
                    Ok(_) => return Ok(()),
                    Err(error) => Some(error),
                }
            }
        };
        // A partial letter is kept because it is one.
        let is_refused = error.as_ref().map_or(letter.is_partial(), |error| error.kind() == ErrorKind::Rejected);
        let left = if is_refused { &mut self.rows_left.refused } else { &mut self.rows_left.undelivered };
        *left += 1;
        let letter = match error {
            Some(error) => letter.with_reason(&error),
            None => letter,
        };
        letter.write_to(self.left.file()).map_err(|error| unwritten(&self.path, error))
    }
}

fn unwritten(path: &Path, error: std::io::Error) -> Failure {
    Failure::file("write what is left to", path, error)
}
