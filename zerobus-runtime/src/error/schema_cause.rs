//! What the service says of a schema that does not fit, in the details of a status.
//!
//! The details are a `google.rpc.Status` whose `google.rpc.ErrorInfo` has the reason `SCHEMA_VALIDATION_FAILED` and, in
//! its metadata, `causes`.

use std::collections::HashMap;

use prost::Message;

const SCHEMA_VALIDATION_FAILED: &str = "SCHEMA_VALIDATION_FAILED";

/// Why a schema does not fit its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaCause {
    FieldCountMismatch,
    FieldNotInTable,
    FieldOutOfOrder,
    MissingRequiredColumn,
    TypeIncompatible,
}

/// `google.rpc.Status`, as far as it matters.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// `google.rpc.ErrorInfo`, as far as it matters.
#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(map = "string, string", tag = "3")]
    metadata: HashMap<String, String>,
}

impl SchemaCause {
    /// The first cause in a status's details that is known, if they are about a schema.
    pub(crate) fn find(details: &[u8]) -> Option<Self> {
        let status = RpcStatus::decode(details).ok()?;
        let infos = status.details.iter().filter(|any| any.type_url.ends_with("google.rpc.ErrorInfo"));
        let mut infos = infos.filter_map(|any| ErrorInfo::decode(any.value.as_slice()).ok());
        let info = infos.find(|info| info.reason == SCHEMA_VALIDATION_FAILED)?;
        info.metadata.get("causes")?.split(',').find_map(|name| Self::by_name(name.trim()))
    }

    fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "FIELD_COUNT_MISMATCH" => Self::FieldCountMismatch,
            "FIELD_NOT_IN_TABLE" => Self::FieldNotInTable,
            "FIELD_OUT_OF_ORDER" => Self::FieldOutOfOrder,
            "MISSING_REQUIRED_COLUMN" => Self::MissingRequiredColumn,
            "TYPE_INCOMPATIBLE" => Self::TypeIncompatible,
            _ => return None,
        })
    }

    pub(crate) const fn remedy(self) -> &'static str {
        match self {
            Self::FieldCountMismatch => {
                "the rows and the table have different numbers of columns: fetch the table's schema and generate the types again"
            }
            Self::FieldNotInTable => {
                "the rows have a field that the table does not have: it was dropped or renamed, or the name is misspelled"
            }
            Self::FieldOutOfOrder => "the rows' fields must stand in the order of the table's columns",
            Self::MissingRequiredColumn => "the table has a NOT NULL column that the rows do not fill: add it",
            Self::TypeIncompatible => {
                "a column has another type than the rows' field: fetch the table's schema and generate the types again"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(reason: &str, causes: &str) -> Vec<u8> {
        let metadata = HashMap::from([("causes".to_owned(), causes.to_owned())]);
        let info = ErrorInfo { reason: reason.to_owned(), metadata };
        let type_url = "type.googleapis.com/google.rpc.ErrorInfo".to_owned();
        let any = prost_types::Any { type_url, value: info.encode_to_vec() };
        RpcStatus { details: vec![any] }.encode_to_vec()
    }

    #[test]
    fn the_cause_is_found_among_what_is_unknown() {
        let found = SchemaCause::find(&details(SCHEMA_VALIDATION_FAILED, "NEW_ONE, TYPE_INCOMPATIBLE"));
        assert_eq!(found, Some(SchemaCause::TypeIncompatible));
        assert_eq!(SchemaCause::find(&details("QUOTA", "TYPE_INCOMPATIBLE")), None);
        assert_eq!(SchemaCause::find(b"\xff\xff"), None);
        assert_eq!(SchemaCause::find(b""), None);
    }
}
