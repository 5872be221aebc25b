//! How much may be in flight after connections were lost (slow start).
//!
//! Something between client and server may pass only a limited number of bytes: a proxy with a body limit, a network
//! that resets connections. Sending everything at once would then fail every time. So after a connection is lost with
//! rows in flight, the next starts small and grows with acknowledgements. If some bytes get through, all rows do.

/// The initial allowance after a connection was lost without an acknowledgement, in bytes.
const SMALL: usize = 16 * 1024;

/// The bytes that may be in flight; unlimited unless a connection was lost.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    limit: Option<usize>,
    /// The bytes that the current connection has made durable.
    acked: usize,
}

impl Allowance {
    /// The bytes that may be in flight, if there is a limit.
    pub(super) const fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// The connection made bytes durable; at `most` bytes the limit is lifted.
    pub(super) fn acked(&mut self, bytes: usize, most: usize) {
        self.acked = self.acked.saturating_add(bytes);
        self.limit = self.limit.map(|limit| limit.saturating_mul(2)).filter(|limit| *limit < most);
    }

    /// The connection was lost with rows in flight.
    pub(super) fn lost(&mut self, most: usize) {
        let limit = match (self.acked, self.limit) {
            (0, None) => SMALL,
            // Down to a single row, which may always be sent.
            (0, Some(limit)) => limit / 4,
            // About this much gets through.
            (acked, _) => acked / 2,
        };
        self.limit = Some(limit).filter(|limit| *limit < most);
    }

    /// Another connection starts.
    pub(super) const fn restart(&mut self) {
        self.acked = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1_000_000;

    #[test]
    fn where_no_connection_is_lost_there_is_no_limit() {
        let mut allowance = Allowance::default();
        allowance.acked(1000, MOST);
        assert_eq!(allowance.limit(), None);
    }

    #[test]
    fn what_may_be_under_way_grows_with_every_acknowledgement_until_it_is_everything() {
        let mut allowance = Allowance::default();
        allowance.lost(4 * SMALL);
        assert_eq!(allowance.limit(), Some(SMALL));
        allowance.acked(100, 4 * SMALL);
        assert_eq!(allowance.limit(), Some(2 * SMALL));
        allowance.acked(100, 4 * SMALL);
        assert_eq!(allowance.limit(), None, "that is all there may be");
    }

    #[test]
    fn a_connection_that_lets_nothing_through_is_followed_by_one_that_gets_a_quarter() {
        let mut allowance = Allowance::default();
        allowance.lost(MOST);
        allowance.restart();
        allowance.lost(MOST);
        assert_eq!(allowance.limit(), Some(SMALL / 4));
    }

    #[test]
    fn a_connection_that_let_something_through_is_followed_by_one_that_gets_half_of_it() {
        let mut allowance = Allowance::default();
        allowance.acked(60_000, MOST);
        allowance.acked(41_001, MOST);
        allowance.lost(MOST);
        assert_eq!(allowance.limit(), Some(50_500));
        allowance.restart();
        allowance.lost(MOST);
        assert_eq!(allowance.limit(), Some(12_625), "and what the one before let through is forgotten");
    }

    #[test]
    fn a_limit_of_all_that_there_may_be_is_none() {
        let mut allowance = Allowance::default();
        allowance.lost(SMALL);
        assert_eq!(allowance.limit(), None);
    }
}
