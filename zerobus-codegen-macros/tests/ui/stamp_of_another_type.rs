use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(stamp = "producer")]
    producer: Vec<String>,
    #[zerobus(stamp = "epoch")]
    epoch: Option<i32>,
    #[zerobus(stamp = "sequence")]
    sequence: Option<Number>,
}

#[derive(ZerobusMessage)]
struct Number(String);

fn main() {}
