//! Rows that are known at run time, judged by prost-reflect: it decodes them by the table's descriptor.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::FileDescriptorProto;
use serde_json::{Value, json};
use zerobus_runtime::dynamic::{DecimalMark, DynamicRow, RowPlan, Table, TableInfo, TimeUnit, UnknownColumns};
use zerobus_runtime::{DeadLetter, DeadLetters, Encoder, Error, ErrorKind};

/// A table of these columns: name, type in SQL, and NOT NULL where the type ends with `!`.
fn plan(columns: &[(&str, &str)]) -> RowPlan {
    let columns: Vec<Value> = (0..)
        .zip(columns)
        .map(|(position, (name, text))| {
            let (text, nullable) = text.strip_suffix('!').map_or((*text, true), |text| (text, false));
            json!({"name": name, "type_text": text, "position": position, "nullable": nullable})
        })
        .collect();
    let info = json!({"name": "t", "catalog_name": "main", "schema_name": "a", "columns": columns});
    let info: TableInfo = serde_json::from_value(info).unwrap();
    RowPlan::new(&Table::try_from(&info).unwrap())
}

fn encoded(plan: &RowPlan, row: &DynamicRow<'_>) -> Result<Vec<u8>, Error> {
    let mut out = Encoder::new();
    plan.encode(row, &mut out)?;
    Ok(out.into_bytes())
}

/// What a row is to whoever has the descriptor, as protobuf's JSON with the columns' names.
fn decoded(plan: &RowPlan, row: &DynamicRow<'_>) -> Result<Value, String> {
    let bytes = encoded(plan, row).map_err(|error| {
        assert_eq!(error.kind(), ErrorKind::Rejected);
        error.to_string()
    })?;
    let file = FileDescriptorProto {
        name: Some("row.proto".to_owned()),
        message_type: vec![plan.descriptor().clone()],
        ..FileDescriptorProto::default()
    };
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file).unwrap();
    let message = pool.get_message_by_name(plan.descriptor().name()).unwrap();
    let message = DynamicMessage::decode(message, &*bytes).unwrap();
    assert!(message.unknown_fields().next().is_none());
    let options = prost_reflect::SerializeOptions::new().stringify_64_bit_integers(false);
    Ok(message.serialize_with_options(serde_json::value::Serializer, &options).unwrap())
}

fn check(plan: &RowPlan, json: &str, expected: &Value) {
    assert_eq!(decoded(plan, &plan.json(json)).as_ref(), Ok(expected), "{json}");
    let value: Value = serde_json::from_str(json).unwrap();
    assert_eq!(decoded(plan, &plan.value(&value)).as_ref(), Ok(expected), "the value {json}");
}

fn refuse(plan: &RowPlan, json: &str, expected: &str) {
    let found = decoded(plan, &plan.json(json)).expect_err(json);
    assert_eq!(found, expected, "{json}");
}

#[test]
fn every_type_of_column_takes_what_people_have() {
    let plan = plan(&[
        ("b", "boolean"),
        ("t", "tinyint"),
        ("s", "smallint"),
        ("i", "int"),
        ("l", "bigint!"),
        ("f", "float"),
        ("d", "double"),
        ("text", "string"),
        ("short", "varchar(3)"),
        ("bin", "binary"),
        ("day", "date"),
        ("at", "timestamp"),
        ("wall", "timestamp_ntz"),
        ("price", "decimal(10,2)"),
        ("any", "variant"),
        ("list", "array<int>"),
        ("days", "array<date>"),
        ("map", "map<string,double>"),
        ("ids", "map<bigint,string>"),
        ("place", "struct<x:int,inner:struct<at:timestamp>>"),
        ("lines", "array<struct<sku:string,n:int>>"),
        ("by", "map<date,struct<n:int>>"),
    ]);
    check(
        &plan,
        r#"{"b":true,"t":-128,"s":32767,"i":"-7","l":9223372036854775807,"f":1.5,"d":1,"text":"\u00e9\n","short":"äöü",
            "bin":"AQI","day":"1969-12-31","at":"2018-02-07T02:26:13.84+01:00","wall":"2018-02-07 01:26:13.840",
            "price":19.99,"any":{"a":[1,null]},"list":[1,2.0],"days":["1970-01-02"],"map":{"k":1e3},"ids":{"7":"x"},
            "place":{"x":1,"inner":{"at":"1970-01-01 00:00:00.000001"}},"lines":[{"sku":"a"},{"n":2}],
            "by":{"1970-01-03":{"n":3}}}"#,
        &json!({
            "b": true, "t": -128, "s": 32767, "i": -7, "l": i64::MAX, "f": 1.5, "d": 1.0, "text": "é\n", "short": "äöü",
            "bin": "AQI=", "day": -1, "at": 1_517_966_773_840_000_i64, "wall": 1_517_966_773_840_000_i64,
            "price": "19.99", "any": "{\"a\":[1,null]}", "list": [1, 2], "days": [1], "map": {"k": 1000.0},
            "ids": {"7": "x"}, "place": {"x": 1, "inner": {"at": 1}}, "lines": [{"sku": "a"}, {"n": 2}],
            "by": {"2": {"n": 3}},
        }),
    );
    check(
        &plan,
        r#"{"l":1,"d":"NaN","f":"-Infinity","any":"a","price":"1.5e1","B":"TRUE"}"#,
        &json!({
            "l": 1, "d": "NaN", "f": "-Infinity", "any": "\"a\"", "price": "15", "b": true,
        }),
    );
    check(&plan, r#"{"L":1,"text":null,"list":null,"map":{},"place":{}}"#, &json!({"l": 1, "place": {}}));
}

#[test]
fn a_refused_row_names_the_column_and_what_was_found_and_expected() {
    let plan = plan(&[
        ("id", "bigint!"),
        ("t", "tinyint"),
        ("f", "float"),
        ("name", "varchar(3)"),
        ("at", "timestamp"),
        ("price", "decimal(4,2)"),
        ("bin", "binary"),
        ("lines", "array<struct<sku:string NOT NULL,n:int>>"),
        ("map", "map<int,string>"),
        ("wall", "timestamp_ntz"),
    ]);
    for (json, expected) in [
        (r#"{"t":1}"#, "column id: found no value, expected BIGINT NOT NULL"),
        (r#"{"id":null}"#, "column id: found null, expected BIGINT NOT NULL"),
        (r#"{"id":1,"t":128}"#, "column t: found the number 128, expected TINYINT, -128 to 127"),
        (r#"{"id":1.5}"#, "column id: found the number 1.5, expected BIGINT"),
        (
            r#"{"id":18446744073709551615}"#,
            "column id: found the number 18446744073709551615, expected BIGINT, -9223372036854775808 to 9223372036854775807",
        ),
        (r#"{"id":true}"#, "column id: found a boolean, expected BIGINT"),
        (r#"{"id":[1]}"#, "column id: found an array, expected BIGINT"),
        (r#"{"id":{}}"#, "column id: found an object, expected BIGINT"),
        (r#"{"id":1,"f":1e39}"#, "column f: found the number 1e39, expected FLOAT"),
        (r#"{"id":1,"name":"abcd"}"#, "column name: found 4 characters, expected VARCHAR(3)"),
        (
            r#"{"id":1,"at":1517966773}"#,
            "column at: found the number 1517966773, expected TIMESTAMP as text; an integer is taken where its unit is named",
        ),
        (
            r#"{"id":1,"at":"10000-01-01T00:00:00Z"}"#,
            "column at: found the text \"10000-01-01T00:00:00Z\", expected TIMESTAMP, as in 2026-01-31T12:00:00Z or 2026-01-31 12:00:00",
        ),
        (
            r#"{"id":1,"wall":"2018-02-07T01:26:13Z"}"#,
            "column wall: found the text \"2018-02-07T01:26:13Z\", expected TIMESTAMP_NTZ without a zone, as in 2026-01-31T12:00:00",
        ),
        (
            r#"{"id":1,"price":0.001}"#,
            "column price: found the text \"0.001\", which does not fit, expected DECIMAL(4,2)",
        ),
        (r#"{"id":1,"price":true}"#, "column price: found a boolean, expected DECIMAL(4,2)"),
        (r#"{"id":1,"bin":"?"}"#, "column bin: found the text \"?\", expected BINARY as base64"),
        (
            r#"{"id":1,"lines":[{"sku":"a"},{"n":1}]}"#,
            "column lines.element.sku: found no value, expected STRING NOT NULL",
        ),
        (r#"{"id":1,"lines":[null]}"#, "column lines.element: found null, expected STRUCT NOT NULL"),
        (r#"{"id":1,"map":{"x":"y"}}"#, "column map.key: found the text \"x\", expected INT"),
        (r#"{"id":1,"map":{"1":null}}"#, "column map.value: found null, expected STRING NOT NULL"),
        (
            r#"{"id":1,"names":"x"}"#,
            "column names: found a value for it, expected a column of the table; `name` is one",
        ),
        (r#"{"id":1,"ID":2}"#, "column id: found it twice, expected each column once, ignoring case"),
        ("[1]", "found an array, expected an object of the table's columns"),
        ("null", "found null, expected an object of the table's columns"),
        (
            r#"{"id":1} {"id":2}"#,
            "found text that is no JSON (trailing characters at line 1 column 10), expected one JSON object",
        ),
        (
            r#"{"id":1"#,
            "found text that is no JSON (EOF while parsing an object at line 1 column 7), expected one JSON object",
        ),
    ] {
        refuse(&plan, json, expected);
    }
    let invalid: &[u8] = b"{\"id\":1,\"name\":\"\xff\"}";
    assert!(encoded(&plan, &plan.json(invalid)).is_err());
    let error = encoded(&plan, &plan.json(r#"{"id":1,"lines":[{"n":1}]}"#)).unwrap_err();
    assert_eq!(error.column().as_deref(), Some("lines.element.sku"));
}

#[test]
fn what_a_plan_takes_besides_is_asked_for_by_name() {
    let plan = plan(&[("at", "timestamp"), ("wall", "timestamp_ntz"), ("day", "date")]);
    for (unit, number) in [
        (TimeUnit::Secs, "1517966773"),
        (TimeUnit::Millis, "1517966773000"),
        (TimeUnit::Micros, "1517966773000000"),
        (TimeUnit::Nanos, "1517966773000000999"),
    ] {
        let plan = plan.clone().integer_times(unit);
        let row = format!(r#"{{"at":{number},"wall":{number},"day":17569}}"#);
        let micros = 1_517_966_773_000_000_i64;
        let expected = json!({"at": micros, "wall": micros, "day": 17_569});
        check(&plan, &row, &expected);
        // Digits in a text are an integer as well: cells have nothing else.
        check(&plan, &format!(r#"{{"at":"{number}","wall":"{number}","day":"17569"}}"#), &expected);
        let columns = plan.cells(["at", "wall", "day"]).unwrap();
        assert_eq!(decoded(&plan, &columns.row(&[Some(number), Some(number), Some("17569")])), Ok(expected));
    }
    for column in ["at", "wall", "day"] {
        let found = format!("column {column}: found the number 2026, expected");
        let row = format!(r#"{{"{column}":"2026"}}"#);
        for error in [
            decoded(&plan, &plan.json(&row)).unwrap_err(),
            decoded(&plan, &plan.cells([column]).unwrap().row(&[Some("2026")])).unwrap_err(),
        ] {
            assert!(error.starts_with(&found), "{error}");
        }
    }
    let micros = plan.clone().integer_times(TimeUnit::Micros);
    let expected = "column at: found the number 9223372036854775807, expected TIMESTAMP within the years 0001 to 9999";
    refuse(&micros, r#"{"at":9223372036854775807}"#, expected);
    let ignoring = plan.unknown_columns(UnknownColumns::Ignore);
    check(&ignoring, r#"{"other":{"day":1},"day":"1970-01-01"}"#, &json!({"day": 0}));
}

#[test]
fn cells_are_text_and_a_header_says_their_columns() {
    let plan = plan(&[
        ("id", "bigint!"),
        ("name", "string!"),
        ("price", "decimal(4,2)"),
        ("tags", "array<string>"),
        ("v", "variant"),
    ]);
    let columns = plan.cells(["NAME", "id", "price", "tags", "v"]).unwrap();
    let cells = [None, Some("7"), Some("1.5"), Some(r#"["a","b"]"#), Some("[1]")];
    let expected = json!({"id": 7, "name": "", "price": "1.5", "tags": ["a", "b"], "v": "[1]"});
    assert_eq!(decoded(&plan, &columns.row(&cells)), Ok(expected));
    // A row that is kept as JSON is the same row.
    let json = String::from_utf8(columns.row(&cells).to_json()).unwrap();
    assert_eq!(json, r#"{"name":"","id":"7","price":"1.5","tags":["a","b"],"v":[1]}"#);
    assert_eq!(decoded(&plan, &plan.json(&json)), decoded(&plan, &columns.row(&cells)));
    let null = [Some("n"), Some("7"), None, None, None];
    assert_eq!(decoded(&plan, &columns.row(&null)), Ok(json!({"id": 7, "name": "n"})));
    for (cells, expected) in [
        (&[Some("n"), Some("x"), None, None, None][..], "column id: found the text \"x\", expected BIGINT"),
        (&[Some("n"), None, None, None, None], "column id: found no value, expected BIGINT NOT NULL"),
        (
            &[Some("n"), Some("1"), Some("1,5"), None, None],
            "column price: found the text \"1,5\", expected DECIMAL(4,2) with a decimal point",
        ),
        (
            &[Some("n"), Some("1"), None, Some("a"), None],
            "column tags: found text that is no JSON (expected value at line 1 column 1), expected one JSON object",
        ),
        (&[Some("n")], "found 1 cells, expected 5, as the header has"),
    ] {
        assert_eq!(decoded(&plan, &columns.row(cells)).unwrap_err(), expected);
    }
    let comma = plan.clone().decimal_mark(DecimalMark::Comma);
    let columns = comma.cells(["id", "name", "price"]).unwrap();
    assert_eq!(
        decoded(&comma, &columns.row(&[Some("1"), Some("n"), Some("-1,5")])),
        Ok(json!({"id": 1, "name": "n", "price": "-1.5"}))
    );
    assert!(encoded(&comma, &columns.row(&[Some("1"), Some("n"), Some("1.5")])).is_err());
    for (header, expected) in [
        (
            &["id", "names"][..],
            "found the text \"names\" in the header, expected names of the table's columns; `name` is one",
        ),
        (&["id", "name", "ID"], "column ID: found it twice in the header, expected each column once"),
        (&["name"], "column id: found no value, expected BIGINT NOT NULL"),
    ] {
        assert_eq!(plan.cells(header).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_struct_of_many_fields_keeps_track_of_each() {
    let names: Vec<String> = (0..1_000).map(|n| format!("c{n}")).collect();
    let columns: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "int!")).collect();
    let plan = plan(&columns);
    let all: Vec<String> = names.iter().rev().map(|name| format!("\"{name}\":1")).collect();
    encoded(&plan, &plan.json(&format!("{{{}}}", all.join(",")))).unwrap();
    let lacking = format!("{{{}}}", all[..999].join(","));
    refuse(&plan, &lacking, "column c0: found no value, expected INT NOT NULL");
    let twice = format!("{{{},\"C700\":1}}", all.join(","));
    refuse(&plan, &twice, "column c700: found it twice, expected each column once, ignoring case");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic_and_what_is_taken_is_a_whole_message(text in "[\\[\\]{}:,\"a-e0-9.eE+\\- \\\\un]{0,60}") {
        let plan = plan(&[("a", "int"), ("b", "array<struct<c:string,d:map<int,double>>>"), ("c", "variant"), ("d", "decimal(3,1)"), ("e", "struct<a:boolean>")]);
        let _ = decoded(&plan, &plan.json(&text));
    }

    #[test]
    fn numbers_and_texts_arrive_as_they_are(id in any::<i64>(), text in any::<String>(), d in any::<f64>(), small in any::<i8>()) {
        let plan = plan(&[("id", "bigint!"), ("text", "string"), ("d", "double"), ("small", "tinyint")]);
        let row = json!({"small": small, "text": text, "d": d, "id": id});
        let mut expected = json!({"small": small, "text": text, "id": id});
        if d.is_finite() {
            expected["d"] = json!(d);
        }
        prop_assert_eq!(decoded(&plan, &plan.json(&row.to_string())), Ok(expected));
    }
}

#[tokio::test]
async fn a_dead_letter_has_its_row_as_json_and_a_row_that_does_not_fit_with_its_column() {
    let plan = plan(&[
        ("b", "boolean"),
        ("i", "int"),
        ("l", "bigint!"),
        ("f", "float"),
        ("d", "double"),
        ("p", "decimal(10,2)"),
        ("s", "string"),
        ("y", "binary"),
        ("t", "timestamp"),
        ("v", "variant"),
        ("a", "array<int>"),
        ("m", "map<bigint, struct<x: double, y: array<string>>>"),
        ("r", "struct<deep: struct<n: map<string, boolean>>, e: array<struct<k: int>>>"),
    ]);
    let rows = [
        json!({"l": i64::MIN}),
        json!({"b": false, "i": -1, "l": 9_007_199_254_740_993_i64, "f": 0.5, "d": -0.0, "p": "1.50", "s": "a\"\n\u{1}ü", "y": "AP8="}),
        json!({"l": 0, "f": "NaN", "d": "-Infinity", "t": "2026-01-31T12:00:00Z", "v": {"k": [1]}, "a": [0, -5, 2_147_483_647]}),
        json!({"l": 1, "m": {"-7": {"x": 1e300, "y": ["", "z"]}, "8": {}}, "r": {"deep": {"n": {"": true}}, "e": [{}, {"k": 1}]}}),
    ];
    let letters = Arc::<Mutex<Vec<DeadLetter>>>::default();
    let kept = Arc::clone(&letters);
    let sink = DeadLetters::callback(move |letter| {
        kept.lock().unwrap().push(letter.clone());
        Ok(())
    });
    let (server, _) = scripted::recording().await;
    // Every row is too large, so that the sink gets it as it would be sent.
    let stream = server.client().encoded_stream(plan.table(), plan.descriptor()).dead_letters(sink.clone());
    let stream = stream.max_row_bytes(1).open().await.unwrap();
    for row in &rows {
        assert_eq!(
            stream.send(&encoded(&plan, &plan.value(row)).unwrap()).await.unwrap_err().kind(),
            ErrorKind::Rejected
        );
    }
    assert_eq!(stream.close().await.unwrap().stats.dead_letters, 4);
    for (row, letter) in rows.iter().zip(letters.lock().unwrap().drain(..)) {
        let found: Value = serde_json::from_str(letter.json().unwrap()).unwrap();
        assert_eq!(Ok(found), decoded(&plan, &plan.value(row)));
    }

    let stream = server.client().dynamic_stream(&plan).dead_letters(sink).open().await.unwrap();
    let header = plan.cells(["l", "s"]).unwrap();
    let bad = json!({"l": 2, "r": {"e": [{"k": 1}, {"k": "one"}]}});
    let texts = ["{\"l\": 1}", "{\"l\": true}"];
    let cells = [Some("x"), Some("y")];
    let sent =
        [plan.json(texts[0]), plan.json(texts[1]), plan.value(&bad), header.row(&cells), plan.json("{\"l\": 3}")];
    assert_eq!(stream.send_all(sent).await.unwrap().unwrap().value(), 1);
    assert_eq!(stream.close().await.unwrap().rows, 2);
    let letters = letters.lock().unwrap();
    let found: Vec<_> = letters.iter().map(|letter| (letter.column().unwrap(), letter.json().unwrap())).collect();
    let bad = bad.to_string();
    assert_eq!(found, [("l", texts[1]), ("r.e.element.k", &bad), ("l", "{\"l\":\"x\",\"s\":\"y\"}")]);
    assert!(letters.iter().all(DeadLetter::is_json));
}

#[tokio::test]
async fn the_sink_gets_a_refused_row_once_among_rows_that_are_sent_together() {
    let plan = plan(&[("l", "bigint!")]);
    let letters = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&letters);
    let sink = DeadLetters::callback(move |letter| {
        kept.lock().unwrap().push(letter.json().unwrap().to_owned());
        Ok(())
    });
    let (server, _) = scripted::recording().await;
    let stream = server.client().dynamic_stream(&plan).dead_letters(sink).open().await.unwrap();
    let texts = (0..40).map(|n| if n % 13 == 12 { format!("{{\"l\":\"{n}x\"}}") } else { format!("{{\"l\":{n}}}") });
    let texts: Vec<_> = texts.collect();
    let rows: Vec<_> = texts.iter().map(|text| plan.json(text)).collect();
    let mut next = 0;
    while next < rows.len() {
        match stream.try_send_many(&rows[next..]) {
            Ok(accepted) => next += accepted.unwrap().rows(),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Rejected);
                assert_eq!(rows[next].to_json(), texts[next].as_bytes());
                next += 1;
            }
        }
    }
    assert_eq!(stream.close().await.unwrap().rows, 37);
    assert_eq!(*letters.lock().unwrap(), [&*texts[12], &texts[25], &texts[38]]);
}
