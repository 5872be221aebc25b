//! Every failure, with its context.

use std::fmt::{self, Display};
use std::time::Duration;

use http::{HeaderMap, header};
use zerobus_codegen::{DescriptorError, Printable, TableNameError};

use super::{ConnectProblem, Details, Error, ErrorKind, ServerCode};
use crate::insert::Inserted;
use crate::offset::Offset;
use crate::values::ValueError;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The content of an [`Error`].
///
/// A `cause` is part of the error's text, so that one line is complete. A `source` is not; `source()` returns it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the server made nothing durable for {}, from {oldest} on", Seconds(*.after))]
    AckTimeout { after: Duration, oldest: Offset },
    #[error("the stream to {} is closed", Printable(.table))]
    Closed { table: String },
    #[error("rows were not durable {} after `close_within`", Seconds(*.after))]
    CloseTimeout { after: Duration },
    #[error("cannot connect to {}: {problem}", Printable(.endpoint))]
    Connect { endpoint: String, problem: ConnectProblem, source: BoxError },
    #[error("the sink for dead letters did not take a refused row of {}", Printable(.table))]
    DeadLetter { table: String, source: BoxError },
    #[error("the dead letters cannot be written to {}", Printable(.path))]
    DeadLetterFile { path: String, source: std::io::Error },
    #[error("{offset} was not durable within {}{}", Seconds(*.after), Because(.cause.as_ref()))]
    DeliveryTimeout { after: Duration, offset: Offset, cause: Option<Error> },
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    #[error("the bytes are not a FileDescriptorSet")]
    DescriptorFiles { source: prost::DecodeError },
    #[error("the server ended the stream")]
    Ended,
    #[error("the endpoint `{}` {problem}", Printable(.endpoint))]
    Endpoint { endpoint: String, problem: &'static str },
    #[error("{unacked} bytes wait for an acknowledgement, and the row does not fit into the budget of {budget} bytes")]
    Full { unacked: usize, budget: usize },
    #[error("no acknowledgement came in {attempts} attempts{}", Because(Some(.cause)))]
    GaveUp { attempts: u32, cause: Error },
    #[error("rows for {} could not be inserted at {}", Printable(.table), Printable(.url))]
    InsertFailed { table: String, url: String, source: BoxError },
    #[error("the service refused rows for {}: {refusal}", Printable(.table))]
    InsertRefused { table: String, refusal: Refusal },
    #[error("the first {}, and those behind them are not{}", Durable(.table, *.inserted), Because(Some(.cause)))]
    InsertStopped { table: String, inserted: Inserted, cause: Error },
    #[error("{what} is not set")]
    Missing { what: &'static str },
    #[error(
        "rows cannot be delivered to {} exactly once: the service has no persistent streams here{}", Printable(.table),
        Because(Some(.cause))
    )]
    NoExactlyOnce { table: String, cause: Error },
    #[error("a JSON row is an object of the table's columns, and this one is {found}")]
    NoObject { found: &'static str },
    #[error(
        "no stream to {} could be opened at {} ({attempts} {}){}", Printable(.table), Printable(.endpoint),
        if *.attempts == 1 { "attempt" } else { "attempts" }, Because(Some(.cause))
    )]
    OpenFailed { table: String, endpoint: String, attempts: u32, cause: Error },
    #[error("the stream to {} was not opened within {}", Printable(.table), Seconds(*.after))]
    OpenTimeout { table: String, after: Duration },
    #[error("`{}` is not a value that {option} can have: {expected}", Printable(.found))]
    Option { option: &'static str, found: String, expected: &'static str },
    #[error("these are {}, and the stream takes {}", Printable(.found), Printable(.expected))]
    OtherRows { found: String, expected: String },
    #[error(
        "these rows of {} were encoded with another descriptor than the stream has, or do not say with which; write them \
         to a file for `zerobus replay`, which sends rows by the names of their columns", Printable(.table)
    )]
    OtherSchema { table: String },
    #[error("the task of the stream panicked, in code of this crate or of a hook")]
    Panicked,
    #[error("Zerobus takes no personal access token, and no other credentials are set")]
    PersonalToken,
    #[error("{}", Printable(.text))]
    Recorded { kind: ErrorKind, text: String, code: Option<ServerCode> },
    #[cfg(feature = "spool")]
    #[error("the persistent stream of {} was not ended within {}", Printable(.table), Seconds(*.after))]
    RetireTimeout { table: String, after: Duration },
    #[cfg(feature = "dynamic")]
    #[error("{0}")]
    Row(crate::dynamic::RowProblem),
    #[error("a row of {bytes} bytes is above the limit of {limit} bytes")]
    RowTooLarge { bytes: usize, limit: usize },
    #[error("there was no room for the row within {}", Seconds(*.after))]
    SendTimeout { after: Duration },
    #[error("a row does not serialize as JSON{}: {}", At(.path), Printable(&.reason.to_string()))]
    Serialize { path: String, reason: serde_json::Error },
    #[error("the runtime shut down while rows were in flight")]
    ShutDown,
    #[error("the spool `{}` {refusal}", Printable(.folder))]
    #[cfg(feature = "spool")]
    Spool { folder: String, refusal: crate::spool::Refusal },
    #[error("the disk of the spool `{}` takes no rows: {source}", Printable(.folder))]
    #[cfg(feature = "spool")]
    SpoolFails { folder: String, source: std::io::Error },
    #[error("the spool `{}` is full: it has {bytes} bytes", Printable(.folder))]
    #[cfg(feature = "spool")]
    SpoolFull { folder: String, bytes: u64 },
    #[error(
        "{rows} {} in the spool, which sends them when it is opened again{}",
        if *.rows == 1 { "row stays" } else { "rows stay" }, Because(Some(.cause))
    )]
    SpoolKeeps { rows: u64, cause: Error },
    #[error("{offset} cannot be read back from the spool")]
    SpooledRowLost { offset: Offset },
    #[error("{offset} was dropped, since the spool was full")]
    SpooledRowDropped { offset: Offset },
    #[error("the row was dropped{}", Because(Some(.cause)))]
    RowDropped { cause: Error },
    #[error(transparent)]
    Status(Status),
    #[error("the stream to {} gave up and takes no more rows{}", Printable(.table), Because(Some(.cause)))]
    StreamFailed { table: String, cause: Error },
    #[error("{0}")]
    Table(#[from] TableNameError),
    #[error("no thread can be started for the stream")]
    Thread { source: std::io::Error },
    #[error("TLS cannot be set up")]
    Tls { source: BoxError },
    #[error("no token for {} from {}", Printable(.table), Printable(.url))]
    Token { table: String, url: String, source: BoxError },
    #[error("the token provider has no token for {}", Printable(.table))]
    TokenProvider { table: String, source: BoxError },
    #[error("{} refused the token for {}: {}", Printable(.url), Printable(.table), .refusal)]
    TokenRefused { table: String, url: String, refusal: Refusal },
    #[error(
        "the server refused more than {rows} {}{}{}", if *.rows == 1 { "row" } else { "rows" }, Within(*.within),
        Because(Some(.cause))
    )]
    TooManyRejected { rows: usize, within: Duration, cause: Error },
    #[error("line {line} of the undelivered rows: {}", Printable(.problem))]
    Undelivered { line: u64, problem: String },
    #[error("{offset} was not accepted by this stream")]
    UnknownOffset { offset: Offset },
    #[error("a value of the row does not fit its column{}: {reason}", At(.path))]
    Value { path: String, reason: Box<ValueError> },
    #[error("the server broke the protocol: {0}")]
    Violation(Violation),
    #[error("{offset} was not durable after {}, and is still on its way", Seconds(*.after))]
    WaitTimeout { after: Duration, offset: Offset },
}

/// A duration in seconds, with a fraction if it has one.
struct Seconds(Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seconds", self.0.as_secs_f64())
    }
}

/// A time window, unless it has no limit.
struct Within(Duration);

impl Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Duration::MAX { Ok(()) } else { write!(f, " within {}", Seconds(self.0)) }
    }
}

/// A cause as part of another error's text, without its remedy.
struct Because<'a>(Option<&'a Error>);

impl Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |error| write!(f, ": {}", error.fault()))
    }
}

/// How many rows of a table are durable, or may be.
struct Durable<'a>(&'a str, Inserted);

impl Display for Durable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (table, Inserted { durable, possibly }) = (Printable(self.0), self.1);
        match (durable, possibly) {
            (0, _) => write!(f, "{possibly} rows for {table} may be durable"),
            (_, 0) => write!(f, "{durable} rows for {table} are durable"),
            _ => write!(f, "{durable} rows for {table} are durable, the next {possibly} may be"),
        }
    }
}

/// The path of a column, if known.
struct At<'a>(&'a str);

impl Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", at {}", Printable(self.0)) }
    }
}

/// A gRPC status with which the server ended a call.
#[derive(Debug, thiserror::Error)]
#[error("the server ended the stream to {}: {name}: {}", Printable(.table), Printable(.message))]
pub(crate) struct Status {
    pub(crate) code: i32,
    pub(crate) name: &'static str,
    pub(crate) message: String,
    pub(crate) table: String,
    pub(crate) details: Details,
    pub(crate) source: Option<BoxError>,
}

/// A refusal by HTTP, from the token endpoint or of an insert.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) http_status: u16,
    pub(crate) error: String,
    pub(crate) description: String,
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// The seconds of `Retry-After`; a date is ignored.
    pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
        headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.http_status)?;
        for text in [&self.error, &self.description].into_iter().filter(|text| !text.is_empty()) {
            write!(f, ", {}", Printable(text))?;
        }
        Ok(())
    }
}

/// A protocol violation by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("it acknowledged offset {found}, but only the offsets below {sent} were sent")]
    AckAboveSent { found: i64, sent: i64 },
    #[error("it acknowledged offset {found} after offset {last}")]
    AckBelowLast { found: i64, last: i64 },
    #[error("an acknowledgement has no offset")]
    AckWithoutOffset,
    #[error("a response has no payload known to this client")]
    EmptyResponse,
    #[error("it answered before it created the stream")]
    NotCreated,
    #[error("it created the stream twice")]
    CreatedTwice,
    #[error("it answered the opening of a stream as if another had been asked for")]
    OtherOpening,
}

const INVALID_ARGUMENT: i32 = 3;
const NOT_FOUND: i32 = 5;
const PERMISSION_DENIED: i32 = 7;
const FAILED_PRECONDITION: i32 = 9;
const OUT_OF_RANGE: i32 = 11;
const UNIMPLEMENTED: i32 = 12;
const UNAUTHENTICATED: i32 = 16;

impl Fault {
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::AckTimeout { .. }
            | Self::CloseTimeout { .. }
            | Self::DeliveryTimeout { .. }
            | Self::OpenTimeout { .. }
            | Self::SendTimeout { .. }
            | Self::WaitTimeout { .. } => ErrorKind::Timeout,
            #[cfg(feature = "spool")]
            Self::RetireTimeout { .. } => ErrorKind::Timeout,
            Self::Closed { .. } => ErrorKind::Closed,
            Self::Connect { .. }
            | Self::Ended
            | Self::InsertFailed { .. }
            | Self::Panicked
            | Self::ShutDown
            | Self::Token { .. }
            | Self::TokenProvider { .. } => ErrorKind::Transport,
            Self::Descriptor(_)
            | Self::DescriptorFiles { .. }
            | Self::Endpoint { .. }
            | Self::Missing { .. }
            | Self::NoExactlyOnce { .. }
            | Self::Option { .. }
            | Self::OtherRows { .. }
            | Self::OtherSchema { .. }
            | Self::PersonalToken
            | Self::Table(_)
            | Self::Thread { .. }
            | Self::Tls { .. }
            | Self::Undelivered { .. }
            | Self::UnknownOffset { .. } => ErrorKind::Configuration,
            Self::Full { .. } => ErrorKind::Full,
            #[cfg(feature = "spool")]
            Self::Spool { .. } => ErrorKind::Configuration,
            #[cfg(feature = "spool")]
            Self::SpoolFails { .. } | Self::SpoolFull { .. } => ErrorKind::Storage,
            Self::DeadLetter { .. }
            | Self::DeadLetterFile { .. }
            | Self::SpooledRowDropped { .. }
            | Self::SpooledRowLost { .. } => ErrorKind::Storage,
            Self::GaveUp { cause, .. }
            | Self::InsertStopped { cause, .. }
            | Self::OpenFailed { cause, .. }
            | Self::RowDropped { cause }
            | Self::SpoolKeeps { cause, .. } => cause.kind(),
            Self::InsertRefused { refusal, .. } => refusal.insert_kind(),
            Self::NoObject { .. }
            | Self::RowTooLarge { .. }
            | Self::Serialize { .. }
            | Self::TooManyRejected { .. }
            | Self::Value { .. } => ErrorKind::Rejected,
            #[cfg(feature = "dynamic")]
            Self::Row(_) => ErrorKind::Rejected,
            Self::Recorded { kind, .. } => *kind,
            Self::Status(status) => status.kind(),
            Self::StreamFailed { .. } => ErrorKind::GaveUp,
            Self::TokenRefused { .. } => ErrorKind::Credentials,
            Self::Violation(_) => ErrorKind::Protocol,
        }
    }

    /// The path of the column whose value was refused.
    pub(crate) fn column(&self) -> Option<String> {
        let path = match self {
            #[cfg(feature = "dynamic")]
            Self::Row(problem) => problem.path(),
            Self::Serialize { path, .. } | Self::Value { path, .. } => path.clone(),
            _ => return None,
        };
        (!path.is_empty()).then_some(path)
    }

    /// The error that caused this one and is printed with it.
    pub(crate) fn cause(&self) -> Option<&Error> {
        match self {
            Self::GaveUp { cause, .. }
            | Self::InsertStopped { cause, .. }
            | Self::OpenFailed { cause, .. }
            | Self::RowDropped { cause }
            | Self::SpoolKeeps { cause, .. }
            | Self::StreamFailed { cause, .. }
            | Self::TooManyRejected { cause, .. } => Some(cause),
            Self::DeliveryTimeout { cause, .. } => cause.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn code(&self) -> Option<ServerCode> {
        match self {
            Self::Recorded { code, .. } => *code,
            Self::Status(status) => ServerCode::parse(&status.message),
            other => other.cause().and_then(Error::code),
        }
    }

    /// How long the server asks to wait before the next attempt.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status(status) => status.details.retry_after,
            Self::InsertRefused { refusal, .. } | Self::TokenRefused { refusal, .. } => refusal.retry_after,
            other => other.cause().and_then(Error::retry_after),
        }
    }

    /// Whether the service does not implement the call.
    pub(crate) fn is_unimplemented(&self) -> bool {
        matches!(self, Self::Status(Status { code: UNIMPLEMENTED, .. }))
    }

    /// Whether a spool has no room for another row.
    #[cfg_attr(not(feature = "spool"), expect(clippy::unused_self, reason = "the spool is a feature"))]
    pub(crate) const fn is_full_spool(&self) -> bool {
        #[cfg(feature = "spool")]
        if let Self::SpoolFull { .. } = self {
            return true;
        }
        false
    }

    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::AckTimeout { .. }
            | Self::CloseTimeout { .. }
            | Self::Connect { .. }
            | Self::DeliveryTimeout { .. }
            | Self::Ended
            | Self::Full { .. }
            | Self::InsertFailed { .. }
            | Self::OpenTimeout { .. }
            | Self::SendTimeout { .. }
            | Self::ShutDown
            | Self::Token { .. }
            | Self::TokenProvider { .. }
            | Self::Violation(_) => true,
            Self::GaveUp { cause, .. }
            | Self::InsertStopped { cause, .. }
            | Self::OpenFailed { cause, .. }
            | Self::RowDropped { cause }
            | Self::SpoolKeeps { cause, .. }
            | Self::StreamFailed { cause, .. } => cause.is_retryable(),
            #[cfg(feature = "spool")]
            Self::RetireTimeout { .. } | Self::SpoolFails { .. } | Self::SpoolFull { .. } => true,
            Self::InsertRefused { refusal, .. } => refusal.insert_may_pass(),
            Self::Status(status) => status.is_retryable(),
            Self::TokenRefused { refusal, .. } => refusal.may_pass(),
            _ => false,
        }
    }

    pub(crate) fn remedy(&self) -> Option<&'static str> {
        if let Some(remedy) = self.cause().and_then(Error::remedy) {
            return Some(remedy);
        }
        match self {
            Self::Closed { .. } => Some("open a new stream"),
            Self::CloseTimeout { .. } => Some("send the returned rows on another stream, or keep them"),
            Self::Connect { problem, .. } => Some(problem.remedy()),
            Self::Descriptor(error) => error.remedy(),
            Self::DescriptorFiles { .. } => Some("pass the output of `protoc --include_imports --descriptor_set_out`"),
            Self::Endpoint { .. } => Some(
                "write <workspace-id>.zerobus.<region>.cloud.databricks.com (AWS), .azuredatabricks.net (Azure) or .gcp.databricks.com (GCP)",
            ),
            Self::Full { .. } | Self::SendTimeout { .. } => {
                Some("wait for acknowledgements, use `send`, or raise `max_unacked_bytes`")
            }
            Self::InsertFailed { .. } => Some("check ZEROBUS_SERVER_ENDPOINT, and that this machine may reach it"),
            Self::InsertRefused { refusal, .. } => refusal.insert_remedy(),
            Self::Missing { .. } => Some("set it in the environment or in the builder"),
            Self::NoExactlyOnce { .. } => {
                Some("use `exactly_once_if_available`, or leave `exactly_once` out and stamp the rows")
            }
            Self::NoObject { .. } => Some("send an object, or JSON that is text already as `RawJson`"),
            Self::OpenTimeout { .. } => Some(
                "check ZEROBUS_SERVER_ENDPOINT (<workspace-id>.zerobus.<region>.…), and that this machine may reach it",
            ),
            Self::Option { .. } => Some("choose a value in this range"),
            Self::PersonalToken => Some(
                "create a service principal with an OAuth secret, and set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET",
            ),
            #[cfg(feature = "spool")]
            Self::RetireTimeout { .. } => Some("call `retire` again"),
            Self::ShutDown => Some("await `close` before the runtime ends"),
            #[cfg(feature = "spool")]
            Self::Spool { refusal, .. } => Some(refusal.remedy()),
            #[cfg(feature = "spool")]
            Self::SpoolFails { .. } => Some("check the disk"),
            #[cfg(feature = "spool")]
            Self::SpoolFull { .. } => Some("raise `max_spool_bytes`"),
            Self::Status(status) => status.remedy(),
            Self::StreamFailed { .. } => Some("`reopen` it: that opens a new stream and sends the returned rows on it"),
            Self::Tls { .. } => Some("check the system's certificate store and the given certificates"),
            Self::Token { .. } => Some("check DATABRICKS_WORKSPACE_URL, and that this machine may reach it"),
            Self::TokenRefused { refusal, .. } => Some(refusal.remedy()),
            Self::TooManyRejected { .. } => {
                Some("compare the rows with the table's schema, or raise `max_rejected_rows`")
            }
            _ => None,
        }
    }

    /// Whether the server refused the content of a request, rather than the caller or the table.
    pub(crate) fn refuses_rows(&self) -> bool {
        matches!(self, Self::Status(status) if matches!(status.code, INVALID_ARGUMENT | OUT_OF_RANGE) && status.kind() == ErrorKind::Rejected)
    }

    /// Whether a new token may help: the server does not know this one, or it lacks a grant that was added later.
    pub(crate) fn rejects_the_token(&self) -> bool {
        matches!(self, Self::Status(status) if matches!(status.code, PERMISSION_DENIED | UNAUTHENTICATED))
    }
}

impl Status {
    fn kind(&self) -> ErrorKind {
        if self.details.schema_cause.is_some() {
            return ErrorKind::Schema;
        }
        let code = ServerCode::parse(&self.message).map(ServerCode::code);
        match (self.code, code) {
            (
                _,
                Some(
                    ServerCode::CANNOT_OPEN_TABLE
                    | ServerCode::NOT_SELF_CONTAINED
                    | ServerCode::SCHEMA_VALIDATION
                    | ServerCode::UNSUPPORTED_TABLE,
                ),
            ) => ErrorKind::Schema,
            (_, Some(ServerCode::NON_SEQUENTIAL_OFFSET)) => ErrorKind::Protocol,
            (_, Some(ServerCode::MISSING_MODIFY)) | (PERMISSION_DENIED | UNAUTHENTICATED, _) => ErrorKind::Credentials,
            (INVALID_ARGUMENT | OUT_OF_RANGE, _) => ErrorKind::Rejected,
            (NOT_FOUND | FAILED_PRECONDITION, _) => ErrorKind::Schema,
            (UNIMPLEMENTED, _) => ErrorKind::Configuration,
            _ => ErrorKind::Transport,
        }
    }

    fn is_retryable(&self) -> bool {
        let code = ServerCode::parse(&self.message).map(ServerCode::code);
        let may_pass = [ServerCode::NON_SEQUENTIAL_OFFSET, ServerCode::STREAM_TIMEOUT, ServerCode::TEMPORARILY_BLOCKED];
        if code.is_some_and(|code| may_pass.contains(&code)) {
            return true;
        }
        // For any status: another attempt changes neither the table nor the rows.
        if self.kind() == ErrorKind::Schema {
            return false;
        }
        !matches!(
            self.code,
            INVALID_ARGUMENT
                | NOT_FOUND
                | PERMISSION_DENIED
                | FAILED_PRECONDITION
                | OUT_OF_RANGE
                | UNIMPLEMENTED
                | UNAUTHENTICATED
        )
    }

    fn remedy(&self) -> Option<&'static str> {
        if let Some(cause) = self.details.schema_cause {
            return Some(cause.remedy());
        }
        if let Some(code) = ServerCode::parse(&self.message) {
            if code.is_explained_by(&self.message) {
                return None;
            }
            if let Some(remedy) = code.remedy() {
                return Some(remedy);
            }
        }
        match self.code {
            INVALID_ARGUMENT | OUT_OF_RANGE => Some("compare the rows with the table's schema"),
            NOT_FOUND => Some("check the table's name: Zerobus never creates a table"),
            PERMISSION_DENIED => Some("grant USE CATALOG, USE SCHEMA, and SELECT and MODIFY explicitly on the table"),
            UNAUTHENTICATED => Some("check the client's id and secret, and that the workspace is the endpoint's own"),
            UNIMPLEMENTED => Some("the endpoint does not speak Zerobus: check ZEROBUS_SERVER_ENDPOINT"),
            _ => None,
        }
    }
}

/// A refused insert; its responses are the service's own.
impl Refusal {
    const fn insert_kind(&self) -> ErrorKind {
        match self.http_status {
            400 | 413 => ErrorKind::Rejected,
            401 | 403 => ErrorKind::Credentials,
            404 => ErrorKind::Schema,
            501 => ErrorKind::Configuration,
            _ => ErrorKind::Transport,
        }
    }

    const fn insert_may_pass(&self) -> bool {
        matches!(self.http_status, 408 | 425 | 429 | 500 | 502..=504)
    }

    const fn insert_remedy(&self) -> Option<&'static str> {
        match self.http_status {
            400 | 413 => Some("compare the rows with the table's schema"),
            401 => Some("check the client's id and secret, and that the workspace is the endpoint's own"),
            403 => Some("grant USE CATALOG, USE SCHEMA, and SELECT and MODIFY explicitly on the table"),
            404 => Some("check the table's name: Zerobus never creates a table"),
            429 => Some("insert fewer requests a second, or open a stream"),
            501 => Some("the endpoint does not take rows by REST: open a stream"),
            _ => None,
        }
    }
}

impl Refusal {
    /// Whether another attempt may succeed: the endpoint is busy, or a proxy in between answered.
    fn may_pass(&self) -> bool {
        let is_of_the_endpoint = !self.error.is_empty();
        matches!(self.http_status, 408 | 425 | 429 | 500..) || (self.http_status == 403 && !is_of_the_endpoint)
    }

    fn remedy(&self) -> &'static str {
        match self.error.as_str() {
            "invalid_authorization_details" => {
                "the table is missing, or the service principal lacks USE CATALOG, USE SCHEMA, or SELECT and MODIFY on the table itself"
            }
            "invalid_client" => "check DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET",
            _ if self.http_status == 404 => "check DATABRICKS_WORKSPACE_URL",
            _ => "check the client's id and secret, and the grants on the table",
        }
    }
}
