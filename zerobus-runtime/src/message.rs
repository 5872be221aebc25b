//! Rows: a schema known at compile time, and encoding in one pass.
//!
//! | file | what it owns |
//! |---|---|
//! | `convert` | how an attribute converts a field's value to the column's |
//! | `encoder` | the buffer that rows are written into, and protobuf's wire format |
//! | `held` | the comparison of a derived struct with its table, at compile time |
//! | `limits` | what a column requires of a value beyond its protobuf type |
//! | `refusal` | a value that its column cannot hold, with its column path |
//! | `schema` | the schema of a row as constants, and its descriptor |
//! | `value` | which types a column can hold, and the column type of each |
//! | `stamps` | the columns that a stream fills in |
//! | `standard` | types of the standard library that are written as another type |
//! | `field` | which types can be a field of a row: a value, an optional value, a collection |
//! | `with` | functions between a field and its column |

pub(crate) mod convert;
mod encoder;
pub(crate) mod field;
pub(crate) mod held;
pub(crate) mod limits;
mod refusal;
mod schema;
mod stamps;
mod standard;
pub(crate) mod value;
pub(crate) mod with;

pub(crate) use encoder::Reserved;
pub use encoder::{Encoder, WireType};
pub use field::Field;
pub use schema::{ColumnType, FieldSchema, FieldType, MessageSchema, Presence};
pub use stamps::Stamps;
pub use value::{Checked, Element, Key, Value};
pub use zerobus_codegen::Scalar;

use prost_types::DescriptorProto;

/// A row of a table, or a struct inside one: the trait that `#[derive(ZerobusMessage)]` implements.
pub trait ZerobusMessage {
    /// The full name of the table that the struct was made for: `catalog.schema.table`.
    const TABLE: Option<&'static str> = None;

    /// The columns that the stream fills in, if any: see [`Stamps`].
    const STAMPS: Option<Stamps> = None;

    /// The fields, in the order of their numbers.
    const SCHEMA: &'static MessageSchema;

    /// Whether [`encode_to`](Self::encode_to) runs no code but this crate's and the derive's: see [`Value::IS_PLAIN`].
    const IS_PLAIN: bool = false;

    /// Appends the row as protobuf to the encoder's buffer, in one pass and without allocating.
    fn encode_to(&self, out: &mut Encoder);

    /// The descriptor that a stream of these rows is opened with.
    #[must_use]
    fn descriptor() -> DescriptorProto
    where
        Self: Sized,
    {
        Self::SCHEMA.descriptor()
    }

    /// The statement that creates a table for rows of this type.
    ///
    /// Arrays and maps become nullable columns, since the wire cannot tell a null one from an empty one. Without a
    /// [`TABLE`](Self::TABLE) the table is called `main.default.<the struct's name>`: replace that name with your
    /// own.
    ///
    /// ```
    /// use zerobus_runtime::{Decimal, Timestamp, ZerobusMessage};
    ///
    /// #[derive(ZerobusMessage)]
    /// #[zerobus(table = "main.shop.payments", unchecked)]
    /// struct Payment {
    ///     at: Timestamp,
    ///     amount: Decimal<10, 2>,
    ///     note: Option<String>,
    /// }
    /// assert_eq!(
    ///     Payment::create_table(),
    ///     "CREATE TABLE `main`.`shop`.`payments` (
    ///   `at` TIMESTAMP NOT NULL,
    ///   `amount` DECIMAL(10,2) NOT NULL,
    ///   `note` STRING
    /// )
    /// USING DELTA;
    /// "
    /// );
    /// ```
    #[must_use]
    fn create_table() -> String
    where
        Self: Sized,
    {
        Self::SCHEMA.create_table(Self::TABLE)
    }
}
