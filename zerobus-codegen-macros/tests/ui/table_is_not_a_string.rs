use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(table = 5)]
struct Row {
    id: i32,
}

fn main() {}
