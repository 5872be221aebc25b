//! What every target does with a table that it was able to read.

use zerobus_codegen::{Skip, Table, TableInfo, ddl, proto, rust};

/// Checks a table, and makes everything of it that can be made.
///
/// # Panics
/// If the outputs contradict each other.
pub fn all_outputs(info: &TableInfo) {
    let statement = ddl::create_table(info);
    let table = match Table::check(info, &Skip::default()) {
        Ok(table) => table,
        Err(report) => {
            let _ = report.to_string();
            return;
        }
    };
    let descriptor = table.descriptor();
    zerobus_codegen::self_contained_package(&descriptor).expect("our own descriptor is self-contained");
    // Megabytes of generated code say no more than kilobytes do.
    if table.columns().len() < 50 {
        let _ = proto::file(&table);
        let _ = rust::file(&[&table]);
    }
    let statement = match statement {
        Ok(statement) => statement,
        // An expression of a generated column may be no SQL, or hold what rewrites a terminal's line.
        Err(_) if !table.omitted_columns.is_empty() => return,
        Err(report) => panic!("a good table can be written as SQL: {report}"),
    };
    let again = ddl::tables(&statement).unwrap_or_else(|error| panic!("{statement}\n{error}"));
    let [again] = &again[..] else { panic!("one statement is one table: {statement}") };
    let again = Table::try_from(again).unwrap_or_else(|error| panic!("{statement}\n{error}"));
    // Positions count up from 0 in SQL, so that numbers differ where a catalog's have gaps.
    let names = |table: &Table| {
        table.columns().iter().map(|c| format!("{} {} {}", c.name, c.data_type, c.nullable)).collect::<Vec<_>>()
    };
    assert_eq!(names(&again), names(&table), "{statement}");
    assert_eq!(again.omitted_columns, table.omitted_columns, "{statement}");
}

/// The table of one column that is described by these members.
#[must_use]
pub fn one_column(members: serde_json::Value) -> TableInfo {
    let mut column = serde_json::json!({"name": "c", "position": 0});
    if let (Some(column), serde_json::Value::Object(members)) = (column.as_object_mut(), members) {
        column.extend(members);
    }
    let table = serde_json::json!({"name": "t", "catalog_name": "main", "schema_name": "s", "columns": [column]});
    serde_json::from_value(table).expect("the JSON of a table")
}
