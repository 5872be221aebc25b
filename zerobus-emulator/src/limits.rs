//! What a stream may do, and for how long.

use std::time::Duration;

use crate::schema_check::ColumnOrder;

/// The limits of the service, each settable.
///
/// ```
/// use std::time::Duration;
/// use zerobus_emulator::Limits;
///
/// let mut limits = Limits::default();
/// limits.stream_lifetime = Duration::from_secs(5);
/// assert_eq!(limits.record_bytes, 10 << 20);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The bytes of records that a stream may send within a second; no quota if `None`, since the service's is soft.
    pub bytes_per_second: Option<usize>,
    /// How long a stream has, after CloseStreamSignal, to end by itself.
    pub close_grace: Duration,
    /// How long a client may take to send its first request, the head of a request, or the message that opens a stream.
    pub connect_grace: Duration,
    /// Whether the descriptor must follow the table's order of columns.
    pub column_order: ColumnOrder,
    /// How long a connection may have no request.
    pub idle_grace: Duration,
    /// The partitions of one table that may be written within five seconds; no limit if `None`, since the service's is
    /// soft.
    pub partitions_per_table: Option<usize>,
    /// How long a client may leave answers unread before its connection is closed.
    pub read_grace: Duration,
    /// The largest record, and the largest sum of the records of one request, in bytes.
    pub record_bytes: usize,
    /// The most records of one request.
    pub records_per_request: usize,
    /// The records that a stream may send within a second; no quota if `None`, since the service's is soft.
    pub records_per_second: Option<usize>,
    /// How long a request of the REST APIs may take, its body included.
    pub request_grace: Duration,
    /// How long streams have to end by themselves when the server stops.
    pub shutdown_grace: Duration,
    /// How long a stream lives until the server sends CloseStreamSignal.
    pub stream_lifetime: Duration,
    /// How long a token is valid.
    pub token_lifetime: Duration,
    /// Whether a token request has to name its operations.
    pub token_operations: TokenOperations,
}

impl Limits {
    /// Sets the service's quotas where none is set.
    #[cfg(feature = "delta")]
    pub(crate) fn with_quotas_of_the_service(mut self) -> Self {
        self.bytes_per_second.get_or_insert(100_000_000);
        self.records_per_second.get_or_insert(100_000);
        self.partitions_per_table.get_or_insert(100);
        self
    }
}

/// Whether a token request has to name the operations that the token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TokenOperations {
    /// `operations` may be absent: the official wheels 1.0.0 to 1.3.0 and other clients do not send it.
    #[default]
    Optional,
    /// `operations` names `zerobuswrite`.
    Required,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_per_second: None,
            close_grace: Duration::from_secs(30),
            connect_grace: Duration::from_secs(30),
            column_order: ColumnOrder::Free,
            idle_grace: Duration::from_secs(5 * 60),
            partitions_per_table: None,
            read_grace: Duration::from_secs(30),
            record_bytes: 10 << 20,
            records_per_request: 100_000,
            records_per_second: None,
            request_grace: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(5),
            stream_lifetime: Duration::from_secs(15 * 60),
            token_lifetime: Duration::from_secs(60 * 60),
            token_operations: TokenOperations::Optional,
        }
    }
}
