//! Decodes a record to a checked row; an error names the column.

mod partition;
mod plan;
mod rescue;
mod scalar;
mod wire;

use std::fmt::{self, Display};

use bytes::Bytes;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor};
use zerobus_codegen::Table;

use crate::client_descriptor;
use crate::refusal::Refusal;
use crate::row::Row;
use partition::PartitionCheck;
use plan::Plan;

pub(crate) use rescue::Rescue;

/// Decodes the records of one stream.
#[derive(Debug)]
pub(crate) struct Decoder {
    message: MessageDescriptor,
    plan: Plan,
    partition: PartitionCheck,
    /// The rescue column of JSON records.
    rescue: Option<Rescue>,
}

/// Why a record does not decode.
#[derive(Debug, PartialEq)]
pub(crate) struct BadRecord {
    /// The column's path, innermost segment first while it is built; empty if the whole record is bad.
    path: Vec<String>,
    why: String,
}

impl Decoder {
    /// Decodes records of this message, which fits the table by the schema check.
    pub(crate) fn new(table: &Table, message: MessageDescriptor) -> Self {
        let plan = Plan::new(&table.row, &message);
        Self { message, plan, partition: PartitionCheck::new(table), rescue: None }
    }

    /// Decodes records in JSON.
    pub(crate) fn of_table(table: &Table) -> Result<Self, Refusal> {
        Ok(Self::new(table, client_descriptor::of_table(&table.descriptor())?))
    }

    /// The records' protobuf message.
    pub(crate) const fn descriptor(&self) -> &MessageDescriptor {
        &self.message
    }

    /// The same, with a rescue column.
    pub(crate) fn with_rescue(self, rescue: Option<Rescue>) -> Self {
        Self { rescue, ..self }
    }

    pub(crate) fn proto(&self, record: Bytes) -> Result<Row, BadRecord> {
        let row = match wire::row(&self.plan, &record) {
            Some(row) => row,
            None => self.reflected(record)?,
        };
        self.partition.check(&row)?;
        Ok(row)
    }

    /// The row by way of prost-reflect's message.
    fn reflected(&self, record: Bytes) -> Result<Row, BadRecord> {
        let message = DynamicMessage::decode(self.message.clone(), record).map_err(BadRecord::whole)?;
        self.plan.row(message)
    }

    /// The deserializer's error texts are the service's.
    pub(crate) fn json(&self, record: &str) -> Result<Row, BadRecord> {
        let strict = self.strict_json(record);
        match &self.rescue {
            None => strict,
            Some(rescue) => rescue.row(self, strict, || serde_json::from_str(record).map_err(BadRecord::whole)),
        }
    }

    pub(crate) fn json_value(&self, record: serde_json::Value) -> Result<Row, BadRecord> {
        match &self.rescue {
            None => self.read(record),
            Some(rescue) => rescue.row(self, self.read(record.clone()), || Ok(record)),
        }
    }

    fn strict_json(&self, record: &str) -> Result<Row, BadRecord> {
        let mut json = serde_json::Deserializer::from_str(record);
        let row = self.read(&mut json)?;
        json.end().map_err(BadRecord::whole)?;
        Ok(row)
    }

    fn read<'de, D: serde::Deserializer<'de>>(&self, json: D) -> Result<Row, BadRecord> {
        self.row(self.message(json)?)
    }

    fn message<'de, D: serde::Deserializer<'de>>(&self, json: D) -> Result<DynamicMessage, BadRecord> {
        let options = DeserializeOptions::new().deny_unknown_fields(true);
        let message = DynamicMessage::deserialize_with_options(self.message.clone(), json, &options);
        message.map_err(BadRecord::whole)
    }

    fn row(&self, message: DynamicMessage) -> Result<Row, BadRecord> {
        let row = self.plan.row(message)?;
        self.partition.check(&row)?;
        Ok(row)
    }
}

impl BadRecord {
    fn whole(error: impl Display) -> Self {
        Self { path: Vec::new(), why: error.to_string() }
    }

    fn value(why: impl Into<String>) -> Self {
        Self { path: Vec::new(), why: why.into() }
    }

    /// Adds a segment to the path, which is built while the error is returned.
    fn within(mut self, segment: &str) -> Self {
        self.path.push(segment.to_owned());
        self
    }
}

impl Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            f.write_str("column ")?;
            for (i, segment) in self.path.iter().rev().enumerate() {
                let dot = if i == 0 { "" } else { "." };
                write!(f, "{dot}{segment}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.why)
    }
}
