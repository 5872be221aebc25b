use zerobus_runtime::ZerobusMessage;

struct Opaque;

#[derive(ZerobusMessage)]
struct Location {
    latitude: f32,
    longitude: String,
}

/// The derive and the compiler report every mistake.
#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.earthquakes")]
struct Row<'a> {
    id: i64,
    tiem: i64,
    #[zerobus(timestamp(milis))]
    time: i64,
    #[zerobus(nam = "magType", json)]
    mag_type: Option<&'a str>,
    mag: Option<&'a str>,
    status: Option<String>,
    #[zerobus(decimal(10, 2))]
    sig: f64,
    tsunami: Opaque,
    location: Location,
}

fn main() {}
