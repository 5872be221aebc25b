use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    id: u64,
}

fn main() {}
