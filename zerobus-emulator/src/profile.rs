//! How closely an emulator follows the service's timing.

/// Speed, or the timing and the quotas of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Profile {
    /// Rows are acked once they are in their table, so a test can read them as soon as it has the acks.
    #[default]
    Fast,
    /// Rows are acked once they are in a log, after about 150 ms, and are in their table up to five seconds later. The
    /// quotas of the service are on.
    ///
    /// Needs [`Builder::data`](crate::Builder::data).
    Service,
}
