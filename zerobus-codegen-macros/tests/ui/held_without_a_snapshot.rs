use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.volcanoes")]
struct Row {
    id: i32,
}

fn main() {}
