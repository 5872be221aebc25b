//! Rows under way: read, but not settled yet. It also writes the file of the rows that stay.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use zerobus_runtime::{DeadLetter, Error, ErrorKind, Offset, Persisted};

use super::target::Target;
use crate::failure::Failure;
use crate::replace::Replacement;

/// How many bytes of rows may be under way.
const MOST_BYTES: usize = 32 << 20;

/// How many rows may be under way.
const MOST_ROWS: usize = 16_384;

/// What happened to a row so far.
enum Fate {
    /// It is not sent.
    Kept,
    /// It was accepted by this stream.
    Sent(Rc<Target>, Offset),
    /// The stream did not accept it.
    Unsent(Error),
}

/// The rows in their order; they are settled from the front.
pub(super) struct UnderWay {
    rows: VecDeque<(DeadLetter, Fate)>,
    bytes: usize,
    path: PathBuf,
    /// The rows that stay; `None` if the file is not replaced.
    left: Option<Replacement>,
    settled: Settled,
}

/// How many rows are settled.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Settled {
    pub(super) durable: u64,
    /// Durable rows that an earlier run may have stored.
    pub(super) possibly_twice: u64,
    /// Rows that stay because they were refused.
    pub(super) refused: u64,
    /// Those of them that the file has only in part.
    pub(super) partial: u64,
    /// Whether the file was replaced with the rows that stay.
    pub(super) is_replaced: bool,
}

impl UnderWay {
    pub(super) fn new(path: &Path) -> Result<Self, Failure> {
        let left = Some(Replacement::of(path).map_err(|error| unwritten(path, error))?);
        Ok(Self { rows: VecDeque::new(), bytes: 0, path: path.to_owned(), left, settled: Settled::default() })
    }

    /// Adds a row, which is kept unless it is sent.
    pub(super) fn push(&mut self, letter: DeadLetter) {
        self.bytes += bytes_of(&letter);
        self.rows.push_back((letter, Fate::Kept));
    }

    /// Sends the last row. If the future is dropped, it was not sent.
    pub(super) async fn send_last(&mut self, target: Rc<Target>) {
        let Some((letter, fate)) = self.rows.back_mut() else { return };
        *fate = match target.send(letter).await {
            Ok(offset) => Fate::Sent(target, offset),
            Err(error) => Fate::Unsent(error),
        };
    }

    /// Whether the first rows must be settled before more are added.
    pub(super) fn is_full(&self) -> bool {
        self.bytes > MOST_BYTES || self.rows.len() > MOST_ROWS
    }

    /// Leaves the file as it was, since not all rows that stay are known.
    pub(super) fn keep_the_file(&mut self) {
        self.left = None;
    }

    /// Settles all rows, and replaces the file with those that stay, unless writing them failed.
    pub(super) async fn finish(mut self) -> (Settled, Result<(), Failure>) {
        let mut written = Ok(());
        while !self.rows.is_empty() {
            written = written.and(self.settle_first().await);
        }
        let replaced = written.and_then(|()| self.replace());
        (self.settled, replaced)
    }

    fn replace(&mut self) -> Result<(), Failure> {
        let Some(left) = self.left.take() else { return Ok(()) };
        let replaced = left.commit();
        self.settled.is_replaced = replaced.is_ok();
        replaced.map_err(|error| unwritten(&self.path, error))
    }

    /// Settles the first row. If the future is dropped, the row stays the first.
    pub(super) async fn settle_first(&mut self) -> Result<(), Failure> {
        let sent = match self.rows.front() {
            Some((_, Fate::Sent(target, offset))) => Some(target.settled(*offset).await),
            _ => None,
        };
        let Some((letter, fate)) = self.rows.pop_front() else { return Ok(()) };
        self.bytes -= bytes_of(&letter);
        let (is_refused, letter) = match (sent, fate) {
            (Some(Ok(())), _) => {
                self.settled.durable += 1;
                self.settled.possibly_twice += u64::from(letter.persisted() == Persisted::Possibly);
                return Ok(());
            }
            (Some(Err(again)), _) => {
                (again.is_refused, letter.returned_again(again.attempts, again.persisted, &again.reason))
            }
            (None, Fate::Unsent(error)) => (error.kind() == ErrorKind::Rejected, letter.with_reason(&error)),
            // A partial letter is kept because it is one.
            (None, _) => (letter.is_partial(), letter),
        };
        self.settled.refused += u64::from(is_refused);
        self.settled.partial += u64::from(letter.is_partial());
        let Some(left) = &mut self.left else { return Ok(()) };
        let written = letter.write_to(left.file()).map_err(|error| unwritten(&self.path, error));
        if written.is_err() {
            self.keep_the_file();
        }
        written
    }
}

/// What a letter takes: the JSON of a message may be far longer than the message.
fn bytes_of(letter: &DeadLetter) -> usize {
    letter.bytes().len() + letter.json().map_or(0, str::len)
}

fn unwritten(path: &Path, error: std::io::Error) -> Failure {
    Failure::file("write what is left to", path, error)
}
