//! Passes refused rows to the sink, on a thread that lives while there are any.

use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use super::{BoxError, DeadLetters};
use crate::error::{Error, Fault};
use crate::event::{Hooks, StreamEvent, log};
use crate::letter::{DeadLetter, Letter, Origin};
use crate::offset::Offset;
use crate::shared::{LetterThread, Shared, inside_sink};
use crate::values::Timestamp;

/// Passes on the refused rows of one stream.
#[derive(Debug)]
pub(crate) struct SinkThread {
    pub(crate) sink: DeadLetters,
    pub(crate) hooks: Hooks,
    pub(crate) origin: Origin,
    pub(crate) lane: Option<usize>,
}

impl LetterThread for SinkThread {
    fn sink(&self) -> u64 {
        self.sink.number
    }

    fn start(self: Arc<Self>, shared: &Arc<Shared>) {
        let (passing, stream) = (Arc::clone(&self), Arc::clone(shared));
        let thread = thread::Builder::new().name("zerobus-refused".to_owned());
        if let Err(source) = thread.spawn(move || passing.run(&stream)) {
            let error = Error::from(Fault::Thread { source });
            let mut hooks = self.hooks.clone();
            while let Some(letter) = shared.next_letter() {
                shared.letter_failed();
                tell(&mut hooks, &letter, error.clone());
            }
        }
    }
}

impl SinkThread {
    fn run(&self, shared: &Arc<Shared>) {
        let mut hooks = self.hooks.clone();
        while let Some(letter) = shared.next_letter() {
            let delivered = inside_sink(shared, || self.sink.deliver(&self.letter(&letter)));
            match delivered {
                Ok(()) => shared.letter_taken(),
                Err(source) => {
                    shared.letter_failed();
                    tell(&mut hooks, &letter, self.failure(source));
                }
            }
        }
    }

    fn failure(&self, source: BoxError) -> Error {
        Fault::DeadLetter { table: self.origin.table.clone(), source }.into()
    }

    fn letter(&self, letter: &Letter) -> DeadLetter {
        let made = match letter {
            Letter::Returned(part) => {
                let row = part.batch.records().next().unwrap_or_default();
                let made = self.origin.returned(Offset(part.batch.first), row, part);
                DeadLetter { time: Timestamp::try_from(SystemTime::now()).ok(), ..made }
            }
            Letter::Unaccepted { original, reason } => self.origin.unaccepted(original.clone(), reason),
        };
        DeadLetter { lane: self.lane, ..made }
    }
}

/// Reports that the sink did not take a row.
fn tell(hooks: &mut Hooks, letter: &Letter, reason: Error) {
    let offset = match letter {
        Letter::Returned(part) => Some(Offset(part.batch.first)),
        Letter::Unaccepted { .. } => None,
    };
    let event = StreamEvent::DeadLetterFailed { offset, reason };
    log(&event);
    hooks.emit(&event);
}
