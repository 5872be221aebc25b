//! The columns of a row that the stream fills in.

/// The columns of a row that the stream fills in, whatever the row says of them, so that duplicates and gaps can be
/// seen in the table. In a derived struct they are fields with `#[zerobus(stamp = "…")]`; for generated types the
/// option `stamps` of zerobus-codegen names them.
///
/// A row keeps its stamps over lost connections and, with a spool, over restarts; no two rows have the same ones. A
/// stream of such rows needs the feature `spool`, also without a spool; a program without it does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// Who sent the row: a STRING.
    pub producer: &'static str,
    /// Which run of the producer sent it: a BIGINT, higher in every run.
    pub epoch: &'static str,
    /// Which row of the stream it is: a BIGINT, its offset.
    pub sequence: &'static str,
}
