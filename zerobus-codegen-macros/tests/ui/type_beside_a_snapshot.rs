use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.earthquakes")]
struct Quake {
    #[zerobus(type = "STRING NOT NULL")]
    id: String,
}

fn main() {}
