use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(stamp = "sequense")]
    sequence: Option<i64>,
    #[zerobus(stamp = "host")]
    host: Option<String>,
    #[zerobus(stamp)]
    epoch: Option<i64>,
    #[zerobus(stamp = "producer", stamp = "epoch")]
    both: Option<i64>,
}

fn main() {}
