//! Statements that use the stamped columns: to remove duplicates, and to find missing rows.

use super::write::quoted_table;
use crate::model::sql_text::{quoted, quoted_name};
use crate::{StampProblems, StampedColumns, Table, is_column_name};

/// Words that need quotes as names, in Databricks SQL or in DuckDB.
const RESERVED: &str = "all analyse analyze and anti any array as asc asymmetric authorization between both case cast check collate \
    column constraint create cross current_date current_time current_timestamp current_user default deferrable \
    desc describe distinct do else end escape except execute exists false fetch filter for foreign from full \
    grant group having in initially inner intersect interval into is join lambda lateral leading left limit \
    minus natural not null offset on only or order outer overlaps percentile_cont percentile_disc pivot \
    pivot_longer pivot_wider placing primary qualify recursive references returning right select semi \
    session_user show some sql struct summarize symmetric table then to trailing true union unique unknown \
    unpivot user using values variadic when where window with within";

/// The statements for a table that may have duplicate rows: a view with each row once, a flow that keeps each row once,
/// and a query for missing rows.
///
/// # Errors
/// If the table does not have these columns, or has them with other types.
pub fn dedup(table: &Table, columns: &StampedColumns) -> Result<String, StampProblems> {
    columns.check(table)?;
    Ok(statements(table, columns))
}

/// A name that every engine accepts: without quotes if possible, since engines use different quotes.
fn name_of(column: &str) -> String {
    let is_reserved = RESERVED.split(' ').any(|word| column.eq_ignore_ascii_case(word));
    if !is_reserved && is_column_name(column) { column.to_owned() } else { quoted_name(column) }
}

fn statements(table: &Table, columns: &StampedColumns) -> String {
    let sibling = |suffix: &str| {
        let name = format!("{}{suffix}", table.name.table());
        [table.name.catalog(), table.name.schema(), &name].map(quoted_name).join(".")
    };
    let StampedColumns { producer, epoch, sequence } = columns;
    let [producer, epoch, sequence] = [producer, epoch, sequence].map(|column| name_of(column));
    let (name, view, target) = (quoted_table(&table.name), sibling("_once"), sibling("_kept_once"));
    let comment = quoted(&format!("Each row of {} once, however often it was delivered.", table.name));
    format!(
        "-- Each row once, computed on read; rows without stamps are unchanged.\n\
         CREATE OR REPLACE VIEW {view} COMMENT {comment} AS\n\
         SELECT * FROM {name}\n\
         QUALIFY {sequence} IS NULL\n  \
         OR ROW_NUMBER() OVER (PARTITION BY {producer}, {epoch}, {sequence} ORDER BY {sequence}) = 1;\n\
         \n\
         -- Each row once, kept by a pipeline; it needs stamps in every row.\n\
         CREATE OR REFRESH STREAMING TABLE {target};\n\
         CREATE FLOW {flow} AS AUTO CDC INTO {target}\n\
         FROM STREAM({name})\n\
         KEYS ({producer}, {epoch}, {sequence})\n\
         SEQUENCE BY {sequence}\n\
         STORED AS SCD TYPE 1;\n\
         \n\
         -- Missing rows, as ranges of their numbers.\n\
         SELECT {producer}, {epoch}, previous + 1 AS first_missing, {sequence} - 1 AS last_missing\n\
         FROM (\n  SELECT {producer}, {epoch}, {sequence},\n    \
         LAG({sequence}) OVER (PARTITION BY {producer} ORDER BY {epoch}, {sequence}) AS previous\n  \
         FROM (SELECT DISTINCT {producer}, {epoch}, {sequence} FROM {name})\n)\n\
         WHERE {sequence} > previous + 1;\n",
        flow = quoted_name(&format!("{}_kept_once", table.name.table())),
    )
}
