use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(table = "geo.quakes", unchecked)]
struct Row {
    id: i32,
}

fn main() {}
