use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    id: i64,
    inner: Option<Inner>,
}

#[derive(ZerobusMessage)]
struct Inner {
    #[zerobus(stamp = "producer")]
    producer: Option<String>,
    #[zerobus(stamp = "epoch")]
    epoch: Option<i64>,
    #[zerobus(stamp = "sequence")]
    sequence: Option<i64>,
}

fn main() {
    let _ = Row::descriptor();
}
