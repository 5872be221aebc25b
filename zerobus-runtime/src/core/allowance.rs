//! How much may be under way on a connection, where connections are lost (slow start).
//!
//! Something between client and server may let only so many bytes through: a proxy with a limit for bodies, a network
//! that resets. A burst of everything that waits is then lost as a whole, again and again. So after a connection that was
//! lost with rows under way, the next begins with little, and more goes as acknowledgements come. Whatever lets some bytes
//! through lets all rows through in the end.

/// What a connection begins with after one that was lost without an acknowledgement, in bytes.
const SMALL: usize = 16 * 1024;

/// The bytes that may be under way; all that there are, unless a connection was lost.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    limit: Option<usize>,
    /// The bytes that the current connection has made durable.
    acked: usize,
}

impl Allowance {
    /// The bytes that may be under way, where there is a limit.
    pub(super) const fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// The connection has made bytes durable; with `most` and more under way there is no limit.
    pub(super) fn acked(&mut self, bytes: usize, most: usize) {
        self.acked = self.acked.saturating_add(bytes);
        self.limit = self.limit.map(|limit| limit.saturating_mul(2)).filter(|limit| *limit < most);
    }

    /// The connection was lost with rows under way.
    pub(super) fn lost(&mut self, most: usize) {
        let limit = match (self.acked, self.limit) {
            (0, None) => SMALL,
            // Down to a single row, which always may go.
            (0, Some(limit)) => limit / 4,
            // About so much gets through.
            (acked, _) => acked / 2,
        };
        self.limit = Some(limit).filter(|limit| *limit < most);
    }

    /// Another connection begins.
    pub(super) const fn restart(&mut self) {
        self.acked = 0;
    }
}
