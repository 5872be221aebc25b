use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(timestamp(ms))]
    at: i64,
}

fn main() {}
