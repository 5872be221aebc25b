#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use zerobus_codegen::{Options, Table, TableInfo, rust};

/// A table with something for every option.
fn table(options: &Options) -> Option<Table> {
    let columns = json!([
        {"name": "id", "type_text": "bigint", "nullable": false},
        {"name": "raw", "type_text": "binary"},
        {"name": "tags", "type_text": "map<string,string>"},
        {"name": "place", "type_text": "struct<lat:double,lon:double>"},
        {"name": "shape", "type_text": "geography(4326)"},
    ]);
    let info = json!({"name": "t", "catalog_name": "main", "schema_name": "s", "columns": columns});
    let info: TableInfo = serde_json::from_value(info).expect("the JSON of a table");
    Table::check(&info, &options.skip).ok()
}

fuzz_target!(|text: &str| {
    let Ok(options) = toml::from_str::<Options>(text) else { return };
    if let Some(table) = table(&options)
        && let Ok(text) = rust::file_with(&[&table], &options)
    {
        assert!(!text.is_empty());
    }
});
