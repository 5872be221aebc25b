use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row<T> {
    value: T,
    #[zerobus(stamp = "producer")]
    producer: Option<String>,
    #[zerobus(stamp = "epoch")]
    epoch: Option<i64>,
    #[zerobus(stamp = "sequence")]
    sequence: Option<i32>,
}

const _: bool = Row::<f64>::STAMPS.is_some();

fn main() {}
