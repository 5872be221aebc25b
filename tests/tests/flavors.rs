//! The two flavors of a table: both compile for every golden, have the table's descriptor, and encode to the same
//! bytes, which prost-reflect decodes with that descriptor.
#![deny(warnings, missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod names;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::{DescriptorProto, FileDescriptorProto};
use zerobus_codegen::{Table, TableInfo};
use zerobus_runtime::{Date, Decimal, Encoder, Timestamp, TimestampNtz, Variant, ZerobusMessage};

use names::{renamed, shadows};

/// The prost flavor of every golden, with the runtime renamed.
mod renamed_prost_flavor {
    include!(concat!(env!("OUT_DIR"), "/renamed_prost/zerobus_tables.rs"));
}

/// The prost flavor of every golden.
#[allow(unused_imports, reason = "the names that are in the way should not matter")]
mod prost_flavor {
    use super::shadows;
    include!(concat!(env!("OUT_DIR"), "/goldens_prost.rs"));

    pub(super) use edge_clashes::main::edge::Clashes;
    pub(super) use edge_deep::main::edge::Deep;
    pub(super) use edge_keywords::r#type::self_::Self_;
    pub(super) use edge_names::main::edge::Names;
    pub(super) use edge_prelude::std::core::Option as Prelude;
    pub(super) use edge_wide::main::edge::Wide;
    pub(super) use sales_orders::main::sales::{Orders, orders};
    pub(super) use types_every_type::main::types::{EveryType, every_type};
}

/// The typed flavor of the tables whose rows are compared.
mod typed_flavor {
    mod orders_table {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../zerobus-codegen/tests/goldens/sales_orders/expected.rs"));
    }
    mod types_table {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../zerobus-codegen/tests/goldens/types_every_type/expected.rs"));
    }

    pub(super) use orders_table::main::sales::{Orders, orders};
    pub(super) use types_table::main::types::{EveryType, every_type};
}

fn of_table(case: &str) -> DescriptorProto {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zerobus-codegen/tests/goldens");
    let json = fs::read_to_string(goldens.join(case).join("input.json")).unwrap();
    let info: TableInfo = serde_json::from_str(&json).unwrap();
    Table::try_from(&info).unwrap().descriptor()
}

fn encoded(row: &impl ZerobusMessage) -> Vec<u8> {
    let mut out = Encoder::new();
    row.encode_to(&mut out);
    assert!(out.take_refusal().is_none());
    out.into_bytes()
}

/// Decodes the bytes with only the sent descriptor.
fn decoded(descriptor: DescriptorProto, bytes: &[u8]) -> DynamicMessage {
    let name = descriptor.name().to_owned();
    let file = FileDescriptorProto {
        name: Some("row.proto".to_owned()),
        message_type: vec![descriptor],
        ..Default::default()
    };
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file).unwrap();
    DynamicMessage::decode(pool.get_message_by_name(&name).unwrap(), bytes).unwrap()
}

#[test]
fn the_prost_flavor_has_the_descriptor_of_its_table() {
    for (case, descriptor) in [
        ("edge_clashes", prost_flavor::Clashes::descriptor()),
        ("edge_deep", prost_flavor::Deep::descriptor()),
        ("edge_keywords", prost_flavor::Self_::descriptor()),
        ("edge_names", <prost_flavor::Names as ZerobusMessage>::descriptor()),
        ("edge_prelude", prost_flavor::Prelude::descriptor()),
        ("edge_wide", prost_flavor::Wide::descriptor()),
        ("sales_orders", prost_flavor::Orders::descriptor()),
        ("types_every_type", prost_flavor::EveryType::descriptor()),
        ("sales_orders", renamed_prost_flavor::main::sales::Orders::descriptor()),
    ] {
        assert_eq!(descriptor, of_table(case), "{case}");
    }
    assert_eq!(prost_flavor::Orders::TABLE, Some("main.sales.orders"));
}

type Customer = (i64, Option<String>, Option<(Option<String>, Option<f64>)>);
type Line = (String, i32, i64, Option<(String, String)>, Vec<i64>);

/// Microseconds within the years that a TIMESTAMP can hold.
fn micros() -> impl Strategy<Value = i64> {
    -62_135_596_800_000_000_i64..=253_402_300_799_999_999
}

fn customers() -> impl Strategy<Value = Option<Customer>> {
    option::of((
        any::<i64>(),
        option::of(any::<String>()),
        option::of((option::of(any::<String>()), option::of(any::<f64>()))),
    ))
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let unit_price = -999_999_999_999_i64..=999_999_999_999;
    let attribute = option::of((any::<String>(), any::<String>()));
    vec((any::<String>(), any::<i32>(), unit_price, attribute, vec(micros(), 0..3)), 0..4)
}

fn typed_orders(
    id: i64,
    at: i64,
    customer: Option<&Customer>,
    lines: &[Line],
    total: Option<i64>,
) -> typed_flavor::Orders {
    use typed_flavor::orders::customer::{Address, address::Geo};
    use typed_flavor::orders::{Customer, LinesElement, TotalsValue};
    let timestamp = |micros| Timestamp::from_micros(micros).unwrap();
    typed_flavor::Orders {
        order_id: id,
        placed_at: timestamp(at),
        customer: customer.cloned().map(|(id, name, address)| Customer {
            id,
            name,
            address: address.map(|(city, lat)| Address {
                line1: None,
                city,
                geo: lat.map(|lat| Geo { lat: Some(lat), lon: None }),
            }),
        }),
        lines: lines
            .iter()
            .map(|(sku, quantity, price, attribute, shipped)| LinesElement {
                sku: sku.clone(),
                quantity: *quantity,
                unit_price: Decimal::from_unscaled(i128::from(*price)).unwrap(),
                attributes: attribute.clone().into_iter().collect(),
                shipped: shipped.iter().copied().map(timestamp).collect(),
            })
            .collect(),
        totals: total
            .map(|net| {
                let net = Decimal::from_unscaled(i128::from(net)).unwrap();
                (String::new(), TotalsValue { net: Some(net), tax: None })
            })
            .into_iter()
            .collect(),
        currency: "EUR".to_owned(),
        note: None,
    }
}

fn prost_orders(
    id: i64,
    at: i64,
    customer: Option<&Customer>,
    lines: &[Line],
    total: Option<i64>,
) -> prost_flavor::Orders {
    use prost_flavor::orders::customer::{Address, address::Geo};
    use prost_flavor::orders::{Customer, LinesElement, TotalsValue};
    prost_flavor::Orders {
        order_id: id,
        placed_at: at,
        customer: customer.cloned().map(|(id, name, address)| Customer {
            id,
            name,
            address: address.map(|(city, lat)| Address {
                line1: None,
                city,
                geo: lat.map(|lat| Geo { lat: Some(lat), lon: None }),
            }),
        }),
        lines: lines
            .iter()
            .map(|(sku, quantity, price, attribute, shipped)| LinesElement {
                sku: sku.clone(),
                quantity: *quantity,
                unit_price: Decimal::<12, 4>::from_unscaled(i128::from(*price)).unwrap().to_string(),
                attributes: attribute.clone().into_iter().collect(),
                shipped: shipped.clone(),
            })
            .collect(),
        totals: total
            .map(|net| {
                let net = Decimal::<18, 2>::from_unscaled(i128::from(net)).unwrap().to_string();
                (String::new(), TotalsValue { net: Some(net), tax: None })
            })
            .into_iter()
            .collect(),
        currency: "EUR".to_owned(),
        note: None,
    }
}

/// A row of every type, with a value in every column or only in the required ones.
fn typed_every_type(of: &str, n: i64, is_full: bool) -> typed_flavor::EveryType {
    use typed_flavor::every_type::{CStruct, NStruct};
    let time = Timestamp::from_micros(n).unwrap();
    let wall = TimestampNtz::from_micros(n).unwrap();
    let date = Date::from_days(-1).unwrap();
    let some = is_full.then_some(());
    typed_flavor::EveryType {
        c_byte: -128,
        c_short: -32_768,
        c_int: i32::MIN,
        c_long: n,
        c_float: 1.5,
        c_double: -0.0,
        c_boolean: is_full,
        c_string: of.to_owned(),
        c_binary: of.as_bytes().to_vec(),
        c_date: date,
        c_timestamp: time,
        c_timestamp_ntz: wall,
        c_decimal: "-1.50".parse().unwrap(),
        c_decimal_wide: "0.000000000000000001".parse().unwrap(),
        c_varchar: String::new(),
        c_variant: "{\"a\":1}".parse::<Variant>().unwrap(),
        c_array: if is_full { vec![0, -1] } else { vec![] },
        c_map: some.map(|()| (of.to_owned(), 0.0)).into_iter().collect(),
        c_struct: CStruct { a: 0, b: some.map(|()| of.to_owned()) },
        n_byte: some.map(|()| 0),
        n_short: some.map(|()| 1),
        n_int: some.map(|()| -1),
        n_long: some.map(|()| n),
        n_float: some.map(|()| 0.0),
        n_double: some.map(|()| f64::MAX),
        n_boolean: some.map(|()| false),
        n_string: some.map(|()| String::new()),
        n_binary: some.map(|()| vec![]),
        n_date: some.map(|()| date),
        n_timestamp: some.map(|()| time),
        n_timestamp_ntz: some.map(|()| wall),
        n_decimal: some.map(|()| "0".parse().unwrap()),
        n_variant: some.map(|()| "null".parse::<Variant>().unwrap()),
        n_array: some.map(|()| time).into_iter().collect(),
        n_map: some.map(|()| (n, date)).into_iter().collect(),
        n_struct: some.map(|()| NStruct { at: Some(time), day: date }),
    }
}

fn prost_every_type(of: &str, n: i64, is_full: bool) -> prost_flavor::EveryType {
    use prost_flavor::every_type::{CStruct, NStruct};
    let some = is_full.then_some(());
    prost_flavor::EveryType {
        c_byte: -128,
        c_short: -32_768,
        c_int: i32::MIN,
        c_long: n,
        c_float: 1.5,
        c_double: -0.0,
        c_boolean: is_full,
        c_string: of.to_owned(),
        c_binary: of.as_bytes().to_vec(),
        c_date: -1,
        c_timestamp: n,
        c_timestamp_ntz: n,
        c_decimal: "-1.50".to_owned(),
        c_decimal_wide: "0.000000000000000001".to_owned(),
        c_varchar: String::new(),
        c_variant: "{\"a\":1}".to_owned(),
        c_array: if is_full { vec![0, -1] } else { vec![] },
        c_map: some.map(|()| (of.to_owned(), 0.0)).into_iter().collect(),
        c_struct: CStruct { a: 0, b: some.map(|()| of.to_owned()) },
        n_byte: some.map(|()| 0),
        n_short: some.map(|()| 1),
        n_int: some.map(|()| -1),
        n_long: some.map(|()| n),
        n_float: some.map(|()| 0.0),
        n_double: some.map(|()| f64::MAX),
        n_boolean: some.map(|()| false),
        n_string: some.map(|()| String::new()),
        n_binary: some.map(|()| vec![]),
        n_date: some.map(|()| -1),
        n_timestamp: some.map(|()| n),
        n_timestamp_ntz: some.map(|()| n),
        n_decimal: some.map(|()| "0.00".to_owned()),
        n_variant: some.map(|()| "null".to_owned()),
        n_array: some.map(|()| n).into_iter().collect(),
        n_map: some.map(|()| (n, -1)).into_iter().collect::<HashMap<_, _>>(),
        n_struct: some.map(|()| NStruct { at: Some(n), day: -1 }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_flavors_encode_orders_to_the_same_bytes(
        id in any::<i64>(), at in micros(), customer in customers(), lines in lines(),
        total in option::of(-9_999_999_999_i64..=9_999_999_999),
    ) {
        let typed = encoded(&typed_orders(id, at, customer.as_ref(), &lines, total));
        let prost = encoded(&prost_orders(id, at, customer.as_ref(), &lines, total));
        prop_assert_eq!(&typed, &prost);
        let row = decoded(prost_flavor::Orders::descriptor(), &typed);
        let read = |name: &str| row.get_field_by_name(name).unwrap().into_owned();
        prop_assert_eq!(read("order_id").as_i64(), Some(id));
        prop_assert_eq!(read("placed_at").as_i64(), Some(at));
        prop_assert_eq!(read("lines").as_list().unwrap().len(), lines.len());
        prop_assert_eq!(row.has_field_by_name("customer"), customer.is_some());
    }

    #[test]
    fn both_flavors_encode_every_type_to_the_same_bytes(of in any::<String>(), n in micros(), is_full in any::<bool>()) {
        let typed = encoded(&typed_every_type(&of, n, is_full));
        prop_assert_eq!(&typed, &encoded(&prost_every_type(&of, n, is_full)));
        let row = decoded(prost_flavor::EveryType::descriptor(), &typed);
        let string = row.get_field_by_name("c_string").unwrap().into_owned();
        prop_assert_eq!(string.as_str(), Some(of.as_str()));
        prop_assert_eq!(row.get_field_by_name("c_long").unwrap().as_i64(), Some(n));
    }
}
