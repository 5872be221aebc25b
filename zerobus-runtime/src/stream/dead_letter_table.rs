//! Dead letters as rows of another table.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use zerobus_codegen::{DataType, Field, Scalar, Struct};

use super::{JsonStream, block_on};
use crate::dead_letters::{BoxError, DeadLetters, Sink};
use crate::error::ServerCode;
use crate::letter::{DeadLetter, Times, Variants};
use crate::message::Presence;
use crate::persisted::Persisted;
use crate::schemas::Fingerprint;
use crate::values::Timestamp;

/// The columns of the table: the keys of a line.
const COLUMNS: [(&str, Scalar, Presence); 20] = [
    ("table", Scalar::String, Presence::Required),
    ("encoding", Scalar::String, Presence::Required),
    ("offset", Scalar::Long, Presence::Optional),
    ("lane", Scalar::Int, Presence::Optional),
    ("persisted", Scalar::String, Presence::Required),
    ("kind", Scalar::String, Presence::Required),
    ("reason", Scalar::String, Presence::Required),
    ("code", Scalar::Int, Presence::Optional),
    ("state", Scalar::Int, Presence::Optional),
    ("column", Scalar::String, Presence::Optional),
    ("attempts", Scalar::Int, Presence::Required),
    ("time", Scalar::Timestamp, Presence::Optional),
    ("source", Scalar::String, Presence::Optional),
    ("partial", Scalar::Boolean, Presence::Required),
    ("schema", Scalar::String, Presence::Optional),
    ("columns", Scalar::String, Presence::Optional),
    ("times", Scalar::String, Presence::Required),
    ("variants", Scalar::String, Presence::Required),
    ("row", Scalar::Binary, Presence::Required),
    ("json", Scalar::String, Presence::Optional),
];

/// A dead letter as a JSON record of that table.
#[derive(Serialize)]
struct Record<'a> {
    table: &'a str,
    encoding: &'static str,
    offset: Option<u64>,
    lane: Option<usize>,
    persisted: Persisted,
    kind: &'static str,
    reason: String,
    code: Option<u32>,
    state: Option<u32>,
    column: Option<&'a str>,
    attempts: u32,
    time: Option<i64>,
    source: Option<&'a str>,
    partial: bool,
    schema: Option<Fingerprint>,
    columns: Option<String>,
    times: Times,
    variants: Variants,
    row: String,
    json: Option<&'a str>,
}

impl DeadLetter {
    /// The statement that creates a table for dead letters; see [`DeadLetters::table`](crate::DeadLetters::table).
    ///
    /// ```
    /// use zerobus_runtime::DeadLetter;
    ///
    /// let name = "main.ops.dead_letters".parse()?;
    /// assert!(DeadLetter::create_table(&name).starts_with("CREATE TABLE `main`.`ops`.`dead_letters` ("));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn create_table(name: &crate::TableName) -> String {
        let fields = (1..).zip(COLUMNS).map(|(number, (name, scalar, presence))| {
            let data_type = DataType::Scalar(scalar);
            match presence {
                Presence::Required => Field::required(name, number, data_type),
                Presence::Optional | Presence::Repeated => Field::nullable(name, number, data_type),
            }
        });
        Struct { fields: fields.collect() }.create_table(name)
    }
}

impl DeadLetters {
    /// Sends each refused row to another table, one row per dead letter, and waits until it is durable there.
    ///
    /// The table has the columns of [`DeadLetter::create_table`]. A dead letter that its table refuses goes no further:
    /// the refused row stays with the stream that refused it. Close the stream of the dead letters last.
    ///
    /// ```no_run
    /// # async fn f(client: zerobus_runtime::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use zerobus_runtime::DeadLetters;
    ///
    /// let refused = client.json_stream("main.ops.dead_letters").open().await?;
    /// let orders = client.json_stream("main.shop.orders");
    /// let orders = orders.dead_letters(DeadLetters::table(refused.clone())).open().await?;
    /// // ... rows ...
    /// orders.close().await?;
    /// refused.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn table(stream: JsonStream) -> Self {
        Self::of(stream)
    }
}

impl Sink for JsonStream {
    fn deliver(&self, letter: &DeadLetter) -> Result<(), BoxError> {
        let record = Record {
            table: &letter.table,
            encoding: if letter.is_json() { "json" } else { "proto" },
            offset: letter.offset.map(|offset| offset.0),
            lane: letter.lane,
            persisted: letter.persisted,
            kind: letter.reason.kind().as_str(),
            reason: letter.reason.to_string(),
            code: letter.reason.code().map(ServerCode::code),
            state: letter.reason.code().and_then(ServerCode::state),
            column: letter.column(),
            attempts: letter.attempts,
            time: letter.time.map(Timestamp::as_micros),
            source: letter.source(),
            partial: letter.is_partial,
            schema: letter.schema,
            columns: letter.columns.as_ref().map(serde_json::to_string).transpose()?,
            times: letter.dialect.times,
            variants: letter.dialect.variants,
            row: BASE64_STANDARD.encode(&letter.row),
            json: letter.json(),
        };
        block_on(async {
            let offset = self.send(&record).await?;
            self.wait(offset).await
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_column_for_each_field_of_a_record() {
        let record = Record {
            table: "a.b.c",
            encoding: "json",
            offset: Some(1),
            lane: None,
            persisted: Persisted::No,
            kind: "rejected",
            reason: String::new(),
            code: None,
            state: None,
            column: None,
            attempts: 0,
            time: None,
            source: None,
            partial: false,
            schema: None,
            columns: None,
            times: Times::Micros,
            variants: Variants::Text,
            row: String::new(),
            json: None,
        };
        let record = serde_json::to_value(&record).unwrap();
        let statement = DeadLetter::create_table(&"main.ops.dead_letters".parse().unwrap());
        assert!(statement.starts_with("CREATE TABLE `main`.`ops`.`dead_letters` ("), "{statement}");
        assert_eq!(record.as_object().unwrap().len(), COLUMNS.len());
        for (name, scalar, presence) in COLUMNS {
            let nullable = if presence == Presence::Required { " NOT NULL" } else { "" };
            let column = format!("`{name}` {scalar}{nullable}");
            assert!(record.get(name).is_some() && statement.contains(&column), "{column} in {statement}");
        }
    }
}
