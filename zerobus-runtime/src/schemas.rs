//! The schemas of a stream's rows: the program's own, and those of rows in its spool.
//!
//! | file | what it owns |
//! |---|---|
//! | `message_schema` | the schema of rows that are protobuf messages |
//! | `fingerprint` | the fingerprint of a descriptor |
//! | `columns` | the kinds of a message's columns |

mod columns;
mod fingerprint;
mod message_schema;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use prost::Message;
use prost_types::DescriptorProto;

pub(crate) use columns::Columns;
pub(crate) use fingerprint::Fingerprint;
pub(crate) use message_schema::MessageSchema;

use crate::core::{Begin, Schema};
use crate::transport::first_message;
use crate::wire::CreateIngestStreamRequest;

/// The schemas of a stream, by number. The program's own is 0.
#[derive(Debug, Clone)]
pub(crate) struct Schemas(Arc<Mutex<Vec<Arc<Known>>>>);

#[derive(Debug)]
struct Known {
    /// An encoded `CreateIngestStreamRequest`.
    request: Bytes,
    /// What it says of the rows; read on first use, since only returned rows need it.
    messages: OnceLock<Option<Arc<MessageSchema>>>,
    /// The kinds of the columns, if the program knows them.
    columns: OnceLock<Columns>,
}

impl Schemas {
    pub(crate) fn new(own: Bytes) -> Self {
        Self(Arc::new(Mutex::new(vec![Known::new(own)])))
    }

    /// The schemas of rows that no stream of this process has.
    pub(crate) fn none() -> Self {
        Self(Arc::default())
    }

    /// The number of a schema, assigned on first use.
    #[cfg(feature = "spool")]
    pub(crate) fn number(&self, schema: &Bytes) -> Schema {
        let mut schemas = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        schemas.iter().position(|known| known.request == schema).unwrap_or_else(|| {
            schemas.push(Known::new(schema.clone()));
            schemas.len() - 1
        })
    }

    /// The first message of a call that sends rows of this schema.
    pub(crate) fn create(&self, schema: Schema, begin: &Begin) -> Bytes {
        let known = self.known(schema);
        first_message(known.as_ref().map_or(&[], |known| &known.request), begin)
    }

    /// The schema of this number, if its rows are messages.
    pub(crate) fn messages(&self, schema: Schema) -> Option<Arc<MessageSchema>> {
        let known = self.known(schema)?;
        known.messages.get_or_init(|| messages(&known.request).map(Arc::new)).clone()
    }

    /// The fingerprint of this schema; none if its rows are JSON.
    pub(crate) fn fingerprint(&self, schema: Schema) -> Option<Fingerprint> {
        self.messages(schema).map(|schema| schema.fingerprint())
    }

    /// Says what the columns of the program's own rows are.
    pub(crate) fn describe_own(&self, columns: Columns) {
        if let Some(own) = self.known(0) {
            own.columns.get_or_init(|| columns);
        }
    }

    /// The kinds of the columns of this schema, if they are known.
    pub(crate) fn columns(&self, schema: Schema) -> Option<Columns> {
        self.known(schema)?.columns.get().cloned()
    }

    fn known(&self, schema: Schema) -> Option<Arc<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(schema).cloned()
    }
}

impl Known {
    fn new(request: Bytes) -> Arc<Self> {
        Arc::new(Self { request, messages: OnceLock::new(), columns: OnceLock::new() })
    }
}

/// What a request says of rows that are messages.
fn messages(request: &Bytes) -> Option<MessageSchema> {
    let request = CreateIngestStreamRequest::decode(request.clone()).ok()?;
    MessageSchema::new(DescriptorProto::decode(request.descriptor_proto?).ok()?)
}
