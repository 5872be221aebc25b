//! Where every accepted row is, and the sum that must hold.

/// Counts of rows; `accepted == durable + returned + in flight` at every moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) accepted: u64,
    pub(crate) accepted_bytes: u64,
    pub(crate) durable: u64,
    pub(crate) durable_bytes: u64,
    pub(crate) returned: u64,
    pub(crate) batches_sent: u64,
    pub(crate) rows_replayed: u64,
    pub(crate) acks: u64,
    pub(crate) opened: u64,
}

impl Ledger {
    /// Rows that are neither durable nor handed back.
    pub(crate) const fn in_flight(&self) -> u64 {
        self.accepted - self.durable - self.returned
    }
}
