use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(unchecked)]
struct Row {
    id: i64,
}

fn main() {}
