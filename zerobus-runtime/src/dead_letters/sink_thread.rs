//! Passes refused rows to the sink, on a thread that lives while there are any.

use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use prost_types::DescriptorProto;
use serde_json::value::RawValue;

use super::{BoxError, DeadLetters};
use crate::core::ReturnedBatch;
use crate::error::{Error, Fault};
use crate::event::{Hooks, StreamEvent, log};
use crate::letter::{DeadLetter, Letter, Times, json_of, json_on_one_line};
use crate::offset::Offset;
use crate::record_kind::RecordKind;
use crate::shared::{LetterThread, Shared, inside_sink};
use crate::values::Timestamp;

/// Passes on the refused rows of one stream.
#[derive(Debug)]
pub(crate) struct SinkThread {
    pub(crate) sink: DeadLetters,
    pub(crate) hooks: Hooks,
    pub(crate) table: String,
    pub(crate) kind: RecordKind,
    pub(crate) descriptor: Option<Arc<DescriptorProto>>,
    pub(crate) lane: Option<usize>,
}

impl LetterThread for SinkThread {
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
        Fault::DeadLetter { table: self.table.clone(), source }.into()
    }

    fn letter(&self, letter: &Letter) -> DeadLetter {
        let made = match letter {
            Letter::Returned(part) => self.returned(part),
            Letter::Unaccepted { original, reason } => {
                let json = self.json(original.kind, &original.row, original.is_whole);
                DeadLetter { json, ..DeadLetter::unaccepted(self.table.clone(), original.clone(), reason) }
            }
        };
        DeadLetter { lane: self.lane, ..made }
    }

    fn returned(&self, part: &ReturnedBatch) -> DeadLetter {
        let row = part.batch.records().next().unwrap_or_default();
        DeadLetter {
            table: self.table.clone(),
            kind: self.kind,
            offset: Some(Offset(part.batch.first)),
            lane: None,
            persisted: part.batch.persisted(),
            reason: part.reason.clone(),
            column: part.reason.column(),
            attempts: part.batch.attempts,
            time: Timestamp::try_from(SystemTime::now()).ok(),
            source: None,
            is_partial: false,
            times: Times::Micros,
            // Rows of a spool may have another schema, which has another number.
            json: self.json(self.kind, &row, part.batch.schema == 0),
            row,
        }
    }

    /// The row as JSON; a message only if it has the stream's own schema.
    fn json(&self, kind: RecordKind, row: &[u8], is_own: bool) -> Option<Box<RawValue>> {
        match kind {
            RecordKind::Json => json_on_one_line(row),
            RecordKind::Proto => self.descriptor.as_deref().filter(|_| is_own).and_then(|of| json_of(of, row)),
        }
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
