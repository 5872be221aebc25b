use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(timestamp)]
    at: i64,
}

fn main() {}
