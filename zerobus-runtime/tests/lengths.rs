//! Texts held against the lengths of their columns when a row is sent: a row that is too long is refused alone, with
//! the column's path.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::borrow::Cow;
use std::collections::BTreeMap;

use scripted::Scripted;
use zerobus_runtime::{Encoder, ErrorKind, ValueError, ZerobusMessage};

#[derive(ZerobusMessage)]
#[zerobus(rename_all = "UPPERCASE")]
enum Status {
    Open,
    Closed,
}

#[derive(ZerobusMessage, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[zerobus(key)]
struct Name<'a>(Cow<'a, str>);

/// The fields stand in another order than in the column's type, so they have other numbers there.
#[derive(ZerobusMessage, Default)]
struct Line<'a> {
    note: Option<&'a str>,
    code: &'a str,
    inner: Vec<Inner<'a>>,
}

#[derive(ZerobusMessage)]
struct Inner<'a> {
    label: &'a str,
}

#[derive(ZerobusMessage, Default)]
struct Row<'a> {
    id: i64,
    #[zerobus(type = "VARCHAR(3) NOT NULL")]
    name: &'a str,
    #[zerobus(type = "CHAR(2)", number = 17)]
    country: Option<String>,
    #[zerobus(type = "ARRAY<VARCHAR(3)>")]
    tags: Vec<Cow<'a, str>>,
    #[zerobus(type = "MAP<VARCHAR(3), VARCHAR(200)>")]
    labels: BTreeMap<Name<'a>, &'a str>,
    #[zerobus(
        type = "STRUCT<code: VARCHAR(3) NOT NULL, more: INT, note: STRING, inner: ARRAY<STRUCT<label: CHAR(1)>>>"
    )]
    line: Option<Line<'a>>,
    #[zerobus(
        type = "ARRAY<STRUCT<code: VARCHAR(150), note: VARCHAR(3), inner: ARRAY<STRUCT<label: VARCHAR(200)>>>>",
        name = "moreLines"
    )]
    more_lines: Vec<Line<'a>>,
    #[zerobus(type = "varchar(4)")]
    status: Option<Status>,
    #[zerobus(type = "VARCHAR(3)", with = |number: &i64| number.to_string())]
    number: i64,
    #[zerobus(type = "MAP<INT, STRUCT<label: VARCHAR(2)>>")]
    by_number: BTreeMap<i32, Inner<'a>>,
}

fn row(change: impl FnOnce(&mut Row<'static>)) -> Row<'static> {
    let mut row = Row::default();
    change(&mut row);
    row
}

fn line(note: Option<&'static str>, code: &'static str, labels: &[&'static str]) -> Line<'static> {
    Line { note, code, inner: labels.iter().map(|label| Inner { label }).collect() }
}

const LONG: &str = "a text of more than a hundred and twenty-seven bytes, which is the longest that one byte says the length \
                    of, in protobuf's notation of integers";

#[tokio::test]
async fn a_text_that_is_too_long_refuses_its_row_with_the_columns_path() {
    let server = Scripted::new(scripted::Call::serve).start().await;
    let stream = server.client().stream::<Row<'_>>().table("main.test.rows").open().await.unwrap();
    let cases = [
        (row(|row| row.name = "äöüx"), "name", 4, "VARCHAR(3)"),
        (row(|row| row.name = LONG), "name", LONG.len(), "VARCHAR(3)"),
        (row(|row| row.country = Some("DEU".to_owned())), "country", 3, "CHAR(2)"),
        (row(|row| row.tags = ["abc", "", "abcd"].map(Cow::from).into()), "tags[2]", 4, "VARCHAR(3)"),
        (row(|row| row.labels = [(Name("abcd".into()), "x")].into()), "labels.key", 4, "VARCHAR(3)"),
        (row(|row| row.line = Some(line(Some(LONG), "abcd", &[]))), "line.code", 4, "VARCHAR(3)"),
        (row(|row| row.line = Some(line(None, "abc", &["", "ab"]))), "line.inner[1].label", 2, "CHAR(1)"),
        (
            row(|row| row.more_lines = vec![line(None, LONG, &["", LONG]), line(Some("abcd"), "", &[])]),
            "moreLines[1].note",
            4,
            "VARCHAR(3)",
        ),
        (row(|row| row.status = Some(Status::Closed)), "status", 6, "VARCHAR(4)"),
        (row(|row| row.number = 1_000), "number", 4, "VARCHAR(3)"),
        (
            row(|row| row.by_number = [(1, Inner { label: "ab" }), (2, Inner { label: "abc" })].into()),
            "by_number.value.label",
            3,
            "VARCHAR(2)",
        ),
    ];
    for (row, path, found, column) in cases {
        let error = stream.send(&row).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("`{path}`")) || text.contains(&format!("{path}:")), "{path} in {text}");
        let reason = format!("a text of {found} characters does not fit {column}; shorten it, or widen the column");
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(text.contains(&reason) || source.contains(&reason), "{reason} in {text}: {source}");
    }
    // The rows beside them go out.
    stream.send(&row(|row| (row.id, row.name) = (7, "äöü"))).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(server.records.durable(), [7]);
}

#[test]
fn a_text_as_long_as_its_column_is_written() {
    let full = Row {
        id: i64::MIN,
        name: "äöü",
        country: Some("日本".to_owned()),
        tags: ["abc", "", "äöü"].map(Cow::from).into(),
        labels: [(Name("äöü".into()), LONG)].into(),
        line: Some(line(Some(LONG), "äöü", &["ä", ""])),
        more_lines: vec![line(Some("äöü"), LONG, &[LONG, LONG])],
        status: Some(Status::Open),
        number: 999,
        by_number: [(-1, Inner { label: "äö" })].into(),
    };
    let mut out = Encoder::new();
    full.encode_to(&mut out);
    assert_eq!(out.take_refusal(), None);
}

#[test]
fn the_first_refused_value_is_named() {
    let mut out = Encoder::new();
    row(|row| (row.name, row.number) = ("abcd", 10_000)).encode_to(&mut out);
    let refusal = out.take_refusal().unwrap();
    assert!(matches!(refusal, ValueError::Length { found: 4, .. }), "{refusal}");
}

#[test]
fn the_type_that_a_field_names_is_that_of_its_column() {
    let statement = Row::create_table();
    for expected in [
        "`id` BIGINT NOT NULL,",
        "`name` VARCHAR(3) NOT NULL,",
        "`country` CHAR(2),",
        "`tags` ARRAY<VARCHAR(3)>,",
        "`labels` MAP<VARCHAR(3), VARCHAR(200)>,",
        // A field that is no `Option` is never null.
        "`number` VARCHAR(3) NOT NULL,",
    ] {
        assert!(statement.contains(expected), "{expected} in {statement}");
    }
}

#[test]
fn a_struct_that_names_its_types_may_be_held_against_them_again() {
    #[derive(ZerobusMessage)]
    struct Place<'a> {
        #[zerobus(type = "VARCHAR(8)")]
        code: &'a str,
    }
    #[derive(ZerobusMessage)]
    struct Visit<'a> {
        #[zerobus(type = "STRUCT<code: VARCHAR(4)>")]
        place: Place<'a>,
    }
    let refused = |code| {
        let mut out = Encoder::new();
        Visit { place: Place { code } }.encode_to(&mut out);
        out.take_refusal().map(|refusal| refusal.to_string())
    };
    assert_eq!(refused("1234"), None);
    assert!(refused("12345").unwrap().contains("VARCHAR(4)"));
    assert!(refused("123456789").unwrap().contains("VARCHAR(8)"));
}
