use zerobus_runtime::{Date, Timestamp, ZerobusMessage};

#[derive(ZerobusMessage)]
struct Location {
    longitude: f64,
    latitude: f64,
}

#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.earthquakes")]
struct Row {
    id: String,
    time: Timestamp,
    event_date: Date,
    r#type: String,
    status: String,
    tsunami: bool,
    sig: i16,
    location: Location,
    ids: Vec<String>,
    magnitude: f64,
}

fn main() {}
