//! End to end: a client with typed or JSON rows, the emulator, a Delta table, and errors along the way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use zerobus_emulator::Emulator;
use zerobus_runtime::{
    Client, ClientBuilder, Date, Error, ErrorKind, Persisted, ServerCode, Timestamp, TimestampNtz, ZerobusMessage,
};

#[allow(dead_code, unreachable_pub, missing_docs, clippy::pedantic, reason = "generated code of tables used in part")]
mod tables {
    include!(concat!(env!("OUT_DIR"), "/plain/zerobus_tables.rs"));
}
use tables::main::geo::Earthquakes;
use tables::main::geo::earthquakes::Location;
use tables::main::sales::Orders;
use tables::main::sales::orders::customer::Address;
use tables::main::sales::orders::customer::address::Geo;
use tables::main::sales::orders::{Customer, LinesElement, TotalsValue};
use tables::main::types::EveryType;
use tables::main::types::every_type::{CStruct, NStruct};

fn schemas() -> PathBuf {
    Path::new(env!("OUT_DIR")).join("schemas")
}

async fn emulator(data: &Path) -> Emulator {
    Emulator::builder().schemas(schemas()).data(data).start().await.unwrap()
}

fn client(emulator: &Emulator) -> ClientBuilder {
    Client::builder()
        .endpoint(emulator.url())
        .workspace_url(emulator.url())
        .credentials(emulator.client_id(), emulator.client_secret())
}

fn every_type() -> EveryType {
    EveryType {
        c_byte: i8::MIN,
        c_short: i16::MIN,
        c_int: i32::MIN,
        c_long: i64::MIN,
        c_float: 0.1,
        c_double: -2.5e300,
        c_boolean: true,
        c_string: "größe \u{1f30d}".to_owned(),
        c_binary: vec![0, 1, 255],
        c_date: Date::MIN,
        c_timestamp: Timestamp::MIN,
        c_timestamp_ntz: TimestampNtz::MAX,
        c_decimal: "-12345678.9".parse().unwrap(),
        c_decimal_wide: "12345678901234567890.123456789012345678".parse().unwrap(),
        c_varchar: String::new(),
        c_variant: r#"{"a":[1,2.5,null,"x"]}"#.parse().unwrap(),
        c_array: vec![1, -2],
        c_map: HashMap::from([("k".to_owned(), 1.5), (String::new(), 0.0)]),
        c_struct: CStruct { a: 0, b: None },
        n_byte: None,
        n_short: Some(i16::MAX),
        n_int: None,
        n_long: Some(0),
        n_float: Some(f32::NEG_INFINITY),
        n_double: None,
        n_boolean: Some(false),
        n_string: Some(String::new()),
        n_binary: None,
        n_date: Some(Date::EPOCH),
        n_timestamp: Some(Timestamp::from_millis(-1).unwrap()),
        n_timestamp_ntz: None,
        n_decimal: Some("0".parse().unwrap()),
        n_variant: Some("null".parse().unwrap()),
        n_array: vec![Timestamp::EPOCH, Timestamp::MAX],
        n_map: HashMap::from([(-5, Date::MAX)]),
        n_struct: Some(NStruct { at: None, day: Date::EPOCH }),
    }
}

#[tokio::test]
async fn a_typed_row_of_every_type_comes_back_from_delta() {
    let data = tempfile::tempdir().unwrap();
    let emulator = emulator(data.path()).await;
    let stream = client(&emulator).build().unwrap().stream::<EveryType>().open().await.unwrap();
    stream.send(&every_type()).await.unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 1);
    let rows = emulator.rows("main.types.every_type").await.unwrap();
    assert_eq!(
        rows,
        [json!({
            "c_byte": -128, "c_short": -32768, "c_int": i32::MIN, "c_long": i64::MIN, "c_float": 0.1,
            "c_double": -2.5e300, "c_boolean": true, "c_string": "größe \u{1f30d}", "c_binary": "AAH/",
            "c_date": -719_162, "c_timestamp": -62_135_596_800_000_000_i64,
            "c_timestamp_ntz": 253_402_300_799_999_999_i64, "c_decimal": "-12345678.90",
            "c_decimal_wide": "12345678901234567890.123456789012345678", "c_varchar": "",
            "c_variant": r#"{"a":[1,2.5,null,"x"]}"#, "c_array": [1, -2], "c_map": {"k": 1.5, "": 0.0},
            "c_struct": {"a": 0, "b": null}, "n_byte": null, "n_short": 32767, "n_int": null, "n_long": 0,
            "n_float": "-Infinity", "n_double": null, "n_boolean": false, "n_string": "", "n_binary": null,
            "n_date": 0, "n_timestamp": -1000, "n_timestamp_ntz": null, "n_decimal": "0.00", "n_variant": "null",
            "n_array": [0, 253_402_300_799_999_999_i64], "n_map": {"-5": 2_932_896},
            "n_struct": {"at": null, "day": 0},
        })]
    );
}

#[tokio::test]
async fn rows_nested_three_deep_come_back_from_delta() {
    let data = tempfile::tempdir().unwrap();
    let emulator = emulator(data.path()).await;
    let stream = client(&emulator).build().unwrap().stream::<Orders>().open().await.unwrap();
    let order = |order_id: i64| Orders {
        order_id,
        placed_at: Timestamp::EPOCH,
        customer: Some(Customer {
            id: 7,
            name: None,
            address: Some(Address {
                line1: None,
                city: Some("Bern".to_owned()),
                geo: Some(Geo { lat: Some(46.9), lon: None }),
            }),
        }),
        lines: vec![LinesElement {
            sku: "a".to_owned(),
            quantity: 2,
            unit_price: "1.5".parse().unwrap(),
            attributes: HashMap::from([("color".to_owned(), "red".to_owned())]),
            shipped: vec![],
        }],
        totals: HashMap::from([("all".to_owned(), TotalsValue { net: Some("3".parse().unwrap()), tax: None })]),
        currency: "CHF".to_owned(),
        note: None,
    };
    stream.send_all((0..3).map(order)).await.unwrap();
    stream.close().await.unwrap();
    let rows = emulator.rows("main.sales.orders").await.unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(
        rows[2],
        json!({
            "order_id": 2, "placed_at": 0,
            "customer": {"id": 7, "name": null, "address": {"line1": null, "city": "Bern", "geo": {"lat": 46.9, "lon": null}}},
            "lines": [{"sku": "a", "quantity": 2, "unit_price": "1.5000", "attributes": {"color": "red"}, "shipped": []}],
            "totals": {"all": {"net": "3.00", "tax": null}}, "currency": "CHF", "note": null,
        })
    );
}

#[tokio::test]
async fn json_rows_and_typed_rows_meet_in_one_table() {
    let data = tempfile::tempdir().unwrap();
    let emulator = emulator(data.path()).await;
    let client = client(&emulator).build().unwrap();
    let json = client.json_stream("main.geo.earthquakes").open().await.unwrap();
    json.send(&quake_as_json("json")).await.unwrap();
    json.close().await.unwrap();
    let typed = client.stream::<Earthquakes>().open().await.unwrap();
    typed.send(&quake("typed")).await.unwrap();
    typed.close().await.unwrap();
    let mut rows = emulator.rows("main.geo.earthquakes").await.unwrap();
    rows.sort_by_key(|row| row["id"].as_str().map(str::to_owned));
    assert_eq!(rows.len(), 2);
    rows[1]["id"] = json!("json");
    assert_eq!(rows[0], rows[1]);
}

#[tokio::test]
async fn a_struct_of_ones_own_fills_the_same_table() {
    #[derive(ZerobusMessage)]
    #[zerobus(table = "main.geo.earthquakes", unchecked)]
    struct Quake<'a> {
        id: &'a str,
        #[zerobus(timestamp(millis))]
        time: i64,
        event_date: Date,
        r#type: &'a str,
        status: &'a str,
        tsunami: bool,
        sig: i16,
        location: Place,
        ids: &'a [&'a str],
    }
    #[derive(ZerobusMessage)]
    struct Place {
        longitude: f64,
        latitude: f64,
    }
    let data = tempfile::tempdir().unwrap();
    let emulator = emulator(data.path()).await;
    let stream = client(&emulator).build().unwrap().stream::<Quake<'_>>().open().await.unwrap();
    for name in ["a", "b"].map(str::to_owned) {
        let row = Quake {
            id: &name,
            time: 1_517_966_773_840,
            event_date: Date::EPOCH,
            r#type: "earthquake",
            status: "automatic",
            tsunami: false,
            sig: 1,
            location: Place { longitude: 1.0, latitude: 2.0 },
            ids: &[&name],
        };
        stream.send(&row).await.unwrap();
    }
    assert_eq!(stream.close().await.unwrap().rows, 2);
    let rows = emulator.rows("main.geo.earthquakes").await.unwrap();
    assert_eq!(rows[1]["id"], "b");
    assert_eq!(rows[1]["time"], 1_517_966_773_840_000_i64);
    assert_eq!(rows[1]["mag"], json!(null));
}

#[tokio::test]
async fn an_unreachable_endpoint_is_an_error_and_nothing_hangs() {
    let data = tempfile::tempdir().unwrap();
    let emulator = emulator(data.path()).await;
    // Bound and dropped, so nothing listens there.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = client(&emulator).endpoint(format!("http://{gone}")).build().unwrap();
    let opening = client.stream::<Earthquakes>().open();
    let error = tokio::time::timeout(Duration::from_secs(60), opening).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert_names(&error, &[&gone.to_string()], "ZEROBUS_SERVER_ENDPOINT");
}

#[tokio::test]
async fn a_wrong_secret_is_an_error_that_does_not_show_it() {
    let data = tempfile::tempdir().unwrap();
    let emulator = emulator(data.path()).await;
    let client = client(&emulator).credentials(emulator.client_id(), "not-the-secret").build().unwrap();
    let error = client.stream::<Earthquakes>().open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials);
    assert_names(&error, &["main.geo.earthquakes"], "DATABRICKS_CLIENT_SECRET");
    assert!(!format!("{error:?} {client:?}").contains("not-the-secret"));
}

#[tokio::test]
async fn a_missing_table_is_an_error() {
    let data = tempfile::tempdir().unwrap();
    let emulator = emulator(data.path()).await;
    let client = client(&emulator).build().unwrap();
    let error = client.stream::<Earthquakes>().table("main.geo.volcanoes").open().await.unwrap_err();
    assert_names(&error, &["main.geo.volcanoes"], "table");
}

#[tokio::test]
async fn a_row_that_breaks_not_null_comes_back_with_its_reason() {
    let data = tempfile::tempdir().unwrap();
    let emulator = emulator(data.path()).await;
    let stream = client(&emulator).build().unwrap().json_stream("main.geo.earthquakes").open().await.unwrap();
    let good = stream.send(&quake_as_json("good")).await.unwrap();
    stream.wait(good).await.unwrap();
    let mut bad = quake_as_json("bad");
    bad.as_object_mut().unwrap().remove("time");
    stream.send(&bad).await.unwrap();
    let error = stream.close().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_names(error.reason(), &["time", "main.geo.earthquakes"], "value of the wrong form");
    let undelivered = error.undelivered().expect("the bad row is returned");
    let rows: Vec<_> = undelivered.rows().collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&rows[0].bytes).unwrap(), bad);
    assert_eq!(rows[0].persisted, Persisted::Possibly);
    let rows = emulator.rows("main.geo.earthquakes").await.unwrap();
    assert_eq!(rows.len(), 1, "nothing of the refused batch has landed, and the good row stays");
}

#[tokio::test]
async fn a_view_cannot_be_opened() {
    let data = tempfile::tempdir().unwrap();
    let emulator = emulator(data.path()).await;
    let error = client(&emulator).build().unwrap().json_stream("main.edge.a_view").open().await.unwrap_err();
    assert_eq!(error.code().map(ServerCode::code), Some(4024));
}

/// Checks that the error, its sources and its remedy name what a reader needs.
fn assert_names(error: &Error, names: &[&str], remedy: &str) {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let text = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    for name in names {
        assert!(text.contains(name), "`{text}` does not name {name}");
    }
    let found = error.remedy().unwrap_or_default();
    assert!(found.contains(remedy), "the remedy of `{text}` is `{found}`, which does not name {remedy}");
}

fn quake(id: &str) -> Earthquakes {
    Earthquakes {
        id: id.to_owned(),
        time: Timestamp::from_millis(1_517_966_773_840).unwrap(),
        updated: None,
        event_date: Date::from_ymd(2018, 2, 7).unwrap(),
        mag: Some(2.5),
        mag_type: Some("ml".to_owned()),
        place: None,
        r#type: "earthquake".to_owned(),
        status: "automatic".to_owned(),
        tsunami: false,
        sig: 96,
        felt: Some(3),
        gap: Some(0.5),
        rms: None,
        location: Location { longitude: -118.5, latitude: 34.5, depth_km: None },
        ids: vec!["x".to_owned()],
        sources: vec![],
        properties: Some(r#"{"net":"ci"}"#.parse().unwrap()),
    }
}

fn quake_as_json(id: &str) -> serde_json::Value {
    json!({
        "id": id, "time": 1_517_966_773_840_000_i64, "event_date": 17_569, "mag": 2.5, "magType": "ml",
        "type": "earthquake", "status": "automatic", "tsunami": false, "sig": 96, "felt": 3, "gap": 0.5,
        "location": {"longitude": -118.5, "latitude": 34.5}, "ids": ["x"], "properties": r#"{"net":"ci"}"#,
    })
}
