//! The columns of a row that the stream fills in.

/// The columns of a row that the stream fills in, overwriting the row's own values, so that duplicates and gaps can be
/// seen in the table. In a derived struct they are fields with `#[zerobus(stamp = "…")]`; for generated types the
/// option `stamps` of zerobus-codegen names them.
///
/// A row keeps its stamps across lost connections and, with a spool, across restarts; no two rows have the same ones. A
/// stream of such rows needs the feature `spool`, even without a spool; a program without it does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// The producer that sent the row: a STRING.
    pub producer: &'static str,
    /// The run of the producer that sent it: a BIGINT, higher in every run.
    pub epoch: &'static str,
    /// The number of the row in the stream: a BIGINT, its offset.
    pub sequence: &'static str,
}
