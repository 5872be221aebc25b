//! A connection that joins large writes into fewer system calls.
//!
//! h2 writes and flushes one frame at a time, and a frame has 16 KiB unless the server allows more. A system call costs
//! more than a copy of 16 KiB. More data nearly always follows a whole frame at once, so a flush after one is pending
//! at its first poll and wakes its task. What the task writes until it polls again goes out in the same call.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The size of the buffer, in bytes.
const ROOM: usize = 64 * 1024;

/// The bytes of a whole frame, by the smallest limit that a server may set (RFC 9113, section 4.2).
const WHOLE_FRAME: usize = 16 * 1024;

/// A connection with a write buffer.
#[derive(Debug)]
pub(super) struct CoalescingStream<S> {
    stream: S,
    /// Bytes that were accepted and not yet written.
    held: Vec<u8>,
    /// How much of `held` is already written.
    written: usize,
    /// The last write was a whole frame and was not flushed yet.
    expects_more: bool,
}

impl<S> CoalescingStream<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, held: Vec::new(), written: 0, expects_more: false }
    }
}

impl<S: AsyncWrite + Unpin> CoalescingStream<S> {
    /// Writes the held bytes.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.held.len() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.held[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.held.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CoalescingStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        if this.held.len() + bytes > ROOM {
            ready!(this.poll_drain(cx))?;
        }
        if bytes > ROOM {
            return Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        }
        for slice in slices {
            this.held.extend_from_slice(slice);
        }
        this.expects_more = bytes >= WHOLE_FRAME;
        Poll::Ready(Ok(bytes))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.expects_more) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CoalescingStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, into)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Wake, Waker};

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// A connection with a buffer of this size, and its other end.
    fn connection(room: usize) -> (CoalescingStream<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(room);
        (CoalescingStream::new(near), far)
    }

    /// What has arrived so far.
    fn arrived(far: &mut DuplexStream) -> usize {
        let mut bytes = vec![0; 1 << 20];
        let mut into = ReadBuf::new(&mut bytes);
        let _ = Pin::new(far).poll_read(&mut Context::from_waker(Waker::noop()), &mut into);
        into.filled().len()
    }

    #[tokio::test]
    async fn what_is_smaller_than_a_frame_is_flushed_at_once() {
        let (mut near, mut far) = connection(1 << 20);
        near.write_all(&[1; 100]).await.unwrap();
        near.flush().await.unwrap();
        assert_eq!(arrived(&mut far), 100);
        near.write_all(&[1; WHOLE_FRAME]).await.unwrap();
        near.flush().await.unwrap();
        near.write_all(&[1; 100]).await.unwrap();
        near.flush().await.unwrap();
        assert_eq!(arrived(&mut far), WHOLE_FRAME + 100);
    }

    #[test]
    fn a_whole_frame_waits_until_the_task_that_it_wakes_asks_again() {
        let (mut near, mut far) = connection(1 << 20);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let written = Pin::new(&mut near).poll_write(&mut cx, &[7; WHOLE_FRAME]);
        assert!(matches!(written, Poll::Ready(Ok(WHOLE_FRAME))));
        assert!(Pin::new(&mut near).poll_flush(&mut cx).is_pending(), "what is not written is not flushed");
        assert_eq!((woken.0.load(Ordering::Relaxed), arrived(&mut far)), (true, 0));
        assert!(Pin::new(&mut near).poll_flush(&mut cx).is_ready());
        assert_eq!(arrived(&mut far), WHOLE_FRAME);
    }

    #[tokio::test]
    async fn every_byte_arrives_in_order_whatever_the_sizes_and_the_room() {
        for room in [1, 1000, 40_000, 1 << 20] {
            let (mut near, mut far) = connection(room);
            let sizes = [9, WHOLE_FRAME, WHOLE_FRAME, 0, ROOM - 1, ROOM, ROOM + 1, 3 * ROOM, 1, WHOLE_FRAME];
            let sent: Vec<u8> =
                (0..sizes.iter().sum()).map(|n: usize| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
            let all = sent.clone();
            let writing = tokio::spawn(async move {
                let mut rest = &all[..];
                for size in sizes {
                    let (now, later) = rest.split_at(size);
                    near.write_all(now).await.unwrap();
                    near.flush().await.unwrap();
                    rest = later;
                }
                near.shutdown().await.unwrap();
            });
            let mut found = Vec::new();
            far.read_to_end(&mut found).await.unwrap();
            assert!(found == sent, "with room for {room}");
            writing.await.unwrap();
        }
    }
}
