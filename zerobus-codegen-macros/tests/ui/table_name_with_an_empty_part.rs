use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(table = "main..quakes", unchecked)]
struct Row {
    id: i32,
}

fn main() {}
