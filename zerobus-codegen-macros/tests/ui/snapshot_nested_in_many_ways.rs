use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Location {
    latitude: f32,
    longitude: Option<String>,
    depth: f64,
}

#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.earthquakes")]
struct Row<'a> {
    id: &'a str,
    time: std::time::SystemTime,
    event_date: zerobus_runtime::Date,
    r#type: &'a str,
    status: &'a str,
    tsunami: bool,
    sig: i16,
    location: Option<Location>,
    ids: Vec<String>,
}

fn main() {}
