//! Contradictions between the parts of a column's description: which part is used, and the warning.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use serde_json::{Value, json};
use zerobus_codegen::{Table, TableInfo};

fn table(columns: &[Value]) -> Table {
    let json = json!({"name": "t", "catalog_name": "main", "schema_name": "s", "columns": columns});
    let info: TableInfo = serde_json::from_value(json).unwrap();
    Table::try_from(&info).unwrap()
}

/// The type that is used, and its warnings.
fn column(mut description: Value) -> (String, Vec<String>) {
    description["name"] = json!("c");
    let table = table(&[description]);
    let warnings = table.warnings.iter().map(ToString::to_string).collect();
    (table.columns()[0].data_type.to_string(), warnings)
}

fn field(json_type: &Value) -> String {
    json!({"name": "c", "type": json_type, "nullable": true, "metadata": {}}).to_string()
}

#[test]
fn type_json_wins_over_type_text_with_a_warning_at_the_path_of_the_difference() {
    let place = json!({"type": "struct", "fields": [
        {"name": "at", "type": {"type": "array", "elementType": "long", "containsNull": true}},
        {"name": "tags", "type": {"type": "map", "keyType": "string", "valueType": "date"}},
    ]});
    let cases = [
        (json!("integer"), "bigint", "c: type_json says INTEGER, and type_text BIGINT"),
        (json!("string"), "varchar(10)", "c: type_json says STRING, and type_text VARCHAR(10)"),
        (json!("decimal(10,2)"), "decimal(10,3)", "c: type_json says DECIMAL(10,2), and type_text DECIMAL(10,3)"),
        (json!("integer"), "array<int>", "c: type_json says INTEGER, and type_text ARRAY"),
        (json!("integer"), "interval day", "c: type_json says INTEGER, and type_text INTERVAL DAY"),
        (
            place.clone(),
            "struct<at:array<int>,tags:map<string,date>>",
            "c.at.element: type_json says LONG, and type_text INT",
        ),
        (
            place.clone(),
            "struct<at:array<bigint>,tags:map<int,date>>",
            "c.tags.key: type_json says STRING, and type_text INT",
        ),
        (
            place.clone(),
            "struct<at:array<bigint>,tags:map<string,timestamp>>",
            "c.tags.value: type_json says DATE, and type_text TIMESTAMP",
        ),
        (
            place.clone(),
            "struct<tags:map<string,date>,at:array<bigint>>",
            "c: type_json says field `at`, and type_text field `tags`",
        ),
        (place, "struct<at:array<bigint>>", "c: type_json says 2 fields, and type_text 1 fields"),
    ];
    for (json_type, text, warning) in cases {
        let (used, warnings) = column(json!({"type_json": field(&json_type), "type_text": text}));
        assert_eq!(warnings, [format!("{warning}; type_json is used; fetch the table again")], "{text}");
        let alone = column(json!({"type_json": field(&json_type)}));
        assert_eq!((used, vec![]), alone, "{text}");
    }
}

#[test]
fn the_outermost_name_of_the_type_is_compared_too() {
    let (used, warnings) = column(json!({"type_json": "\"integer\"", "type_text": "int", "type_name": "LONG"}));
    assert_eq!(used, "INT");
    assert_eq!(warnings, ["c: type_json says INTEGER, and type_name LONG; type_json is used; fetch the table again"]);
    let (used, warnings) = column(json!({"type_text": "array<int>", "type_name": "STRING"}));
    assert_eq!(used, "ARRAY<INT>");
    assert_eq!(warnings, ["c: type_text says ARRAY, and type_name STRING; type_text is used; fetch the table again"]);
    let (_, warnings) = column(json!({"type_text": "int", "type_name": "STRUCT"}));
    assert_eq!(warnings, ["c: type_text says INT, and type_name STRUCT; type_text is used; fetch the table again"]);
    let digits = json!({"type_text": "decimal(10,2)", "type_name": "DECIMAL", "type_precision": 12, "type_scale": 2});
    assert_eq!(
        column(digits).1,
        ["c: type_text says DECIMAL(10,2), and type_name DECIMAL(12,2); type_text is used; fetch the table again"]
    );
}

#[test]
fn one_type_in_several_spellings_is_no_contradiction() {
    let same = [
        (json!("integer"), "INT", "int"),
        (json!("long"), "bigint", "LONG"),
        (json!("timestamp"), "timestamp_ltz", "TIMESTAMP"),
        (json!("decimal(10,0)"), "decimal", "DECIMAL"),
        (json!("string"), "string collate utf8_lcase", "STRING"),
        (json!("varchar(7)"), "varchar(7)", "STRING"),
        (json!("char(7)"), "char(7)", "CHAR"),
        (json!("variant"), "variant", "A_TYPE_OF_TOMORROW"),
        (json!("date"), "a text < that is no type", "DATE"),
        (json!({"type": "array", "elementType": "string"}), "array<string>", "ARRAY"),
        (
            json!({"type": "struct", "fields": [{"name": "a", "type": "short", "nullable": false}]}),
            "struct<a: smallint>",
            "STRUCT",
        ),
    ];
    for (json_type, text, name) in same {
        let (_, warnings) = column(json!({"type_json": field(&json_type), "type_text": text, "type_name": name}));
        assert!(warnings.is_empty(), "{text}: {warnings:?}");
    }
}

#[test]
fn lengths_inside_collections_are_read_from_the_metadata() {
    let hidden = "struct<a:array<varchar(3)>,b:map<char(2),string>,c:struct<d:varchar(9)>>";
    let json_type = json!({"type": "struct", "fields": [
        {"name": "a", "type": {"type": "array", "elementType": "string"}},
        {"name": "b", "type": {"type": "map", "keyType": "string", "valueType": "string"}, "nullable": false},
        {"name": "c", "type": {"type": "struct", "fields": [{"name": "d", "type": "string"}]}},
    ]});
    let whole = json!({"name": "c", "type": json_type, "metadata": {"__CHAR_VARCHAR_TYPE_STRING": hidden}});
    let (used, warnings) = column(json!({"type_json": whole.to_string(), "type_text": hidden, "type_name": "STRUCT"}));
    assert_eq!(used, "STRUCT<a: ARRAY<VARCHAR(3)>, b: MAP<CHAR(2), STRING> NOT NULL, c: STRUCT<d: VARCHAR(9)>>");
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn the_columns_own_nullable_and_name_win_over_type_json() {
    let of = |name: &str, nullable: bool| json!({"name": name, "type": "long", "nullable": nullable}).to_string();
    let (_, warnings) = column(json!({"type_json": of("c", true), "nullable": false}));
    assert_eq!(
        warnings,
        ["c: its `nullable` means NOT NULL, and its type_json nullable; the first is used; fetch the table again"]
    );
    let (_, warnings) = column(json!({"type_json": of("C", false), "nullable": true}));
    assert_eq!(
        warnings,
        ["c: its `nullable` means nullable, and its type_json NOT NULL; the first is used; fetch the table again"]
    );
    let (_, warnings) = column(json!({"type_json": of("other", true), "nullable": true}));
    assert_eq!(warnings, ["c: its type_json is that of a column `other`, and is used; fetch the table again"]);
    assert!(column(json!({"type_json": of("C", false)})).1.is_empty());
}

#[test]
fn positions_win_over_the_order_of_the_list() {
    let at = |name: &str, position: i64| json!({"name": name, "type_text": "int", "position": position});
    let table = table(&[at("a", 0), at("b", 2), at("c", 1)]);
    let names: Vec<&str> = table.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "c", "b"]);
    let notes: Vec<String> = table.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        ["c: its position 1 is before that of column `b`, which is listed before it; the positions are used"]
    );
}

#[test]
fn partition_columns_of_one_place_are_reported() {
    let at = |name: &str, place: i64| json!({"name": name, "type_text": "int", "partition_index": place});
    let table = table(&[at("b", 0), at("a", 0), at("c", 1)]);
    assert_eq!(table.partition_columns, ["a", "b", "c"]);
    let warnings: Vec<String> = table.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "b: its partition_index 0 is also that of column `a`, which is assumed to be before it; fetch the table again"
        ]
    );
}

#[test]
fn a_property_that_appears_twice_is_an_error() {
    let text =
        r#"{"name": "t", "catalog_name": "m", "schema_name": "s", "properties": {"a": "1", "b": null, "a": "2"}}"#;
    let error = serde_json::from_str::<TableInfo>(text).unwrap_err().to_string();
    assert!(error.contains("the property `a` appears twice"), "{error}");
    let text = text.replace("\"a\": \"2\"", "\"c\": 2");
    let info: TableInfo = serde_json::from_str(&text).unwrap();
    let properties: Vec<(&str, &str)> = info.properties.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(properties, [("a", "1"), ("c", "2")]);
    assert!(serde_json::from_str::<TableInfo>(&text.replace("{\"a\"", "[\"a\"")).is_err());
}

#[test]
fn a_key_that_appears_twice_in_type_json_is_reported_and_type_text_is_used() {
    for json in [
        r#"{"name": "c", "type": "long", "type": "string", "nullable": true}"#,
        r#"{"type": "struct", "fields": [{"name": "a", "type": "long", "nullable": true, "nullable": false}]}"#,
        r#"{"name": "c", "type": "long", "metadata": {"x": [1, -1, 1.5, null, true, {"type": 1}], "type": 2, "type": 3}}"#,
    ] {
        let (used, warnings) = column(json!({"type_json": json, "type_text": "date"}));
        assert_eq!(used, "DATE", "{json}");
        assert!(warnings[0].contains(" appears twice"), "{warnings:?}");
    }
    let deep = r#"{"name": "c", "type": "long", "metadata": {"x": [1, -1, 1.5, null, true, {"x": {"x": ""}}]}}"#;
    assert_eq!(column(json!({"type_json": deep})), ("BIGINT".to_owned(), vec![]));
}

#[test]
fn a_text_without_a_length_is_no_integer_and_a_decimal_has_any_digits_by_its_name() {
    let (_, warnings) = column(json!({"type_json": "\"integer\"", "type_name": "STRING"}));
    assert_eq!(warnings, ["c: type_json says INTEGER, and type_name STRING; type_json is used; fetch the table again"]);
    assert_eq!(column(json!({"type_json": "\"decimal(12,2)\"", "type_name": "DECIMAL"})).1, Vec::<String>::new());
    let zero = json!({"type_name": "DECIMAL", "type_precision": 0, "type_scale": 0});
    assert_eq!(column(zero), ("DECIMAL(10,0)".to_owned(), vec![]));
}

#[test]
fn null_as_the_text_of_type_json_is_no_contradiction() {
    assert_eq!(column(json!({"type_json": "null", "type_text": "date"})), ("DATE".to_owned(), vec![]));
}

#[test]
fn metadata_that_contradicts_the_type_changes_no_field() {
    let fields = json!([{"name": "a", "type": "string"}, {"name": "b", "type": "long"}]);
    for (hidden, expected) in [
        ("struct<a:varchar(3)>", "STRUCT<a: STRING, b: BIGINT>"),
        ("struct<a:varchar(3),b:int>", "STRUCT<a: VARCHAR(3), b: BIGINT>"),
        ("array<varchar(3)>", "STRUCT<a: STRING, b: BIGINT>"),
    ] {
        let whole = json!({
            "name": "c", "type": {"type": "struct", "fields": fields},
            "metadata": {"__CHAR_VARCHAR_TYPE_STRING": hidden},
        });
        assert_eq!(column(json!({"type_json": whole.to_string()})).0, expected, "{hidden}");
    }
}

#[test]
fn a_wide_struct_is_not_a_deep_one() {
    let fields: Vec<Value> = (0..500).map(|i| json!({"name": format!("f{i}"), "type": "long"})).collect();
    let (used, warnings) = column(json!({"type_json": field(&json!({"type": "struct", "fields": fields}))}));
    assert!(used.ends_with("f499: BIGINT>") && warnings.is_empty(), "{warnings:?}");
}

#[test]
fn brackets_in_a_comment_are_not_nesting() {
    let comment = "[{ \\ \" ".repeat(1_000);
    let whole = json!({"name": "c", "type": "long", "nullable": true, "metadata": {"comment": comment}});
    let (used, warnings) = column(json!({"type_json": whole.to_string()}));
    assert!(used == "BIGINT" && warnings.is_empty(), "{used}, {warnings:?}");
}

#[test]
fn a_deep_type_is_refused_in_every_notation() {
    let refused = |description: Value| {
        let json = json!({"name": "t", "catalog_name": "main", "schema_name": "s", "columns": [description]});
        let info: TableInfo = serde_json::from_value(json).unwrap();
        let report = Table::try_from(&info).unwrap_err().to_string();
        assert!(report.contains("nests deeper than 100 levels"), "{report}");
    };
    for (open, close) in [("array<", ">"), ("map<", ",int>"), ("map<string,", ">"), ("struct<a:", ">")] {
        let text = format!("{}int{}", open.repeat(30_000), close.repeat(30_000));
        refused(json!({"name": "c", "type_text": text}));
    }
    for (open, close) in [
        (r#"{"type":"array","elementType":"#, "}"),
        (r#"{"type":"map","keyType":"string","valueType":"#, "}"),
        (r#"{"type":"struct","fields":[{"name":"a","type":"#, "}]}"),
    ] {
        let text = format!("{}\"long\"{}", open.repeat(30_000), close.repeat(30_000));
        refused(json!({"name": "c", "type_json": text}));
    }
}

#[test]
fn a_hundred_levels_are_carried_and_one_more_is_not() {
    // Each pair has two levels: an ARRAY, and the STRUCT in it.
    let nested = |pairs: usize, inner: &str| json!({"name": "c", "type_text": format!("{}{inner}{}", "array<struct<a:".repeat(pairs), ">>".repeat(pairs))});
    let read = |description: Value| {
        let json = json!({"name": "t", "catalog_name": "main", "schema_name": "s", "columns": [description]});
        Table::try_from(&serde_json::from_value::<TableInfo>(json).unwrap())
    };
    assert!(read(nested(50, "int")).is_ok());
    assert!(read(nested(50, "struct<a:int>")).is_err());
}
