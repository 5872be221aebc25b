use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    id: i64,
    #[zerobus(skip, stamp = "sequence")]
    sequence: Option<i64>,
}

fn main() {}
