//! A persistent stream of the server: which of its requests the server has.

use std::sync::Arc;

use super::window::Window;
use super::{Begin, ExactlyOnce, Otherwise, StreamNote};

/// A persistent stream, as the session knows it.
#[derive(Debug)]
pub(super) struct Persistent {
    pub(super) otherwise: Otherwise,
    pub(super) stream: Option<Arc<str>>,
    pub(super) base: Option<u64>,
    pub(super) end: Option<u64>,
    /// The spool's note agrees with this state.
    pub(super) is_noted: bool,
    /// The note of a stream that was left, with the end of the log, until the note of another stream replaces it.
    pub(super) left: Option<StreamNote>,
    /// The server has every request below.
    pub(super) committed: u64,
    /// The end of the requests that may have been sent on the stream.
    pub(super) sent_to: u64,
    /// Requests below are sent alone: one of them was refused.
    pub(super) alone_to: u64,
}

impl Persistent {
    pub(super) fn new(ExactlyOnce { found, otherwise }: ExactlyOnce) -> Self {
        let new = Self {
            otherwise,
            stream: None,
            base: None,
            end: None,
            is_noted: true,
            left: None,
            committed: 0,
            sent_to: 0,
            alone_to: 0,
        };
        let Some(StreamNote { stream_id, base, end }) = found else { return new };
        // A log that lost its tail may end before the stream's first request.
        let committed = end.map_or(base, |end| base.min(end));
        Self { stream: Some(stream_id), base: Some(base), end, is_noted: false, committed, ..new }
    }

    /// The note that the spool must store before anything else is written or sent.
    pub(super) fn unnoted(&self) -> Option<StreamNote> {
        let note = || Some(StreamNote { stream_id: self.stream.clone()?, base: self.base?, end: self.end });
        self.left.clone().or_else(|| if self.is_noted { None } else { note() })
    }

    pub(super) fn begin(&self) -> Begin {
        self.stream.clone().map_or(Begin::Create, Begin::Resume)
    }

    /// Whether the next request of the window may be sent now.
    pub(super) fn may_send(&self, window: &Window) -> bool {
        let Some(next) = window.next() else { return true };
        let waits = next.sequence < self.alone_to && window.has_sent();
        let is_next = self.base.and_then(|base| next.sequence.checked_sub(base)) == window.next_offset();
        self.left.is_none() && self.is_noted && is_next && !waits
    }

    pub(super) fn sent(&mut self, sequence: u64) {
        self.sent_to = self.sent_to.max(sequence + 1);
    }

    /// Leaves the stream: the next call creates another one.
    pub(super) fn leave(&mut self) {
        (self.stream, self.base, self.end, self.is_noted) = (None, None, None, true);
        self.sent_to = 0;
    }
}
