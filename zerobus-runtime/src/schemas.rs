//! The schemas of a stream's rows: the program's own, and those of rows in its spool.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::core::{Begin, Schema};
use crate::transport::first_message;

/// The schemas of a stream, by number: each is an encoded `CreateIngestStreamRequest`. The program's own is 0.
#[derive(Debug, Clone)]
pub(crate) struct Schemas(Arc<Mutex<Vec<Bytes>>>);

impl Schemas {
    pub(crate) fn new(own: Bytes) -> Self {
        Self(Arc::new(Mutex::new(vec![own])))
    }

    /// The number of a schema, assigned on first use.
    #[cfg(feature = "spool")]
    pub(crate) fn number(&self, schema: &Bytes) -> Schema {
        let mut schemas = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        schemas.iter().position(|known| known == schema).unwrap_or_else(|| {
            schemas.push(schema.clone());
            schemas.len() - 1
        })
    }

    /// The first message of a call that sends rows of this schema.
    pub(crate) fn create(&self, schema: Schema, begin: &Begin) -> Bytes {
        let schemas = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first_message(schemas.get(schema).map_or(&[], |schema| schema), begin)
    }
}
