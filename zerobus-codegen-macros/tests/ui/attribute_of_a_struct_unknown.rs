use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(tabel = "main.geo.quakes")]
struct Row {
    id: i32,
}

fn main() {}
