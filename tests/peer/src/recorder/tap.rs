//! A tap on a connection that counts HTTP/2 frames as they are read (RFC 9113, section 4.1).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const PREFACE: usize = 24;
const HEADER: usize = 9;
const PING: u8 = 6;
const ACK: u8 = 1;

/// The counts over all connections.
#[derive(Debug, Default, Clone)]
pub(super) struct Frames(Arc<AtomicUsize>);

impl Frames {
    /// Pings from the client; acknowledgements of the server's pings do not count.
    pub(super) fn pings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A connection whose incoming bytes are inspected.
#[derive(Debug)]
pub(super) struct Tap {
    socket: TcpStream,
    /// The bytes that were read to detect the protocol.
    first: Vec<u8>,
    frames: Frames,
    /// The number of bytes before the next frame's header.
    skip: usize,
    header: Vec<u8>,
}

impl Tap {
    pub(super) fn new(socket: TcpStream, first: &[u8], frames: Frames) -> Self {
        Self { socket, first: first.to_vec(), frames, skip: PREFACE, header: Vec::new() }
    }

    fn look(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEADER - self.header.len()).min(bytes.len());
            self.header.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if let [a, b, c, kind, flags, ..] = self.header[..]
                && self.header.len() == HEADER
            {
                self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
                self.header.clear();
                if kind == PING && flags & ACK == 0 {
                    self.frames.0.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }
}

impl AsyncRead for Tap {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        if this.first.is_empty() {
            ready!(Pin::new(&mut this.socket).poll_read(cx, into))?;
        } else {
            let count = this.first.len().min(into.remaining());
            into.put_slice(&this.first[..count]);
            this.first.drain(..count);
        }
        let read = into.filled()[before..].to_vec();
        this.look(&read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}
