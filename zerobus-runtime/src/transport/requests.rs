//! The call's request side: a body that takes batches from the core when the connection asks for more.
//!
//! The connection asks only while the server's window has room. So a batch is cut only when it can be sent, rows that
//! arrive meanwhile share one request, and nothing queues up outside the core's window.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};

use super::envelope::{Rpc, batch_prefix};
use crate::core::{Outgoing, Pull};
use crate::record_kind::RecordKind;
use crate::shared::Shared;

/// Requests up to this many bytes share a frame, each with its prefix: a server may reject many small frames, as h2
/// does.
const SMALL: usize = 4096;

/// The requests of one call.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) shared: Arc<Shared>,
    pub(super) generation: u64,
    pub(super) rpc: Rpc,
    pub(super) kind: RecordKind,
    /// Bytes to send before the next pull: the message that creates the stream, then each batch with its prefix.
    pub(super) next: Option<Bytes>,
}

impl Body for Requests {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(bytes) = self.next.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let Pull::Request(request) = ready!(self.shared.poll_pull(cx, self.generation)) else {
            // `poll_pull` is pending if there is nothing to send.
            return Poll::Ready(None);
        };
        let prefix = self.prefix(&request);
        if request.body.len() > SMALL {
            self.next = Some(request.body);
            return Poll::Ready(Some(Ok(Frame::data(prefix))));
        }
        let mut frame = BytesMut::with_capacity(prefix.len() + request.body.len());
        frame.extend_from_slice(&prefix);
        frame.extend_from_slice(&request.body);
        self.gather(cx, &mut frame);
        Poll::Ready(Some(Ok(Frame::data(frame.freeze()))))
    }
}

impl Requests {
    fn prefix(&self, request: &Outgoing) -> Bytes {
        batch_prefix(self.rpc, self.kind, request.wire_offset, request.body.len())
    }

    /// Puts the requests that wait behind a small one into its frame.
    fn gather(&mut self, cx: &mut Context<'_>, frame: &mut BytesMut) {
        while frame.len() < SMALL {
            // Any other result is returned again when the next frame is polled.
            let Poll::Ready(Pull::Request(request)) = self.shared.poll_pull(cx, self.generation) else { return };
            frame.extend_from_slice(&self.prefix(&request));
            if request.body.len() > SMALL {
                self.next = Some(request.body);
                return;
            }
            frame.extend_from_slice(&request.body);
        }
    }
}
