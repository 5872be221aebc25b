//! Sends rows of your own struct, which the compiler checks against the table, to a Delta table.
//!
//! Change the type or the name of a field, and see the compiler's error.

use std::borrow::Cow;

use zerobus_emulator::Emulator;
use zerobus_runtime::{Client, ZerobusMessage};

/// The lines that devices send; the rows borrow from this text.
const LINES: &str = "\
    a-17;1763700000000;21.5;93;46.9480,7.4474;indoor,office
    a-18;1763700000250;;17;47.3769,8.5417;
    b-02;1763700001999;-3.25;64;46.0207,7.7491;outdoor";

/// A row of `main.iot.readings`; the snapshot in `schemas` describes the table.
///
/// Nullable columns can be omitted, here `firmware`. Fields can have any order, and integers can be narrower than their
/// column.
#[derive(ZerobusMessage)]
#[zerobus(table = "main.iot.readings", rename_all = "camelCase")]
struct Reading<'a> {
    device_id: &'a str,
    #[zerobus(name = "measuredAt", timestamp(millis))]
    millis: i64,
    celsius: Option<f64>,
    #[zerobus(name = "batteryPercent")]
    battery: u8,
    position: Position,
    tags: Vec<Cow<'a, str>>,
}

#[derive(ZerobusMessage)]
struct Position {
    latitude: f64,
    longitude: f64,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let schemas = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
    let emulator = Emulator::builder().schemas(schemas).start().await?;
    let client = Client::builder()
        .endpoint(emulator.url())
        .workspace_url(emulator.url())
        .credentials(emulator.client_id(), emulator.client_secret())
        .build()?;

    let stream = client.stream::<Reading<'_>>().open().await?;
    for line in LINES.lines() {
        stream.send(&parse(line.trim())?).await?;
    }
    let report = stream.close().await?;

    println!("{} rows are durable:", report.rows);
    for row in emulator.rows("main.iot.readings").await? {
        println!("{row}");
    }
    emulator.shutdown().await;
    Ok(())
}

fn parse(line: &str) -> Result<Reading<'_>, Failure> {
    let fields: Vec<&str> = line.split(';').collect();
    let [device_id, millis, celsius, battery, position, tags] = fields[..] else {
        return Err(format!("`{line}` does not have six fields").into());
    };
    let (latitude, longitude) = position.split_once(',').ok_or("a position is latitude,longitude")?;
    Ok(Reading {
        device_id,
        millis: millis.parse()?,
        celsius: if celsius.is_empty() { None } else { Some(celsius.parse()?) },
        battery: battery.parse()?,
        position: Position { latitude: latitude.parse()?, longitude: longitude.parse()? },
        tags: tags.split(',').filter(|tag| !tag.is_empty()).map(Cow::Borrowed).collect(),
    })
}
