//! Statements over the columns that a stream stamps: each row once, and the rows that are missing.

use super::write::quoted_table;
use crate::model::sql_text::{quoted, quoted_name};
use crate::{ColumnPath, DataType, Problem, Report, Scalar, Table};

/// The columns that a stream of zerobus-runtime stamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StampedColumns {
    /// Who sent the row: STRING.
    pub producer: String,
    /// Which run of the producer sent it: BIGINT.
    pub epoch: String,
    /// Which row of the producer it is: BIGINT.
    pub sequence: String,
}

/// The statements of a table whose rows may be there more than once: a view that has each once, a flow that keeps each
/// once, and a query of those that are missing.
///
/// # Errors
/// If the table does not have these columns, or has them with other types.
pub fn dedup(table: &Table, columns: &StampedColumns) -> Result<String, Report> {
    let problems = problems(table, columns);
    if problems.is_empty() {
        return Ok(statements(table, columns));
    }
    Err(Report { table: table.name.to_string(), problems })
}

fn problems(table: &Table, columns: &StampedColumns) -> Vec<Problem> {
    let StampedColumns { producer, epoch, sequence } = columns;
    let mut problems = Vec::new();
    for (name, scalar, sql) in
        [(producer, Scalar::String, "STRING"), (epoch, Scalar::Long, "BIGINT"), (sequence, Scalar::Long, "BIGINT")]
    {
        // Names of columns are the same in upper and lower case.
        let field = table.row.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        let found = match field {
            Some(field) if field.data_type == DataType::Scalar(scalar) => continue,
            Some(_) => format!("the column is no {sql}"),
            None => "the table has no such column".to_owned(),
        };
        let help = format!("add a column of the type {sql}, or name another one by `--stamped`");
        problems.push(Problem::new(&ColumnPath::root().join(name), found, help));
    }
    problems
}

fn statements(table: &Table, columns: &StampedColumns) -> String {
    let sibling = |suffix: &str| {
        let name = format!("{}{suffix}", table.name.table());
        [table.name.catalog(), table.name.schema(), &name].map(quoted_name).join(".")
    };
    let StampedColumns { producer, epoch, sequence } = columns;
    let [producer, epoch, sequence] = [producer, epoch, sequence].map(String::as_str).map(quoted_name);
    let (name, view, target) = (quoted_table(&table.name), sibling("_once"), sibling("_kept_once"));
    let comment = quoted(&format!("Each row of {} once, however often it was delivered.", table.name));
    format!(
        "-- Each row once, computed when it is read.\n\
         CREATE OR REPLACE VIEW {view} COMMENT {comment} AS\n\
         SELECT * FROM {name}\n\
         QUALIFY ROW_NUMBER() OVER (PARTITION BY {producer}, {epoch}, {sequence} ORDER BY {sequence}) = 1;\n\
         \n\
         -- Each row once, kept by a pipeline.\n\
         CREATE OR REFRESH STREAMING TABLE {target};\n\
         CREATE FLOW {flow} AS AUTO CDC INTO {target}\n\
         FROM STREAM({name})\n\
         KEYS ({producer}, {epoch}, {sequence})\n\
         SEQUENCE BY {sequence}\n\
         STORED AS SCD TYPE 1;\n\
         \n\
         -- The rows that are missing, as ranges of their numbers.\n\
         SELECT {producer}, {epoch}, previous + 1 AS first_missing, {sequence} - 1 AS last_missing\n\
         FROM (\n  SELECT {producer}, {epoch}, {sequence},\n    \
         LAG({sequence}) OVER (PARTITION BY {producer} ORDER BY {epoch}, {sequence}) AS previous\n  \
         FROM (SELECT DISTINCT {producer}, {epoch}, {sequence} FROM {name})\n)\n\
         WHERE {sequence} > previous + 1;\n",
        flow = quoted_name(&format!("{}_kept_once", table.name.table())),
    )
}
