//! Columns that a stream fills in itself, so that duplicates and gaps can be seen in the table.

use prost_types::DescriptorProto;
use prost_types::field_descriptor_proto::Type;

use crate::core::{Columns, Stamper};
use crate::error::{Error, Fault};
use crate::message::Stamps;
use crate::spool::Producer;

/// The names of the columns that a stream fills in, for [`StreamBuilder::stamp`](crate::StreamBuilder::stamp).
///
/// ```
/// use zerobus_runtime::StampColumns;
///
/// let columns = StampColumns { sequence: "row_number".to_owned(), ..StampColumns::default() };
/// assert_eq!((columns.producer.as_str(), columns.epoch.as_str()), ("producer", "epoch"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StampColumns {
    /// The producer that sent the row: a STRING.
    pub producer: String,
    /// The run of the producer that sent it: a BIGINT, higher in every run.
    pub epoch: String,
    /// The number of the row in the stream: a BIGINT, its offset.
    pub sequence: String,
}

impl Default for StampColumns {
    /// `producer`, `epoch` and `sequence`.
    fn default() -> Self {
        Self { producer: "producer".to_owned(), epoch: "epoch".to_owned(), sequence: "sequence".to_owned() }
    }
}

impl From<Stamps> for StampColumns {
    fn from(stamps: Stamps) -> Self {
        let [producer, epoch, sequence] = [stamps.producer, stamps.epoch, stamps.sequence].map(str::to_owned);
        Self { producer, epoch, sequence }
    }
}

/// The stamp of a stream's rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Stamping {
    pub(super) columns: Option<StampColumns>,
    pub(super) producer: Option<String>,
}

impl Stamping {
    /// The same for one of many lanes.
    pub(super) fn of_lane(mut self, lane: usize) -> Self {
        self.producer = self.producer.map(|name| format!("{name}/{lane}"));
        self
    }

    pub(super) fn are_wanted(&self) -> bool {
        self.columns.is_some()
    }

    pub(super) fn producer(&self) -> Option<&str> {
        self.producer.as_deref()
    }

    /// The stamper for the rows of a stream: messages of this descriptor, or JSON.
    pub(super) fn stamper(
        &self,
        descriptor: Option<&DescriptorProto>,
        producer: &Producer,
    ) -> Result<Option<Stamper>, Error> {
        let Some(StampColumns { producer: who, epoch, sequence }) = &self.columns else { return Ok(None) };
        let Producer { producer: name, epoch: run } = producer;
        let Some(descriptor) = descriptor else {
            let columns = Columns { producer: who.as_str(), epoch, sequence };
            return Ok(Some(Stamper::of_json(columns, name, *run)));
        };
        let columns = Columns {
            producer: number_of(descriptor, who, Type::String, "a STRING column of the row's type")?,
            epoch: number_of(descriptor, epoch, Type::Int64, "a BIGINT column of the row's type")?,
            sequence: number_of(descriptor, sequence, Type::Int64, "a BIGINT column of the row's type")?,
        };
        Ok(Some(Stamper::of_message(columns, name, *run)))
    }
}

fn number_of(message: &DescriptorProto, name: &str, kind: Type, expected: &'static str) -> Result<u32, Error> {
    let field = message.field.iter().find(|field| field.name() == name && field.r#type() == kind);
    let number = field.and_then(|field| u32::try_from(field.number()).ok());
    number.ok_or_else(|| Fault::Option { option: "stamp", found: name.to_owned(), expected }.into())
}

#[cfg(test)]
mod tests {
    use prost_types::FieldDescriptorProto;

    use super::*;
    use crate::message::{Encoder, WireType};

    fn descriptor() -> DescriptorProto {
        let field = |(name, number, kind): (&str, i32, Type)| FieldDescriptorProto {
            name: Some(name.to_owned()),
            number: Some(number),
            r#type: Some(kind.into()),
            ..FieldDescriptorProto::default()
        };
        let fields = [
            ("n", 1, Type::Int64),
            ("note", 2, Type::String),
            ("producer", 9, Type::String),
            ("epoch", 7, Type::Int64),
            ("sequence", 8, Type::Int64),
            ("day", 6, Type::Int32),
        ];
        DescriptorProto { field: fields.map(field).into(), ..DescriptorProto::default() }
    }

    fn stamper(columns: StampColumns) -> Result<Option<Stamper>, Error> {
        let stamping = Stamping { columns: Some(columns), producer: None };
        stamping.stamper(Some(&descriptor()), &Producer { producer: "billing".to_owned(), epoch: 3 })
    }

    #[test]
    fn a_message_is_stamped_in_the_fields_of_these_names() {
        let (mut stamped, mut expected) = (Encoder::new(), Encoder::new());
        stamper(StampColumns::default()).unwrap().unwrap().stamp(&mut stamped, 42);
        expected.key(9, WireType::Delimited);
        expected.delimited(b"billing");
        expected.key(7, WireType::Varint);
        expected.varint(3);
        expected.key(8, WireType::Varint);
        expected.varint(42);
        assert_eq!(stamped.as_slice(), expected.as_slice());
    }

    #[test]
    fn columns_that_are_missing_or_of_another_type_are_refused() {
        for name in ["nobody", "sequence"] {
            let columns = StampColumns { producer: name.to_owned(), ..StampColumns::default() };
            let error = stamper(columns).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("a STRING column"), "{error}");
        }
        for name in ["never", "note", "day"] {
            let epoch = StampColumns { epoch: name.to_owned(), ..StampColumns::default() };
            let sequence = StampColumns { sequence: name.to_owned(), ..StampColumns::default() };
            for columns in [epoch, sequence] {
                let error = stamper(columns).unwrap_err().to_string();
                assert!(error.contains(name) && error.contains("a BIGINT column"), "{error}");
            }
        }
    }

    #[test]
    fn a_stream_without_columns_stamps_nothing() {
        let producer = Producer { producer: "billing".to_owned(), epoch: 3 };
        assert!(Stamping::default().stamper(Some(&descriptor()), &producer).unwrap().is_none());
    }
}
