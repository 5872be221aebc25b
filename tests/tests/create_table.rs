//! The CREATE TABLE of a struct: the table that it creates has the descriptor with which the struct's rows are sent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::collections::BTreeMap;

use zerobus_codegen::{Table, ddl};
use zerobus_runtime::{Date, Decimal, Timestamp, TimestampNtz, Variant, ZerobusMessage};

#[derive(ZerobusMessage)]
struct Inner {
    amount: Decimal<12, 4>,
    shipped: Vec<Timestamp>,
    at: Option<TimestampNtz>,
}

#[derive(ZerobusMessage)]
#[zerobus(table = "main.shop.orders", unchecked)]
struct Order<'a> {
    id: i64,
    tiny: i8,
    small: Option<i16>,
    int: i32,
    float: f32,
    double: f64,
    yes: bool,
    // An SQL keyword.
    select: &'a str,
    bytes: Option<&'a [u8]>,
    day: Date,
    extra: Variant,
    inner: Inner,
    maybe: Option<Inner>,
    lines: Vec<Inner>,
    by_name: BTreeMap<String, Inner>,
    by_day: BTreeMap<Date, f64>,
}

#[test]
fn the_table_has_the_descriptor_of_the_rows() {
    let sql = Order::create_table();
    let tables = ddl::tables(&sql).unwrap();
    let table = Table::try_from(&tables[0]).unwrap();
    assert_eq!(table.name.to_string(), "main.shop.orders");
    assert_eq!(table.descriptor(), Order::descriptor(), "{sql}");
}
