use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(key)]
struct Row {
    id: i32,
}

fn main() {}
