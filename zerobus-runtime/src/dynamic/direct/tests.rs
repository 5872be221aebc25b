//! The direct reader and the parser write the same row.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use std::sync::LazyLock;

use super::*;
use crate::dynamic::{Table, TableInfo, TimeUnit, json};

/// Plans for each combination of options.
static PLANS: LazyLock<[RowPlan; 4]> = LazyLock::new(|| [0, 1, 2, 3].map(plan));

/// A table with a column of every kind, read in one of four ways.
fn plan(options: u8) -> RowPlan {
    let columns = [
        ("id", "bigint"),
        ("small", "tinyint"),
        ("at", "timestamp"),
        ("wall", "timestamp_ntz"),
        ("day", "date"),
        ("name", "string"),
        ("code", "varchar(3)"),
        ("price", "decimal(10,2)"),
        ("amount", "double"),
        ("narrow", "float"),
        ("paid", "boolean"),
        ("raw", "binary"),
        ("any", "variant"),
        ("tags", "array<string>"),
        ("map", "map<string,double>"),
        ("ids", "map<bigint,struct<x:int>>"),
        ("place", "struct<lat:double,inner:struct<at:timestamp>>"),
    ];
    let column = |(at, (name, text)): (usize, (&str, &str))| serde_json::json!({"name": name, "type_text": text, "position": at, "nullable": at > 0});
    let columns: Vec<Value> = columns.into_iter().enumerate().map(column).collect();
    let info = serde_json::json!({"name": "t", "catalog_name": "main", "schema_name": "a", "columns": columns});
    let info: TableInfo = serde_json::from_value(info).unwrap();
    let plan = RowPlan::new(&Table::try_from(&info).unwrap());
    let plan = if options & 1 == 0 { plan } else { plan.integer_times(TimeUnit::Nanos) };
    if options & 2 == 0 { plan } else { plan.unknown_columns(UnknownColumns::Ignore) }
}

/// Rows that are accepted where integers are times and unknown columns are left out.
const ROWS: [&str; 4] = [
    r#"{"id":9007199254740993,"small":-128,"at":"2026-01-31T12:00:00.123456Z","wall":"2026-01-31 12:00:00",
        "day":"2026-01-31","name":"order \"placed\" 😀","code":"äöü","price":1234.56,"amount":3.25,"narrow":1e3,
        "paid":true,"raw":"AQI=","any":{"a":[1,null,"x"]},"tags":["new","é\u00e9",""],"map":{"k":1.5,"l":-0},
        "ids":{"7":{"x":1},"-8":{}},"place":{"lat":47.3769,"inner":{"at":"1970-01-01 00:00:00.5+01:00"}}}"#,
    r#" { "ID" : 1 , "name" : null , "tags" : [ ] , "map" : { } , "place" : { } , "any" : "text" , "amount" : "NaN" } "#,
    r#"{"id":-1,"at":1769860800000000000,"day":20484,"amount":-1.797e308,"x":{"a":[{}]},"paid":"FALSE","any":null}"#,
    r#"{"small":127,"id":"12","narrow":3.4e38,"price":"1e2","any":true,"place":{"inner":null,"lat":0.1}}"#,
];

/// What replaces a piece of a row.
const PIECES: [&str; 24] = [
    "",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "true",
    "0",
    "-",
    "1.5",
    "e5",
    "1e999",
    " ",
    "\n",
    "\u{1}",
    "\"id\"",
    "9223372036854775808",
    "\\ud800",
    "é",
    "\"2026-02-30\"",
];

/// Checks that a text is written as the parser writes it, if it is written at all.
fn check(plan: &RowPlan, text: &[u8]) -> Result<(), TestCaseError> {
    let mut direct = Encoder::new();
    if write_row(plan, text, plan.options, &mut direct).is_some() {
        let mut parsed = Encoder::new();
        let written = json::parse_row(plan, text, plan.options, &mut parsed);
        let text = String::from_utf8_lossy(text);
        prop_assert!(written.is_ok(), "{text}: {}", written.unwrap_err());
        prop_assert_eq!(direct.as_slice(), parsed.as_slice(), "{}", text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn what_is_written_is_what_the_parser_makes_of_it(
        row in prop::sample::select(ROWS.to_vec()),
        changes in prop::collection::vec((any::<Index>(), 0..4_usize, prop::sample::select(PIECES.to_vec())), 0..3),
        byte in prop::option::weighted(0.2, (any::<Index>(), any::<u8>())),
        plan in 0..4_usize,
    ) {
        let mut text = row.as_bytes().to_vec();
        for (place, length, piece) in changes {
            let start = place.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, piece.bytes());
        }
        if let Some((place, byte)) = byte.filter(|_| !text.is_empty()) {
            let place = place.index(text.len());
            text[place] = byte;
        }
        check(&PLANS[plan], &text)?;
    }
}

#[test]
fn rows_that_fit_need_no_parser() {
    for row in ROWS {
        let plan = &PLANS[3];
        assert!(write_row(plan, row.as_bytes(), plan.options, &mut Encoder::new()).is_some(), "{row}");
        check(plan, row.as_bytes()).unwrap();
    }
}
