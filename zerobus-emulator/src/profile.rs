//! How close to the service an emulator is.

/// What matters more: speed, or the times and quotas of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Profile {
    /// Rows are acked once they are in their table, so a test that has its acks can read the table.
    #[default]
    Fast,
    /// Rows are acked once they are in a log, after about 150 ms, and are in their table up to five seconds later. The
    /// quotas of the service are on.
    ///
    /// It needs [`Builder::data`](crate::Builder::data).
    Service,
}
