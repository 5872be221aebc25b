//! Where rows come from: their table, encoding and schemas. It makes their letters.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{DeadLetter, Dialect, Original, json_of, json_on_one_line};
use crate::core::{ReturnedBatch, Schema};
use crate::error::Error;
use crate::offset::Offset;
use crate::record_kind::RecordKind;
use crate::schemas::Schemas;

/// What the rows of one stream have in common.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) table: String,
    pub(crate) kind: RecordKind,
    pub(crate) schemas: Schemas,
}

impl Origin {
    /// The letter of a row that the stream returns.
    pub(crate) fn returned(&self, offset: Offset, row: Bytes, part: &ReturnedBatch) -> DeadLetter {
        let ReturnedBatch { batch, reason } = part;
        DeadLetter {
            table: self.table.clone(),
            kind: self.kind,
            offset: Some(offset),
            lane: None,
            persisted: batch.persisted(),
            reason: reason.clone(),
            column: reason.column(),
            attempts: batch.attempts,
            time: None,
            source: None,
            is_partial: false,
            schema: self.schemas.fingerprint(batch.schema),
            columns: self.schemas.columns(batch.schema),
            dialect: Dialect::default(),
            json: self.json(batch.schema, &row),
            row,
        }
    }

    /// The letter of a row that `send` refused.
    pub(crate) fn unaccepted(&self, original: Original, reason: &Error) -> DeadLetter {
        let own = (original.kind == RecordKind::Proto).then(|| self.json(0, &original.row));
        let letter = DeadLetter::unaccepted(self.table.clone(), original, reason);
        match own {
            Some(json) => {
                DeadLetter { schema: self.schemas.fingerprint(0), columns: self.schemas.columns(0), json, ..letter }
            }
            None => letter,
        }
    }

    fn json(&self, schema: Schema, row: &[u8]) -> Option<Box<RawValue>> {
        match self.kind {
            RecordKind::Json => json_on_one_line(row),
            RecordKind::Proto => json_of(&*self.schemas.messages(schema)?, row),
        }
    }
}
