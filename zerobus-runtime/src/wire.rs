//! The service's wire protocol: the messages and, behind the feature `server`, the service's side of the call.
//!
//! `generated.rs` comes from `proto/zerobus.proto`; the test `wire_is_generated` regenerates and compares it. Hidden
//! from the docs: this is for the emulator and for tests, and follows the service without notice.

#[allow(missing_docs, clippy::pedantic, clippy::allow_attributes_without_reason, reason = "generated code")]
#[rustfmt::skip]
mod generated;
mod times;

pub use generated::*;
pub(crate) use times::time_of;

/// The path of the call that carries a stream.
pub const EPHEMERAL_STREAM: &str = "/databricks.zerobus.Zerobus/EphemeralStream";
/// The path of the call that carries part of a persistent stream.
pub const PERSISTENT_STREAM: &str = "/databricks.zerobus.Zerobus/PersistentStream";
/// The path of the call that ends a persistent stream permanently.
pub const RETIRE_STREAM: &str = "/databricks.zerobus.Zerobus/RetireStream";
/// The metadata key that names the table of a call.
pub const TABLE_NAME_HEADER: &str = "x-databricks-zerobus-table-name";
