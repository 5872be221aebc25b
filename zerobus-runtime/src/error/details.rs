//! The details of a gRPC status: why a schema does not match, and when to retry.
//!
//! The details are a `google.rpc.Status`. Its `google.rpc.ErrorInfo` has, for a schema, the reason
//! `SCHEMA_VALIDATION_FAILED` and `causes` in its metadata; its `google.rpc.RetryInfo` has the pause that the server
//! asks for.

use std::collections::HashMap;
use std::time::Duration;

use prost::Message;

use super::SchemaCause;
use crate::wire::time_of;

const SCHEMA_VALIDATION_FAILED: &str = "SCHEMA_VALIDATION_FAILED";

/// `google.rpc.Status`, only the fields used here.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// `google.rpc.ErrorInfo`, only the fields used here.
#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(map = "string, string", tag = "3")]
    metadata: HashMap<String, String>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

/// The information in the details of a status.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Details {
    pub(crate) schema_cause: Option<SchemaCause>,
    pub(crate) retry_after: Option<Duration>,
}

impl Details {
    /// Reads the details; unknown or malformed messages are ignored.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let details = RpcStatus::decode(bytes).unwrap_or_default().details;
        let schema_cause = of_type::<ErrorInfo>(&details, "google.rpc.ErrorInfo").find_map(|info| info.schema_cause());
        let mut pauses = of_type::<RetryInfo>(&details, "google.rpc.RetryInfo");
        let retry_after = pauses.find_map(|info| info.retry_delay.and_then(time_of));
        Self { schema_cause, retry_after }
    }
}

impl ErrorInfo {
    /// The first known cause, if the details are about a schema.
    fn schema_cause(&self) -> Option<SchemaCause> {
        let causes = self.metadata.get("causes").filter(|_| self.reason == SCHEMA_VALIDATION_FAILED)?;
        causes.split(',').find_map(|name| SchemaCause::by_name(name.trim()))
    }
}

fn of_type<'a, M: Message + Default>(details: &'a [prost_types::Any], name: &'a str) -> impl Iterator<Item = M> + 'a {
    let of_name = details.iter().filter(move |any| any.type_url.ends_with(name));
    of_name.filter_map(|any| M::decode(any.value.as_slice()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(name: &str, message: &impl Message) -> prost_types::Any {
        prost_types::Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
    }

    fn schema(reason: &str, causes: &str) -> Vec<u8> {
        let metadata = HashMap::from([("causes".to_owned(), causes.to_owned())]);
        let info = ErrorInfo { reason: reason.to_owned(), metadata };
        RpcStatus { details: vec![any("google.rpc.ErrorInfo", &info)] }.encode_to_vec()
    }

    #[test]
    fn the_cause_is_found_among_what_is_unknown() {
        let found = Details::read(&schema(SCHEMA_VALIDATION_FAILED, "NEW_ONE, TYPE_INCOMPATIBLE"));
        assert_eq!(found.schema_cause, Some(SchemaCause::TypeIncompatible));
        assert_eq!(Details::read(&schema("QUOTA", "TYPE_INCOMPATIBLE")), Details::default());
        assert_eq!(Details::read(b"\xff\xff"), Details::default());
        assert_eq!(Details::read(b""), Details::default());
    }

    #[test]
    fn the_pause_that_a_server_asks_for_is_read_unless_it_is_none() {
        let pause = |seconds| {
            let info = RetryInfo { retry_delay: Some(prost_types::Duration { seconds, nanos: 0 }) };
            Details::read(&RpcStatus { details: vec![any("google.rpc.RetryInfo", &info)] }.encode_to_vec()).retry_after
        };
        assert_eq!(pause(7), Some(Duration::from_secs(7)));
        assert_eq!(pause(-7), None);
        assert!(pause(i64::MAX).is_some());
    }
}
