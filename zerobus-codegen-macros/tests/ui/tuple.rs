use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    pair: (i32, i32),
}

fn main() {}
