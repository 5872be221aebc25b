//! Every refusal of the service: its gRPC status, its numeric code, its text and, for schemas, its detail.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::time::Duration;

use prost::Message;
use tonic::{Code, Status};
use zerobus_codegen::{Obstacle, Printable, TableName};

use crate::error_chain::ErrorChain;
use crate::sink::StorageError;

/// The most characters of a text that are sent: it travels in an HTTP/2 header, which clients limit to 16 KiB.
const LONGEST_TEXT: usize = 2_000;

/// The longest text of a refusal.
const TEXT_BYTES: usize = 2_000;

/// How a descriptor differs from a table's schema, as the service names it in the details of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    FieldCountMismatch,
    FieldNotInTable,
    FieldOutOfOrder,
    MissingRequiredColumn,
    TypeIncompatible,
}

/// A refused request: status, code, message and causes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    status: Code,
    code: u32,
    state: u32,
    text: String,
    causes: Vec<Cause>,
}

impl Refusal {
    pub(crate) fn new(status: Code, code: u32, text: impl Into<String>) -> Self {
        Self { status, code, state: 0, text: shortened(text.into()), causes: Vec::new() }
    }

    pub(crate) fn unauthenticated(why: &str) -> Self {
        Self::new(Code::Unauthenticated, 16, format!("the token is refused: {why}"))
    }

    /// The token is valid, but not for this table.
    pub(crate) fn not_granted(table: &str) -> Self {
        let text = format!(
            "the token does not carry SELECT and MODIFY on table {}; ask for one with its authorization_details",
            Printable(table)
        );
        Self::new(Code::PermissionDenied, 3, text)
    }

    pub(crate) fn missing_entitlement(principal: &str) -> Self {
        let text = format!(
            "principal {} does not have the entitlement Workspace access; an administrator of the workspace grants it",
            Printable(principal)
        );
        Self::new(Code::PermissionDenied, 3, text)
    }

    pub(crate) fn missing_privilege(table: &TableName, privilege: &str) -> Self {
        Self::new(Code::PermissionDenied, 3, format!("{privilege} on table {table} is not granted"))
    }

    /// The privilege comes from a schema, a catalog or ALL PRIVILEGES.
    pub(crate) fn missing_explicit_grant(table: &TableName, privilege: &str) -> Self {
        let text = format!(
            "{privilege} on table {table} is not granted explicitly; ALL PRIVILEGES and inherited grants are not enough: \
             GRANT SELECT, MODIFY ON TABLE {table} TO the principal"
        );
        Self::new(Code::PermissionDenied, 4024, text)
    }

    pub(crate) fn no_such_table(table: &str) -> Self {
        let text = format!("Table \"{}\" cannot be found", Printable(table));
        Self::new(Code::NotFound, 4024, text)
    }

    /// A path of the service that does not exist.
    pub(crate) fn no_such_path() -> Self {
        Self::new(Code::NotFound, 5, "no such path; rows go to /zerobus/v1/tables/<catalog.schema.table>/insert")
    }

    /// A request that the service does not support on this path.
    pub(crate) fn unimplemented(what: impl Display) -> Self {
        Self::new(Code::Unimplemented, 12, what.to_string())
    }

    /// A view, an external table, another format.
    pub(crate) fn unsupported_kind(table: &str, found: &str) -> Self {
        let text = format!(
            "unsupported table kind: table {} {found}; Zerobus writes to managed Delta tables",
            Printable(table)
        );
        Self::new(Code::InvalidArgument, 4024, text)
    }

    pub(crate) fn generated_columns(table: &TableName, columns: &[String]) -> Self {
        let columns = columns.join(", ");
        let text = format!("cannot open table {table}: it has generated or identity columns: {}", Printable(&columns));
        Self::new(Code::InvalidArgument, 1022, text)
    }

    /// The table has a property that the service does not write to.
    pub(crate) fn obstacle(table: &TableName, obstacle: &Obstacle) -> Self {
        let text = |what: &str| format!("{what}: table {table} has {obstacle}; {}", obstacle.help());
        match obstacle {
            Obstacle::GeneratedColumn { .. } | Obstacle::IdentityColumn { .. } | Obstacle::RowTracking => {
                Self::new(Code::InvalidArgument, 1022, text("cannot open table"))
            }
            _ => Self::new(Code::InvalidArgument, 4024, text("unsupported table kind")),
        }
    }

    /// Another program enabled a table feature that the emulator does not write to.
    pub(crate) fn unwritable(table: &TableName, why: impl Display) -> Self {
        Self::new(Code::InvalidArgument, 4024, format!("unsupported table kind: table {table}: {why}"))
    }

    /// The table cannot take rows: a column has a type that Zerobus does not support.
    pub(crate) fn unsupported_table(report: &str) -> Self {
        Self::new(Code::InvalidArgument, 8001, report)
    }

    pub(crate) fn schema(table: &TableName, causes: Vec<Cause>, why: &str) -> Self {
        let text = format!("schema validation failed for table {table}: {why}");
        Self { causes, ..Self::new(Code::InvalidArgument, 8001, text) }
    }

    pub(crate) fn bad_descriptor(why: &str) -> Self {
        let text = format!("the descriptor_proto cannot be read: {}", Printable(why));
        Self::new(Code::InvalidArgument, 8001, text)
    }

    /// A field whose type is not inside the descriptor, or has a relative name.
    pub(crate) fn not_self_contained(field: &str, type_name: &str) -> Self {
        let (field, type_name) = (Printable(field), Printable(type_name));
        let text = format!("Proto not self-contained for field '{field}' with type name '{type_name}'");
        Self { state: 4, ..Self::new(Code::InvalidArgument, 4033, text) }
    }

    /// A record does not decode; the text has its position in the stream.
    pub(crate) fn bad_record(offset: i64, index: usize, why: &str) -> Self {
        let text = format!("record {index} of the request at offset {offset} does not decode: {}", Printable(why));
        Self::new(Code::InvalidArgument, 4044, text)
    }

    /// A breach of the protocol.
    pub(crate) fn protocol(why: impl Display) -> Self {
        Self::new(Code::InvalidArgument, 4001, format!("protocol violation: {why}"))
    }

    pub(crate) fn offset(expected: i64, found: i64) -> Self {
        let text = format!("Non-sequential offset_id: expected {expected}, found {found}");
        Self::new(Code::InvalidArgument, 4002, text)
    }

    pub(crate) fn too_large(what: impl Display) -> Self {
        Self::new(Code::InvalidArgument, 4045, what.to_string())
    }

    /// The stream has sent more than its quota within a second.
    pub(crate) fn over_quota(what: impl Display) -> Self {
        Self::new(Code::ResourceExhausted, 4029, format!("the stream is over its quota: {what}; send more slowly"))
    }

    pub(crate) fn unsupported_record_type(found: &str) -> Self {
        Self::new(Code::Unimplemented, 4003, format!("record type {found} is not supported; use PROTO or JSON"))
    }

    /// The rows could not be made durable.
    pub(crate) fn storage(why: impl Display) -> Self {
        Self::new(Code::Internal, 5001, format!("the rows could not be stored: {why}"))
    }

    /// The table was altered so that the stream, or one of its rows, no longer fits.
    pub(crate) fn altered(table: &str, causes: Vec<Cause>, why: &str) -> Self {
        let table = Printable(table);
        let text =
            format!("schema validation failed for table {table}, which was altered while the stream was open: {why}");
        Self { causes, ..Self::new(Code::InvalidArgument, 8001, text) }
    }

    /// The table's folder is being removed.
    pub(crate) fn removed(why: impl Display) -> Self {
        Self::new(Code::Unavailable, 5001, why.to_string())
    }

    /// The stream's lifetime is over, and the client ignored CloseStreamSignal.
    pub(crate) fn stream_timeout() -> Self {
        Self::new(Code::Unavailable, 6002, "the stream has reached the end of its life; open a new one")
    }

    /// `create_stream` did not follow the start of the call in time.
    pub(crate) fn not_opened(grace: Duration) -> Self {
        Self::new(Code::DeadlineExceeded, 4001, format!("create_stream did not come within {grace:?}"))
    }

    pub(crate) fn no_such_stream(table: &str, id: &str) -> Self {
        let text = format!("table {} has no persistent stream {}; create one", Printable(table), Printable(id));
        Self::new(Code::NotFound, 4004, text)
    }

    pub(crate) fn retired_stream(id: &str) -> Self {
        let text = format!("the persistent stream {} was retired; create another one", Printable(id));
        Self::new(Code::NotFound, 4004, text)
    }

    /// Another connection has taken the stream over.
    pub(crate) fn superseded() -> Self {
        Self::new(Code::Aborted, 4005, "another connection has resumed or retired the persistent stream")
    }

    /// An injected fault.
    pub(crate) fn injected(status: Code, code: u32) -> Self {
        Self::new(status, code, "injected fault")
    }

    pub(crate) fn shutting_down() -> Self {
        Self::new(Code::Unavailable, 6002, "the server is shutting down; open a new stream")
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Error Code: {}, Error State: {}.", Sentence(&self.text), self.code, self.state)
    }
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        match &error {
            StorageError::Obstacle { table, obstacle, .. } => Self::obstacle(table, obstacle),
            StorageError::Removed { .. } => Self::removed(ErrorChain(&error)),
            StorageError::Stopping => Self::shutting_down(),
            StorageError::Unwritable { table, .. } => Self::unwritable(table, ErrorChain(&error)),
            StorageError::Unfit { table, why } => Self::altered(table, vec![Cause::TypeIncompatible], why),
            _ => Self::storage(ErrorChain(&error)),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        if refusal.causes.is_empty() {
            return Self::new(refusal.status, message);
        }
        let details = RpcStatus {
            code: refusal.status.into(),
            message: message.clone(),
            details: vec![prost_types::Any {
                type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(),
                value: ErrorInfo::schema(refusal.code, &refusal.causes).encode_to_vec(),
            }],
        };
        Self::with_details(refusal.status, message, details.encode_to_vec().into())
    }
}

/// The text travels in a header, and may contain a client's value of megabytes.
fn shortened(mut text: String) -> String {
    if text.len() > TEXT_BYTES {
        let end = (0..=TEXT_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The text with a full stop at its end: the code follows in a sentence of its own.
struct Sentence<'a>(&'a str);

impl Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((longest, _)) = self.0.char_indices().nth(LONGEST_TEXT) {
            return write!(f, "{}….", &self.0[..longest]);
        }
        f.write_str(self.0)?;
        if self.0.ends_with(['.', '!', '?']) { Ok(()) } else { f.write_str(".") }
    }
}

impl Cause {
    const fn name(self) -> &'static str {
        match self {
            Self::FieldCountMismatch => "FIELD_COUNT_MISMATCH",
            Self::FieldNotInTable => "FIELD_NOT_IN_TABLE",
            Self::FieldOutOfOrder => "FIELD_OUT_OF_ORDER",
            Self::MissingRequiredColumn => "MISSING_REQUIRED_COLUMN",
            Self::TypeIncompatible => "TYPE_INCOMPATIBLE",
        }
    }
}

/// `google.rpc.Status`, which gRPC carries in `grpc-status-details-bin`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// `google.rpc.ErrorInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(map = "string, string", tag = "3")]
    metadata: HashMap<String, String>,
}

impl ErrorInfo {
    fn schema(code: u32, causes: &[Cause]) -> Self {
        let mut names: Vec<&str> = causes.iter().map(|cause| cause.name()).collect();
        names.sort_unstable();
        names.dedup();
        Self {
            reason: "SCHEMA_VALIDATION_FAILED".to_owned(),
            domain: "zerobus.databricks.com".to_owned(),
            metadata: HashMap::from([
                ("causes".to_owned(), names.join(",")),
                ("error_code".to_owned(), code.to_string()),
            ]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_in_its_code_and_a_schema_refusal_carries_its_causes() {
        let name: TableName = "main.geo.quakes".parse().unwrap();
        let causes = vec![Cause::TypeIncompatible, Cause::FieldNotInTable, Cause::TypeIncompatible];
        let status = Status::from(Refusal::schema(&name, causes, "field x is not a column"));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(
            status.message(),
            "schema validation failed for table main.geo.quakes: field x is not a column. Error Code: 8001, Error State: 0."
        );
        let details = RpcStatus::decode(status.details()).unwrap();
        let info = ErrorInfo::decode(details.details[0].value.as_slice()).unwrap();
        assert_eq!(info.reason, "SCHEMA_VALIDATION_FAILED");
        assert_eq!(info.metadata["causes"], "FIELD_NOT_IN_TABLE,TYPE_INCOMPATIBLE");
        assert_eq!(info.metadata["error_code"], "8001");
    }
}
