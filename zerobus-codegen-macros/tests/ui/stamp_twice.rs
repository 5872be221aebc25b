use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(stamp = "producer")]
    producer: Option<String>,
    #[zerobus(stamp = "epoch")]
    epoch: Option<i64>,
    #[zerobus(stamp = "epoch")]
    sequence: Option<i64>,
}

fn main() {}
