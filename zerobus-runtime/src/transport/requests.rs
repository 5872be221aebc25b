//! The call's request side: a body that takes batches from the core when the connection asks for more.
//!
//! The connection asks only while the server's window has room. So a batch is cut when it can really go, what gathers
//! meanwhile goes in one request, and nothing queues up behind the core's own window.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::envelope::batch_prefix;
use crate::core::Pull;
use crate::record_kind::RecordKind;
use crate::shared::Shared;

/// A body up to this many bytes goes in one frame with its prefix: a server may guard itself against many small frames, and
/// h2 does.
const SMALL: usize = 4096;

/// The requests of one call.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) shared: Arc<Shared>,
    pub(super) generation: u64,
    pub(super) kind: RecordKind,
    /// What goes before the next pull: the message that creates the stream, then each batch behind its prefix.
    pub(super) next: Option<Bytes>,
}

impl Body for Requests {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(bytes) = self.next.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match ready!(self.shared.poll_pull(cx, self.generation)) {
            // `poll_pull` is pending where there is nothing to send.
            Pull::End | Pull::Idle => Poll::Ready(None),
            Pull::Request(request) => {
                let prefix = batch_prefix(self.kind, request.wire_offset, request.body.len());
                if request.body.len() <= SMALL {
                    return Poll::Ready(Some(Ok(Frame::data([prefix, request.body].concat().into()))));
                }
                self.next = Some(request.body);
                Poll::Ready(Some(Ok(Frame::data(prefix))))
            }
        }
    }
}
