use zerobus_runtime::ZerobusMessage;

/// Both mistakes are reported.
#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.earthquakes")]
struct Row<'a> {
    id: i64,
    time: zerobus_runtime::Timestamp,
    status: &'a [&'a str],
    tsunami: bool,
    sig: i16,
    #[zerobus(with = |mag| mag.to_string())]
    mag: f64,
}

fn main() {}
